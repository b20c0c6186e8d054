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
  double fit_tolerance = 1e-5;  // [1] reltol of ngspice in what is fitted
  double tolerance = 1e-4;      // [1] and of the core's outputs, with the settings of docs/many_runs.md: 256 cells at 1e-5 take four times as long
  Cache cache = Cache({}, true);
};

// Wires, drivers, a shared supply, coupling, access transistors, bent cells and one draw of read noise, the same in both; every output's code within 1 LSB of ngspice's.
Section validate_corelets(const CoreletSettings& settings);

}  // namespace mho::validation
