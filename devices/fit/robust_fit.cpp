#include "devices/fit/robust_fit.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/errors.hpp"
#include "core/parallel.hpp"

namespace mho::devices {
namespace {

// Residuals at each of `points`, all parts of all points at the same time.
std::vector<Eigen::VectorXd> residuals_at(const RobustProblem& problem,
                                          const std::vector<Eigen::VectorXd>& points, int threads) {
  std::vector<Eigen::VectorXd> pieces(points.size() * problem.parts);
  parallel_for(pieces.size(), threads, [&](size_t k) {
    pieces[k] = problem.residuals(points[k / problem.parts], k % problem.parts);
  });
  std::vector<Eigen::VectorXd> whole(points.size());
  for (size_t p = 0; p < points.size(); ++p) {
    Eigen::Index size = 0, at = 0;
    for (size_t k = 0; k < problem.parts; ++k) size += pieces[p * problem.parts + k].size();
    whole[p].resize(size);
    for (size_t k = 0; k < problem.parts; ++k) {
      const Eigen::VectorXd& piece = pieces[p * problem.parts + k];
      whole[p].segment(at, piece.size()) = piece;
      at += piece.size();
    }
  }
  return whole;
}

class Search {
 public:
  Search(const RobustProblem& problem, const RobustOptions& options, const Eigen::VectorXd& start)
      : problem_(problem), o_(options), h_(Eigen::VectorXd::Constant(start.size(), options.step)) {
    r_.u = start.cwiseMax(problem.lower).cwiseMin(problem.upper);
  }

  RobustResult run() {
    try {
      r_.residuals = all_residuals(problem_, r_.u, o_.threads);
      r_.cost = robust_cost(r_.residuals, o_.loss);
      search();
    } catch (const Interrupted&) {
      r_.status = RobustStatus::interrupted;
    }
    return r_;
  }

 private:
  void search() {
    double lambda = 1e-2;
    int small = 0;
    for (r_.iterations = 0; r_.iterations < o_.max_iterations; ++r_.iterations) {
      const Eigen::MatrixXd j = jacobian();
      const Eigen::VectorXd w = robust_weights(r_.residuals, o_.loss);
      const Eigen::MatrixXd normal = j.transpose() * w.asDiagonal() * j;
      const Eigen::VectorXd gradient = j.transpose() * w.cwiseProduct(r_.residuals);
      double gain = -1.0;
      for (; lambda < 1e9; lambda *= 4.0)
        if ((gain = attempt(normal, gradient, lambda)) >= 0.0) break;
      if (gain < 0.0) {
        r_.status = RobustStatus::no_progress;
        return;
      }
      lambda = std::max(lambda / 3.0, 1e-9);
      small = gain < o_.tolerance ? small + 1 : 0;
      if (small == 2 || r_.cost == 0.0) {
        r_.status = RobustStatus::converged;
        return;
      }
    }
  }

  // Tries one step; the share by which it lowers the cost, or −1.
  double attempt(const Eigen::MatrixXd& normal, const Eigen::VectorXd& gradient, double lambda) {
    const Eigen::Index n = r_.u.size();
    Eigen::MatrixXd a = normal;
    Eigen::VectorXd b = -gradient;
    const double least = 1e-12 * std::max(normal.diagonal().maxCoeff(), 1e-300);
    for (Eigen::Index k = 0; k < n; ++k) {
      a(k, k) += lambda * std::max(normal(k, k), least);
      const bool held = (r_.u[k] <= problem_.lower[k] && gradient[k] > 0.0) ||
                        (r_.u[k] >= problem_.upper[k] && gradient[k] < 0.0);
      if (!held) continue;
      a.row(k).setZero();
      a.col(k).setZero();
      a(k, k) = 1.0;
      b[k] = 0.0;
    }
    Eigen::VectorXd step = a.ldlt().solve(b);
    if (!step.allFinite()) return -1.0;
    const double longest = step.cwiseAbs().maxCoeff();
    if (longest > o_.largest_step) step *= o_.largest_step / longest;
    const Eigen::VectorXd u = (r_.u + step).cwiseMax(problem_.lower).cwiseMin(problem_.upper);
    if (u == r_.u) return -1.0;
    Eigen::VectorXd residuals = all_residuals(problem_, u, o_.threads);
    const double cost = robust_cost(residuals, o_.loss);
    if (!(cost < r_.cost)) return -1.0;
    const double gain = 1.0 - cost / r_.cost;
    r_.u = u;
    r_.residuals = std::move(residuals);
    r_.cost = cost;
    return gain;
  }

