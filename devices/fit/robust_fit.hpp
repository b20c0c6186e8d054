// Least squares for curves with jumps and outliers: Levenberg-Marquardt inside a box with a soft L1
// loss.
//
//   minimise  C(u) = Σ ρ(r_k(u)),  ρ(r) = 2c²(√(1 + r²/c²) − 1),   lower ≤ u ≤ upper
// ρ is r² for |r| ≪ c and 2c|r| beyond. Each step solves (JᵀWJ + λ diag JᵀWJ) δ = −JᵀW r with the
// weights w = ρ'/(2r) = 1/√(1 + r²/c²) of the present residuals (iteratively reweighted);
// parameters at a bound that δ would leave stand still for that step. λ falls by 3 after a step
// that lowers C and rises by 4 after one that does not. Marquardt, J. SIAM 11, 431
// (1963), 10.1137/0111030; Holland, Welsch, Commun. Stat. A 6, 813
// (1977), 10.1080/03610927708827533.
//
// A residual that changes by more than `jump` within a differencing step has passed a jump of its
// curve, where no derivative exists: its entry in J is zero.
#pragma once
#include <Eigen/Core>
#include <cstddef>
#include <functional>
#include <string_view>

namespace mho::devices {

struct RobustProblem {
  size_t parts = 1;  // residuals come in parts that can be computed at the same time
  std::function<Eigen::VectorXd(const Eigen::VectorXd& u, size_t part)>
      residuals;  // thread-safe; always as long as at first
  Eigen::VectorXd lower, upper;
};

struct RobustOptions {
  double loss = 3.0;   // [1] c
  double jump = 5.0;   // [1]
  double step = 1e-3;  // [u] of differences at first; then such that residuals move by 0.1 in rms,
                       // 1e-6 to 1e-2
  double largest_step = 0.7;  // [u] of one parameter in one iteration
  int max_iterations = 40;
  double tolerance =
      1e-4;  // [1] ended when two accepted steps in a row lower C by less than this share
  int threads = 1;
};

enum class RobustStatus { converged, iteration_limit, no_progress, interrupted };
std::string_view name_of(RobustStatus status);

struct RobustResult {
  Eigen::VectorXd u, residuals;
  double cost = 0.0;  // C(u)
  int iterations = 0;
  RobustStatus status = RobustStatus::iteration_limit;
};

// Throws what `residuals` throws, but Interrupted: that ends the search with what was best so far.
RobustResult minimise_robust(const RobustProblem& problem, const Eigen::VectorXd& start,
                             const RobustOptions& options);

Eigen::VectorXd all_residuals(const RobustProblem& problem, const Eigen::VectorXd& u, int threads);
// Derivatives of the residuals by central differences with the step h in each u.
Eigen::MatrixXd central_jacobian(const RobustProblem& problem, const Eigen::VectorXd& u,
                                 const Eigen::VectorXd& h, double jump, int threads);
Eigen::VectorXd robust_weights(const Eigen::VectorXd& residuals, double loss);
double robust_cost(const Eigen::VectorXd& residuals, double loss);

}  // namespace mho::devices
