// CPU time of a programming pulse in ngspice and as ODE.
#pragma once
#include <cstdint>

#include "validation/section.hpp"

namespace mho::validation {

// The pulses of write–verify sequences of `cells` cells (d-analog card with spread, word line ramp,
// targets over 1.5 to 40 uS), each run in ngspice and by devices::apply_pulse() from the same
// state. Limit: the ODE takes 1/2000 of ngspice's CPU time in the median.
Section validate_pulse_speed(int cells, std::uint64_t seed);

}  // namespace mho::validation
