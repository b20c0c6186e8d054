// The two engines of the device rung against each other: every card, its sweeps and its pulses, in
// ngspice and as ODE.
#pragma once
#include <cstdint>
#include <string>

#include "core/cache.hpp"
#include "validation/section.hpp"

namespace mho::validation {

struct EngineSettings {
  std::uint64_t seed = 1;
  int workers = 2;
  double timeout = 120.0;  // [s] per run of ngspice
  std::string only;        // cards whose name starts so; empty: all
};

// Limits: every point of ngspice's curve within 1 % in current or 2 mV in voltage of that of the
// ODE (JART 10 mV, PKU 5 mV), and the other way round; states at the end within 0.5 % of their
// range. ngspice runs are cached under the text of their deck.
Section validate_engines(const EngineSettings& settings, const Cache& cache);

}  // namespace mho::validation
