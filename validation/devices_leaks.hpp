// Memory over many device runs in one process.
#pragma once
#include "validation/section.hpp"

namespace mho::validation {

// `runs` different pulses (device, start state, polarity, line and word line voltage all vary;
// d-analog card, 1T1R) through one ngspice in one process of its own. Limit: the resident memory
// grows by less than 20 MiB per 10,000 runs, the first 50 being warm-up.
Section validate_leaks(int runs);

}  // namespace mho::validation
