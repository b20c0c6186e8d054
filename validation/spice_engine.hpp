// ngspice as a dependable engine: what failures cost, what a second processor brings, and what the
// step control's settings cost at which error.
#pragma once
#include <cstdint>

#include "validation/section.hpp"

namespace mho::validation {

struct SpiceEngineSettings {
  int conversions = 1000;
  double sabotaged = 0.05;  // [1] share of the conversions
  double timeout = 10.0;    // [s] of an attempt
  std::uint64_t seed = 1;
  int workers = 0;  // 0: all processors
  int repeats = 3;  // of every timing
};

// Short conversions, some made to fail: a refused line in the netlist, SIGKILL in the middle, a
// hang, memory without end, a circuit without a solution. The whole run is killed with SIGKILL when
// half of it is done, and started again. Missed when a result of another conversion is lost or
// differs in a bit from a run without sabotage, when a failure has no name or the wrong cause, or
// when something finished ran twice.
Section validate_spice_failures(const SpiceEngineSettings& settings);

// The same conversions by one worker and by two; at least 1.8 times faster.
Section validate_spice_workers(const SpiceEngineSettings& settings);

// The same netlists at settings recommended for ngspice (reltol 1e-4, chgtol 1e-16) and at
// spice::transient_options(1e-4): at most 0.7 of the processor time at no larger error against a
// run at a hundredth of the tolerance. Conversions do not use these options yet (docs/many_runs.md).
Section validate_spice_speed(const SpiceEngineSettings& settings);

}  // namespace mho::validation
