// Cells and inputs drawn for comparisons of a core's forms.
#pragma once
#include <cstdint>
#include <vector>

#include "solver/fast_core.hpp"

namespace mho::solver {

// Weights in differential rows, rows × columns [S]: the cell of a normal weight's sign holds 1 to 40 µS in proportion to its magnitude, full at the 95th percentile; the other 1 µS.
Eigen::MatrixXd differential_cells(std::uint64_t seed, Eigen::Index rows, Eigen::Index columns);
// Uniform signed codes of `bits` magnitude bits on pairs of rows, rows × count for each bit, the least significant first.
std::vector<LevelMatrix> signed_inputs(std::uint64_t seed, Eigen::Index rows, Eigen::Index count, int bits);

}  // namespace mho::solver
