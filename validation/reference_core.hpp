// The core that forms of the array are compared on: cells of 1 to 40 µS in differential rows (solver/random_core.hpp), current over voltage as devices::SinhRead, 0.3 V, uniform
// signed inputs of 3 magnitude bits, 0.5 ohm a cell on both lines, drivers of 200 ohm and 1 kohm; and what the comparisons share.
#pragma once
#include <Eigen/Core>
#include <chrono>
#include <utility>
#include <vector>

#include "core/statistics.hpp"
#include "devices/read_nonlinearity.hpp"
#include "solver/random_core.hpp"
#include "solver/wired_core.hpp"

namespace mho::validation::reference_core {

inline constexpr double v_read = 0.3, v_fit = 0.45;    // [V] cells see at most this, lines included
inline constexpr int magnitude_bits = 3, max_code = 31;
inline constexpr double drivers[] = {200.0, 1000.0};   // [ohm]
inline constexpr double r_wire = 0.5;                  // [ohm] a cell

inline std::pair<double, double> cell_current(double g, double v) {
  const auto [current, slope] = devices::read_current(devices::SinhRead{}, g, v);
  return {current, slope};
}

inline solver::OddLaw law_of(const Eigen::MatrixXd& g) {
  return solver::fit_odd_law(g, [](double siemens, double v) { return cell_current(siemens, v).first; }, v_fit);
}

// Σ_k 2^k u_k of the whole network [V], C × B.
Eigen::MatrixXf whole_sum(const solver::NonlinearArray& array, const std::vector<solver::LevelMatrix>& levels, double tolerance);
// [V] so that max_code + ½ is reached by one sum in 200.
double code_size(const Eigen::MatrixXf& sums);
double share_of_other_codes(const Eigen::MatrixXf& a, const Eigen::MatrixXf& b, double lsb);

template <class Work>
double median_seconds(int repetitions, const Work& work) {
  work();  // warm
  std::vector<double> seconds;
  for (int n = 0; n < repetitions; ++n) {
    const auto start = std::chrono::steady_clock::now();
    work();
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return quantile(seconds, 0.5);
}

}  // namespace mho::validation::reference_core
