// A 16×16 core in ngspice with everything deterministic on, beside the models of this project: the array followed in time (solver/core_ode.hpp), then the calibrated neuron
// (solver/neuron_ode.hpp). A part of `mho validate solver`.
#pragma once
#include <cstdint>

#include "core/cache.hpp"
#include "validation/section.hpp"

namespace mho::validation {

struct CoreletSettings {
  std::uint64_t seed = 1;
  int workers = 2;
  int inputs = 2;            // [1] of 16 outputs each
  int line_runs = 24;        // ngspice runs of eight pulses of the word lines each, for the fit of the line
  int fit_conversions = 10;  // ngspice conversions of random columns of ohmic cells that the neuron is fitted to
  double tolerance = 1e-4;   // [1] reltol of every run, with the settings of docs/many_runs.md: outputs at 1e-4 and at 1e-5 differ by more than a code, so the fit sees the same
  Cache cache = Cache({}, true);
};

// Wires, drivers, a shared supply, coupling, access transistors, bent cells and one draw of read noise, the same in both; every output's code within 1 LSB of ngspice's.
Section validate_corelets(const CoreletSettings& settings);

}  // namespace mho::validation
