#include "solver/row_sums.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>

namespace mho::solver {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

constexpr double budget = 0.002;  // [LSB] rms of one sum: all of them stay below 0.01 together

constexpr double noise_budget = 0.005;  // [1] of the noise's standard deviation

double rms_of(const MatrixXd& m) { return m.norm() / std::sqrt(static_cast<double>(m.size())); }

// What is left of every column's cells after a constant, their share and, where it is given, their part of the line's sum.
MatrixXd regress(const MatrixXd& t, const MatrixXd& share, const MatrixXd* line, kernel::Regression& fit) {
  MatrixXd left = t, design(t.rows(), line ? 3 : 2);
  design.col(0).setOnes();
  for (Index j = 0; j < t.cols(); ++j) {
    design.col(1) = share.col(j);
    double scale = 1.0;  // of the order of 1, as the others
    if (line) {
      scale = 1.0 / std::max(line->col(j).cwiseAbs().maxCoeff(), 1e-300);
      design.col(2) = scale * line->col(j);
    }
    const Eigen::VectorXd c = design.colPivHouseholderQr().solve(t.col(j));
    fit.count[j] = static_cast<float>(c[0]);
    fit.share[j] = static_cast<float>(c[1]);
    if (line) fit.line[j] = static_cast<float>(scale * c[2]);
    left.col(j) -= design * c;
  }
  return left;
}

// Digits take entries from 0 on; what is below goes with the count of active rows.
MatrixXd from_zero(const MatrixXd& t, kernel::ArrayXf& count) {
  MatrixXd shifted = t;
  for (Index j = 0; j < t.cols(); ++j) {
    const double low = std::min(0.0, t.col(j).minCoeff());
    count[j] = static_cast<float>(low);
    shifted.col(j).array() -= static_cast<double>(count[j]);
  }
  return shifted.cwiseMax(0.0);
}

}  // namespace

RowSums choose_sums(const CellSums& cells, const FallEmulator& fall, const LevelMatrix& inputs, double lsb_per_volt, kernel::Columns& columns) {
  RowSums sums;
  const MatrixXd odd = inputs.cast<double>(), even = odd.cwiseAbs();
  const MatrixXd line = cells.line.transpose() * odd;
  // By the root, a relative error of the slope moves the line by itself, one of the curvature by its square.
  const auto line_error = [&](int power) {
    return [&, power](const MatrixXd& left, const MatrixXd& x) { return lsb_per_volt * rms_of(((left.transpose() * x).array() * line.array().abs().pow(power)).matrix()); };
  };
  const auto product = [&](kernel::Sum sum, const char* name, const MatrixXd& t, const MatrixXd& x, const auto& error_of, double most, kernel::ArrayXf& count, int least = 1) {
    const MatrixXd shifted = from_zero(t, count);
    for (int digits = least; digits <= 2; ++digits) {
      const LevelProduct& out = sums.product[sum].emplace(shifted, digits);
      const double error = error_of(shifted - out.rounded(), x);
      if (error <= most || digits == 2) {
        sums.choices.push_back({name, digits, error});
        return;
      }
    }
  };
  const MatrixXd share = fall.share().cast<double>();
  const auto correction = [&](kernel::Sum sum, const char* name, const MatrixXd& t, const MatrixXd& x, const auto& error_of, double most, kernel::Regression& fit) {
    const double error = error_of(regress(t, share, &x == &odd ? &cells.line : nullptr, fit), x);
    if (error <= most) {
      sums.choices.push_back({name, 0, error});
      return;
    }
    fit.share.setZero();
    fit.line.setZero();
    product(sum, name, t, x, error_of, most, fit.count);
  };
  product(kernel::line, "line", cells.line, odd, line_error(0), budget, columns.line_count, 2);
  correction(kernel::even, "line, even", cells.even, even, line_error(0), budget, columns.even);
  correction(kernel::slope_odd, "slope, odd", cells.slope_odd, odd, line_error(1), budget, columns.slope_odd);
  correction(kernel::slope_even, "slope, even", cells.slope_even, even, line_error(1), budget, columns.slope_even);
  correction(kernel::curve_odd, "curvature, odd", cells.curve_odd, odd, line_error(2), budget, columns.curve_odd);
  correction(kernel::curve_even, "curvature, even", cells.curve_even, even, line_error(2), budget, columns.curve_even);
  columns.curve = cells.curve.cast<float>();
  columns.cubic = cells.cubic.cast<float>();
  columns.cubic_even = cells.cubic_even.cast<float>();
  columns.cubic_odd = cells.cubic_odd.cast<float>();
  columns.quartic = cells.quartic.cast<float>();
  columns.quartic_even = cells.quartic_even.cast<float>();
  sums.product[kernel::share_odd].emplace(share, 1);
  if (cells.noise.size() > 0) {
    // Standard deviations are half as far off as variances.
    const double mean = std::max((cells.noise.transpose() * even).mean(), 1e-300);
    const auto relative = [&](const MatrixXd& left, const MatrixXd& x) { return 0.5 * rms_of(left.transpose() * x) / mean; };
    const auto relative_mixed = [&](const MatrixXd& left, const MatrixXd& x) { return rms_of((left.transpose() * x).cwiseProduct(line)) / mean; };
    correction(kernel::noise, "noise", cells.noise, even, relative, noise_budget, columns.noise);
    correction(kernel::cross, "noise, mixed", cells.cross, odd, relative_mixed, noise_budget, columns.cross);
    columns.still = cells.still.cast<float>();
  }
  sums.product[kernel::power].emplace(cells.power, 1);
  return sums;
}

}  // namespace mho::solver
