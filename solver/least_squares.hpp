// Nonlinear least squares by Levenberg-Marquardt (Eigen's port of MINPACK's lmder), with a forward-difference Jacobian computed on several threads.
#pragma once
#include <Eigen/Core>
#include <cstddef>
#include <functional>
#include <vector>

namespace mho::solver {

struct LeastSquaresResult {
  Eigen::VectorXd x;
  double rms = 0.0;      // of the residuals at x
  int iterations = 0, points = 0;
  bool converged = false;
};

// Minimises |residuals(x)|². The Jacobian steps by `step` in each (scaled) unknown.
LeastSquaresResult minimise(const std::function<Eigen::VectorXd(const Eigen::VectorXd&)>& residuals, const Eigen::VectorXd& start, double step,
                            int threads, int max_iterations);

// n × p by central differences around x, `step` to either side of each unknown.
Eigen::MatrixXd jacobian(const std::function<Eigen::VectorXd(const Eigen::VectorXd&)>& residuals, const Eigen::VectorXd& x, double step, int threads);

// What leaving out each run does to a fit of p unknowns to n residuals f with Jacobian j (n × p), of which run[i] says where residual i comes from; one Gauss-Newton step each.
struct Deletions {
  Eigen::MatrixXd by_run;         // p × runs; Σ over runs of its outer products · (runs − 1)/runs is the jackknife's covariance
  Eigen::MatrixXd rest;           // p × p, covariance by what pulls the unknowns to where they start with weight `prior`
  Eigen::VectorXd independent;    // p, variances if all residuals were independent and of one variance
};
// earlier (n × q): Jacobian to unknowns of fits before this one, which leaving out runs moved by `before` (q × runs).
Deletions without_each_run(const Eigen::VectorXd& f, const Eigen::MatrixXd& j, const std::vector<size_t>& run, Eigen::Index runs, double prior = 0.0, const Eigen::MatrixXd& earlier = {},
                           const Eigen::MatrixXd& before = {});

}  // namespace mho::solver
