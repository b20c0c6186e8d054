// Section of `mho validate devices`: the card radar_1t1r against the measured pulse curves that it
// was fitted to, on points that its fit never saw.
#pragma once
#include <cstdint>
#include <string>

#include "validation/pulse_curve_fit.hpp"
#include "validation/section.hpp"

namespace mho::validation {

enum class Refit {
  local,  // Levenberg–Marquardt from a start 3 % off the card in every parameter
  full    // from nothing: differential evolution over the bounds first (minutes)
};

// The shipped card with the bench of its measurement. Throws ConfigError, IoError.
PulseDevice shipped_pulse_device();

// `data_folder` holds derived/radar_1t1r_pulse_curves.csv; empty: the section is skipped. Limits,
// on held-out points only: rms of ln R (model/measured) of each curve at most 0.15 without the
// points of the SET jump (Jump::first … last of the measured curve), place of the jump within 30 mV
// for each pulse width. A refit that ends elsewhere than the card is a miss too.
Section validate_pulse_curves(const std::string& data_folder, std::uint64_t seed, int threads,
                              Refit refit = Refit::local);

}  // namespace mho::validation