  // Forward differences, backward at the upper bound.
  Eigen::MatrixXd jacobian() {
    const Eigen::Index n = r_.u.size();
    std::vector<Eigen::VectorXd> points;
    Eigen::VectorXd h = h_;
    for (Eigen::Index k = 0; k < n; ++k) {
      if (r_.u[k] + h[k] > problem_.upper[k]) h[k] = -h[k];
      points.push_back(r_.u);
      points.back()[k] += h[k];
    }
    const std::vector<Eigen::VectorXd> shifted = residuals_at(problem_, points, o_.threads);
    Eigen::MatrixXd j(r_.residuals.size(), n);
    for (Eigen::Index k = 0; k < n; ++k) {
      Eigen::VectorXd change = shifted[static_cast<size_t>(k)] - r_.residuals;
      for (double& c : change)
        if (!(std::abs(c) < o_.jump)) c = 0.0;
      const double moved = std::sqrt(change.squaredNorm() /
                                     static_cast<double>(std::max<Eigen::Index>(change.size(), 1)));
      j.col(k) = change / h[k];
      h_[k] = std::clamp(h_[k] * std::clamp(0.1 / std::max(moved, 1e-12), 0.1, 10.0), 1e-6, 1e-2);
    }
    return j;
  }

  const RobustProblem& problem_;
  const RobustOptions& o_;
  Eigen::VectorXd h_;
  RobustResult r_;
};

}  // namespace

std::string_view name_of(RobustStatus status) {
  constexpr std::array<std::string_view, 4> names{"converged", "iteration limit",
                                                  "no further progress", "interrupted"};
  return names.at(static_cast<size_t>(status));
}

RobustResult minimise_robust(const RobustProblem& problem, const Eigen::VectorXd& start,
                             const RobustOptions& options) {
  return Search(problem, options, start).run();
}

Eigen::VectorXd all_residuals(const RobustProblem& problem, const Eigen::VectorXd& u, int threads) {
  return std::move(residuals_at(problem, {u}, threads).front());
}

Eigen::MatrixXd central_jacobian(const RobustProblem& problem, const Eigen::VectorXd& u,
                                 const Eigen::VectorXd& h, double jump, int threads) {
  std::vector<Eigen::VectorXd> points;
  for (Eigen::Index k = 0; k < u.size(); ++k)
    for (const double sign : {1.0, -1.0}) {
      points.push_back(u);
      points.back()[k] += sign * h[k];
      points.back() = points.back().cwiseMax(problem.lower).cwiseMin(problem.upper);
    }
  const std::vector<Eigen::VectorXd> r = residuals_at(problem, points, threads);
  Eigen::MatrixXd j(r.empty() ? 0 : r.front().size(), u.size());
  for (Eigen::Index k = 0; k < u.size(); ++k) {
    const size_t at = 2 * static_cast<size_t>(k);
    Eigen::VectorXd change = r[at] - r[at + 1];
    for (double& c : change)
      if (!(std::abs(c) < jump)) c = 0.0;
    j.col(k) = change / (points[at][k] - points[at + 1][k]);
  }
  return j;
}

Eigen::VectorXd robust_weights(const Eigen::VectorXd& residuals, double loss) {
  return (1.0 + (residuals / loss).array().square()).rsqrt().matrix();
}

double robust_cost(const Eigen::VectorXd& residuals, double loss) {
  return 2.0 * loss * loss * ((1.0 + (residuals / loss).array().square()).sqrt() - 1.0).sum();
}

}  // namespace mho::devices
