// Where the energy of conversions goes: by phase and component, and how much of it is static.
//
// Static is what the same circuit draws while nothing switches, from a run of
// netlists/programs/hold.toml: E_static = P_rest · t per phase and component. In phases that decide
// the amplifier works as the comparator, and its energy is the comparator's
// (circuits/conversion.hpp). Bias is the generator of a core over the neurons that share it.
// Dynamic is the rest.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "circuits/conversion_data.hpp"

namespace mho::circuits {

inline constexpr int neurons_per_bias = 256;  // a core shares one bias generator

// Mean power while nothing switches [W], by component, from a record of the program `hold`.
std::array<double, component_count> rest_power(const ControlProgram& hold,
                                               const ConversionRecord& record);

struct PhaseEnergyRow {
  std::string phase;
  bool decides = false;
  double count = 0.0, time = 0.0;  // [1], [s] per conversion
  std::array<double, component_count> joule{},
      at_rest{};  // [J] per conversion; at_rest is the static part
};

struct EnergyTable {
  std::vector<PhaseEnergyRow>
      phases;  // in the order of the program, those that ran; means over the records
  std::array<double, component_count> joule{};
  double total = 0.0, statics = 0.0, dynamics = 0.0, bias = 0.0;  // [J] per conversion
  double duration = 0.0;                                          // [s]
};
EnergyTable energy_table(const ControlProgram& program,
                         const std::vector<ConversionRecord>& records,
                         const std::array<double, component_count>& rest);

}  // namespace mho::circuits
