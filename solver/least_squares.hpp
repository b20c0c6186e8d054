// Nonlinear least squares by Levenberg-Marquardt (Eigen's port of MINPACK's lmder), with a forward-difference Jacobian computed on several threads.
#pragma once
#include <Eigen/Core>
#include <functional>

namespace mho::solver {

struct LeastSquaresResult {
  Eigen::VectorXd x;
  double rms = 0.0;      // of the residuals at x
  int iterations = 0;
  bool converged = false;
};

// Minimises |residuals(x)|². The Jacobian steps by `step` in each (scaled) unknown.
LeastSquaresResult minimise(const std::function<Eigen::VectorXd(const Eigen::VectorXd&)>& residuals, const Eigen::VectorXd& start, double step,
                            int threads, int max_iterations);

}  // namespace mho::solver
