// The forms of a core's array against each other and against independent solutions: the parts of `mho validate solver`. The reference core: 256×256 cells of 1 to 40 µS in
// differential rows, 0.5 ohm a cell on both lines, drivers of 200 ohm and 1 kohm, current over voltage as devices::SinhRead, 0.3 V, uniform signed inputs of 3 magnitude bits.
#pragma once
#include <cstdint>

#include "validation/section.hpp"

namespace mho::validation {

struct SolverFormSettings {
  std::uint64_t seed = 1;
  int inputs = 256;       // [1] of the comparisons
  int draws = 100000;     // [1] of the read noise, cell by cell
};

// The linear map of a core with its wires: time, memory, distance from a sparse nodal solution.
Section validate_array_map(const SolverFormSettings& settings);
// Bent cells with all wires, every cell at its own voltage, against Newton on all nodes.
Section validate_combined(const SolverFormSettings& settings);
// The form of a few products against that: error before the ADC, codes, time beside a single-precision product; each effect left out.
Section validate_vectorised(const SolverFormSettings& settings);
// Its time against rows, columns, batch, bits and threads, with fitted exponents; the same bits from two threads as from one.
Section validate_scaling(const SolverFormSettings& settings);
// Its mean and variance under read noise against cells drawn one by one.
Section validate_read_noise_form(const SolverFormSettings& settings);

}  // namespace mho::validation
