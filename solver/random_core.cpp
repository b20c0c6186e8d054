#include "solver/random_core.hpp"

#include <algorithm>
#include <cmath>

#include "core/random.hpp"

namespace mho::solver {

using Eigen::Index;

Eigen::MatrixXd differential_cells(std::uint64_t seed, Index rows, Index columns) {
  RandomStream random(seed, 0, 0, 0, Purpose::weights);
  Eigen::MatrixXd g = Eigen::MatrixXd::Constant(rows, columns, 1e-6);  // also a last row without a partner
  for (Index j = 0; j < columns; ++j)
    for (Index i = 0; i + 1 < rows; i += 2) {
      const double w = random.normal(), strong = 1e-6 + 39e-6 * std::min(std::abs(w) / 1.959964, 1.0);  // w_max: 95th percentile of |w|
      g(i, j) = w > 0 ? strong : 1e-6;
      g(i + 1, j) = w > 0 ? 1e-6 : strong;
    }
  return g;
}

std::vector<LevelMatrix> signed_inputs(std::uint64_t seed, Index rows, Index count, int bits) {
  RandomStream random(seed, 0, 0, 1, Purpose::inputs);
  std::vector<LevelMatrix> levels(static_cast<size_t>(bits), LevelMatrix::Zero(rows, count));
  const int full = (1 << bits) - 1;
  for (Index b = 0; b < count; ++b)
    for (Index i = 0; i + 1 < rows; i += 2) {
      const int code = static_cast<int>(random.below(static_cast<std::uint32_t>(2 * full + 1))) - full;
      for (int k = 0; k < bits; ++k) {
        const int level = (std::abs(code) >> k & 1) * (code > 0 ? 1 : -1);
        levels[static_cast<size_t>(k)](i, b) = static_cast<std::int8_t>(level);
        levels[static_cast<size_t>(k)](i + 1, b) = static_cast<std::int8_t>(-level);
      }
    }
  return levels;
}

}  // namespace mho::solver
