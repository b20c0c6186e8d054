#include "validation/reference_core.hpp"

#include <cmath>

namespace mho::validation::reference_core {

using Eigen::Index;
using Eigen::MatrixXf;

MatrixXf whole_sum(const solver::NonlinearArray& array, const std::vector<solver::LevelMatrix>& levels, double tolerance) {
  MatrixXf sum, u;
  for (size_t k = 0; k < levels.size(); ++k) {
    array.solve(levels[k], v_read, tolerance, u);
    if (k == 0) sum = u;
    else sum += static_cast<float>(1 << k) * u;
  }
  return sum;
}

double code_size(const MatrixXf& sums) {
  std::vector<double> magnitude;
  for (Index n = 0; n < sums.size(); ++n) magnitude.push_back(std::abs(static_cast<double>(sums.data()[n])));
  return quantile(magnitude, 0.995) / (max_code + 0.5);
}

double share_of_other_codes(const MatrixXf& a, const MatrixXf& b, double lsb) {
  solver::CodeMatrix ca, cb;
  solver::truncate_codes(a, lsb, max_code, ca);
  solver::truncate_codes(b, lsb, max_code, cb);
  return static_cast<double>((ca.array() != cb.array()).count()) / static_cast<double>(ca.size());
}

}  // namespace mho::validation::reference_core
