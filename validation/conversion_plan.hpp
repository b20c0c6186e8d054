// Which conversions to run: random columns that spread rows, conductances, inputs and operating points. Drawn from a seed; calibration and validation use
// different purposes of the random stream, so no column is in both.
#pragma once
#include <cstdint>
#include <vector>

#include "circuits/conversion_data.hpp"
#include "core/random.hpp"
#include "validation/space_filling.hpp"

namespace mho::validation {

struct PlanOptions {
  int min_rows = 16, max_rows = 256;
  int bits = 3;        // magnitude bits of the inputs
  int max_code = 31;   // of three quarters of the columns; twice this plus one for the others
};

// Column number `index` of the plan. Rows are drawn log-uniform; conductances uniform, low, in pairs with a partner at 1 µS, or as a mapped matrix has them (pairs of normally
// distributed weights with the spread of programming and relaxation); inputs dense or sparse; and the decrement such that codes spread over the range.
circuits::ColumnInput random_column(std::uint64_t seed, std::uint32_t index, Purpose purpose, const circuits::CircuitParams& circuit,
                                    const PlanOptions& options);

// Where column `index` of a calibration lies on the axes of the plan, each from 0 to 1: rows, kind of conductances, read voltage, and for conversions lean and density of the inputs, multiplier,
// trim, largest code and the code that is aimed at.
UnitPoint conversion_plan_point(std::uint64_t seed, std::uint32_t index);
UnitPoint line_plan_point(std::uint64_t seed, std::uint32_t index);

// Rows drawn uniformly and the same kinds of conductances, under `pulses` unrelated patterns of levels: for runs that only pulse the word lines (netlists/programs/line_pulses.toml).
circuits::ColumnInput random_line_column(std::uint64_t seed, std::uint32_t index, Purpose purpose, const circuits::CircuitParams& circuit,
                                         const PlanOptions& options, int pulses);

// First guess of the trim [V] for `rows` active rows, good to some 50 mV: used only to place calibration runs near where the chip works. The calibrated model replaces it.
double provisional_trim(double rows, const circuits::CircuitParams& circuit);

}  // namespace mho::validation
