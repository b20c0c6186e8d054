// How each sum over a core's active rows is formed, chosen by what it may add to the error before the ADC.
//
// A sum that enters as a correction is first tried as a regression of its cells on what is summed anyway: 1, their share s in the fall of the word lines, and for sums of x
// their part of the line's sum, which itself has two digits. Where that misses the budget, it is a product of its own with one digit of 8 bits, then with two (level_product.hpp). The error is measured on
// random levels, each row for itself.
#pragma once
#include <Eigen/Core>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "solver/cell_sums.hpp"
#include "solver/fall_emulator.hpp"
#include "solver/fast_kernel.hpp"
#include "solver/level_product.hpp"

namespace mho::solver {

// How one sum is formed.
struct SumChoice {
  std::string name;
  int digits = 0;      // [1] 8-bit digits of its product; 0: a regression
  double error = 0.0;  // [LSB] rms that this adds before the ADC; of the noise's sums [1] of its standard deviation
};

struct RowSums {
  std::array<std::optional<LevelProduct>, kernel::sum_count> product;  // share_even is that of share_odd
  std::vector<SumChoice> choices;
};

// inputs: random levels of R rows that errors are measured with. lsb_per_volt [1/V]: what an error of all bits' lines adds before the ADC. Fills the regressions, counts of the
// line's sum and `curve` of `columns`.
RowSums choose_sums(const CellSums& cells, const FallEmulator& fall, const LevelMatrix& inputs, double lsb_per_volt, kernel::Columns& columns);

}  // namespace mho::solver
