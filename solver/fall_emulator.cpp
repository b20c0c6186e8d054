#include "solver/fall_emulator.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <vector>

#include "core/random.hpp"
#include "solver/line.hpp"
#include "solver/word_line_fall.hpp"

namespace mho::solver {

void FallEmulator::features(Eigen::Index column, double v, double n_up, double n_down, double p_up, double p_down, double* f) const {
  const double a = n_up * scale_, b = n_down * scale_, p = p_up * scale_, m = p_down * scale_, t1 = t1_[column], t2 = t2_[column];
  const double both = a + b, w = 4.0 * v;
  f[0] = 1, f[1] = w, f[2] = w * w, f[3] = a, f[4] = b, f[5] = p, f[6] = m, f[7] = t1, f[8] = t2, f[9] = w * a, f[10] = w * b, f[11] = w * t1;
  f[12] = both * both, f[13] = (p + m) * (p + m), f[14] = (p - m) * (p - m), f[15] = both * t1, f[16] = (p + m) * t1, f[17] = t1 * t1, f[18] = w * (p + m),
  f[19] = w * w * w;
}

FallEmulator::FallEmulator(const NeuronModel& model, const Eigen::MatrixXd& conductance, const OperatingPoint& point) {
  const Eigen::Index rows = conductance.rows(), columns = conductance.cols();
  const Eigen::MatrixXd s = conductance.array() / (conductance.array() + 40e-6);
  share_ = s.cast<float>();
  scale_ = 1.0 / static_cast<double>(rows);
  t1_ = s.colwise().sum().transpose() * scale_;
  t2_ = s.array().square().matrix().colwise().sum().transpose() * scale_;

  // Random inputs of all densities: half in opposite pairs as differential rows get them, half with independent rows.
  const Eigen::Index count = std::clamp<Eigen::Index>(10 * columns, 120, 320);
  Eigen::MatrixXd design(count + feature_count, feature_count);
  Eigen::VectorXd target = Eigen::VectorXd::Zero(count + feature_count);
  std::vector<std::int8_t> levels(static_cast<size_t>(rows));
  for (Eigen::Index k = 0; k < count; ++k) {
    RandomStream random(1, 0, 0, static_cast<std::uint32_t>(k), Purpose::calibration_plan);
    const Eigen::Index j = k % columns;
    const double density = random.uniform(), lean = 0.5 + 0.3 * (random.uniform() - 0.5);
    const bool pairs = random.below(4) != 0;
    double n_up = 0, n_down = 0, p_up = 0, p_down = 0;
    for (Eigen::Index i = 0; i < rows; ++i) {
      std::int8_t level = random.uniform() < density ? (random.uniform() < lean ? 1 : -1) : 0;
      if (pairs && i % 2 == 1) level = static_cast<std::int8_t>(-levels[static_cast<size_t>(i - 1)]);
      levels[static_cast<size_t>(i)] = level;
      if (level > 0) n_up += 1, p_up += s(i, j);
      if (level < 0) n_down += 1, p_down += s(i, j);
    }
    const std::span<const double> g(conductance.col(j).data(), static_cast<size_t>(rows));
    const LineCurrent current = line_current(model, g, levels, point.v_read);
    // Driven line: the root of the quadratic current next to its centre.
    double v = current.centre - current.c0 / current.c1;
    for (int n = 0; n < 3; ++n) v -= current.at(v) / (current.c1 + 2 * current.c2 * (v - current.centre));
    Eigen::Matrix<double, feature_count, 1> f;
    features(j, v, n_up, n_down, p_up, p_down, f.data());
    design.row(k) = f.transpose();
    target[k] = line_after_fall(model, g, levels, point.v_read, v) - v;
  }
  // A ridge of a hundredth of a millivolt per unit feature keeps features that the block does not vary at zero.
  design.bottomRows(feature_count) = 1e-4 * Eigen::Matrix<double, feature_count, feature_count>::Identity();
  weight_ = design.colPivHouseholderQr().solve(target);
  misfit_ = (design.topRows(count) * weight_ - target.head(count)).norm() / std::sqrt(static_cast<double>(count));
}

double FallEmulator::step(Eigen::Index column, double v, double n_up, double n_down, double p_up, double p_down) const {
  Eigen::Matrix<double, feature_count, 1> f;
  features(column, v, n_up, n_down, p_up, p_down, f.data());
  return f.dot(weight_);
}

// The features in powers of w = 4 v and of the sums over rows; w⁰ and w¹ depend on column and input, w² and w³ are the same everywhere.
void FallEmulator::tabulate(kernel::Columns& c) const {
  const auto& k = weight_;
  const auto number = [](double x) { return static_cast<float>(x); };
  c.fall = (k[0] + k[7] * t1_.array() + k[8] * t2_.array() + k[17] * t1_.array().square()).cast<float>();
  c.fall_slope = (k[1] + k[11] * t1_.array()).cast<float>();
  c.fall_even = (scale_ * (0.5 * (k[5] + k[6]) + k[16] * t1_.array())).cast<float>();
  c.fall_both = (k[15] * t1_.array()).cast<float>();
  c.fall_odd = number(scale_ * 0.5 * (k[5] - k[6]));
  c.fall_even2 = number(scale_ * scale_ * k[13]);
  c.fall_odd2 = number(scale_ * scale_ * k[14]);
  c.fall_slope_even = number(scale_ * k[18]);
  c.fall2 = number(k[2]);
  c.fall3 = number(k[19]);
}

kernel::Activity FallEmulator::activity(int n_up, int n_down) const {
  const auto& k = weight_;
  const double a = n_up * scale_, b = n_down * scale_, both = a + b;
  return {static_cast<float>(n_up - n_down), static_cast<float>(n_up + n_down), static_cast<float>(k[3] * a + k[4] * b + k[12] * both * both),
          static_cast<float>(k[9] * a + k[10] * b), static_cast<float>(both)};
}

}  // namespace mho::solver
