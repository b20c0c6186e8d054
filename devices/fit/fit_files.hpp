// What a fit leaves behind: a card that load_card() reads, a record for programs, the curves as a
// table, and text for people.
#pragma once
#include <string>

#include "core/csv.hpp"
#include "core/json_file.hpp"
#include "devices/fit/device_fit.hpp"
#include "devices/select_transistor.hpp"

namespace mho::devices {

struct FitOrigin {
  std::string name;              // of the new card
  std::string data, start_card;  // paths
  std::uint64_t seed = 1;
  double compliance = 0.0;      // [A] that the fit was made with; 0: none
  SelectTransistor transistor;  // of the start card
};

// Without [spread]: one device says nothing about others.
std::string card_text(const DeviceFit& fit, const FitOrigin& origin);
Json to_json(const DeviceFit& fit, const FitOrigin& origin);
CsvTable curve_table(const DeviceFit& fit, bool pulses);
std::string report_text(const DeviceFit& fit);

}  // namespace mho::devices
