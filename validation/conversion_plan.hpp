// Which conversions to run: random columns that spread rows, conductances, inputs and operating points. Drawn from a seed; calibration and validation use
// different purposes of the random stream, so no column is in both.
#pragma once
#include <cstdint>
#include <vector>

#include "circuits/conversion_data.hpp"
#include "core/random.hpp"

namespace mho::validation {

struct PlanOptions {
  int min_rows = 16, max_rows = 256;
  int bits = 3;        // magnitude bits of the inputs
  int max_code = 31;
};

// Column number `index` of the plan. Rows are drawn log-uniform, conductances uniform, low, or differential with the partner at 1 µS, and the decrement such that
// codes spread over the range.
circuits::ColumnInput random_column(std::uint64_t seed, std::uint32_t index, Purpose purpose, const circuits::CircuitParams& circuit,
                                    const PlanOptions& options);

// First guess of the trim [V] for `rows` active rows, good to some 50 mV: used only to place calibration runs near where the chip works. The calibrated model replaces it.
double provisional_trim(double rows, const circuits::CircuitParams& circuit);

}  // namespace mho::validation
