#include "devices/fit/fit_statistics.hpp"

#include <fmt/format.h>

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <limits>

namespace mho::devices {
namespace {

using Eigen::Index, Eigen::MatrixXd, Eigen::VectorXd;

// Correlation of neighbours within the parts.
double neighbour_correlation(const VectorXd& r, const std::vector<Index>& sizes) {
  double product = 0.0, square = 0.0;
  Index at = 0;
  for (const Index size : sizes) {
    for (Index k = 0; k < size; ++k) {
      square += r[at + k] * r[at + k];
      if (k > 0) product += r[at + k] * r[at + k - 1];
    }
    at += size;
  }
  return square > 0.0 ? std::clamp(product / square, 0.0, 0.98) : 0.0;
}

// The combination of an eigenvector, by the parameters that take part.
std::string combination(const VectorXd& v, const std::vector<std::string>& names) {
  std::string text;
  for (Index k = 0; k < v.size(); ++k)
    if (std::abs(v[k]) > 0.3) text += (text.empty() ? "" : ", ") + names[static_cast<size_t>(k)];
  return text;
}

}  // namespace

FitStatistics fit_statistics(const MatrixXd& jacobian, const VectorXd& residuals,
                             const VectorXd& weights, const std::vector<Index>& sizes,
                             const std::vector<bool>& held, const std::vector<std::string>& names) {
  constexpr double infinite = std::numeric_limits<double>::infinity(),
                   none = std::numeric_limits<double>::quiet_NaN();
  const Index n = jacobian.cols();
  FitStatistics out;
  out.error = out.residual_error = VectorXd::Constant(n, infinite);
  out.cycle_error = VectorXd::Constant(n, none);
  out.correlation = MatrixXd::Identity(n, n);
  out.points = static_cast<double>(residuals.size());
  const VectorXd weighted = weights.cwiseSqrt().cwiseProduct(residuals);
  std::vector<Index> seen;
  for (Index k = 0; k < n; ++k) {
    const bool moves = jacobian.col(k).squaredNorm() > 0.0;
    if (held[static_cast<size_t>(k)])
      out.warnings.push_back(fmt::format(
          "{} ends at a bound: its error is not known, and the others are those at this bound",
          names[static_cast<size_t>(k)]));
    else if (!moves)
      out.warnings.push_back(
          fmt::format("{} has no influence on this data", names[static_cast<size_t>(k)]));
    else
      seen.push_back(k);
  }
  const Index m = static_cast<Index>(seen.size());
  out.s = std::sqrt(weighted.squaredNorm() / std::max(1.0, out.points - static_cast<double>(m)));
  out.rho = neighbour_correlation(weighted, sizes);
  if (m == 0) return out;

  MatrixXd j(jacobian.rows(), m);
  std::vector<std::string> seen_names;
  for (Index k = 0; k < m; ++k) {
    j.col(k) = weights.cwiseSqrt().cwiseProduct(jacobian.col(seen[static_cast<size_t>(k)]));
    seen_names.push_back(names[static_cast<size_t>(seen[static_cast<size_t>(k)])]);
  }
  const VectorXd norm = j.colwise().norm();
  const MatrixXd scaled =
      (j * norm.cwiseInverse().asDiagonal()).transpose() * (j * norm.cwiseInverse().asDiagonal());
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(scaled);
  out.eigenvalues = eigen.eigenvalues();
  const VectorXd safe = out.eigenvalues.cwiseMax(1e-14);
  const MatrixXd inverse =
      norm.cwiseInverse().asDiagonal() *
      (eigen.eigenvectors() * safe.cwiseInverse().asDiagonal() * eigen.eigenvectors().transpose()) *
      norm.cwiseInverse().asDiagonal();
  const MatrixXd covariance = out.s * out.s * (1.0 + out.rho) / (1.0 - out.rho) * inverse;

  MatrixXd between = MatrixXd::Constant(m, m, none);
  if (sizes.size() >= 3) {
    MatrixXd middle = MatrixXd::Zero(m, m);
    Index at = 0;
    for (const Index size : sizes) {
      const VectorXd g = j.middleRows(at, size).transpose() * weighted.segment(at, size);
      middle += g * g.transpose();
      at += size;
    }
    const double c = static_cast<double>(sizes.size());
    between = c / (c - 1.0) * inverse * middle * inverse;
  }
  for (Index a = 0; a < m; ++a) {
    const Index k = seen[static_cast<size_t>(a)];
    out.residual_error[k] = std::sqrt(covariance(a, a));
    out.cycle_error[k] = std::sqrt(between(a, a));
    out.error[k] = std::isfinite(out.cycle_error[k])
                       ? std::max(out.residual_error[k], out.cycle_error[k])
                       : out.residual_error[k];
    for (Index b = 0; b < m; ++b)
      out.correlation(k, seen[static_cast<size_t>(b)]) =
          covariance(a, b) / std::sqrt(covariance(a, a) * covariance(b, b));
    if (out.error[k] > undetermined_error)
      out.warnings.push_back(
          fmt::format("{} is not determined by this data: its relative error is {:.3g}",
                      names[static_cast<size_t>(k)], out.error[k]));
  }
  for (Index a = 0; a < n; ++a)
    for (Index b = 0; b < a; ++b)
      if (std::abs(out.correlation(a, b)) > strong_correlation)
        out.warnings.push_back(fmt::format(
            "{} and {} are not told apart: their correlation is {:.4f}",
            names[static_cast<size_t>(b)], names[static_cast<size_t>(a)], out.correlation(a, b)));
  for (Index k = 0; k < m; ++k)
    if (out.eigenvalues[k] < weak_eigenvalue)
      out.warnings.push_back(fmt::format(
          "the data do not see a combination of {} (eigenvalue {:.2g} of the scaled normal matrix)",
          combination(eigen.eigenvectors().col(k), seen_names), out.eigenvalues[k]));
  return out;
}

}  // namespace mho::devices
