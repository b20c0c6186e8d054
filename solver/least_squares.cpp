#include "solver/least_squares.hpp"

#include <cmath>
#include <unsupported/Eigen/NonLinearOptimization>

#include "core/parallel.hpp"
#include "core/progress.hpp"

namespace mho::solver {
namespace {

struct Functor {
  const std::function<Eigen::VectorXd(const Eigen::VectorXd&)>& residuals;
  double step;
  int threads, unknowns, count;
  int inputs() const { return unknowns; }
  int values() const { return count; }
  int operator()(const Eigen::VectorXd& x, Eigen::VectorXd& f) const {
    throw_if_interrupted();
    f = residuals(x);
    return 0;
  }
  int df(const Eigen::VectorXd& x, Eigen::MatrixXd& jacobian) const {
    const Eigen::VectorXd f0 = residuals(x);
    parallel_for(static_cast<size_t>(unknowns), threads, [&](size_t j) {
      Eigen::VectorXd shifted = x;
      const Eigen::Index column = static_cast<Eigen::Index>(j);
      shifted[column] += step;
      jacobian.col(column) = (residuals(shifted) - f0) / step;
    });
    return 0;
  }
};

}  // namespace

LeastSquaresResult minimise(const std::function<Eigen::VectorXd(const Eigen::VectorXd&)>& residuals, const Eigen::VectorXd& start, double step,
                            int threads, int max_iterations) {
  const Eigen::Index count = residuals(start).size();
  Functor functor{residuals, step, threads, static_cast<int>(start.size()), static_cast<int>(count)};
  Eigen::LevenbergMarquardt<Functor> lm(functor);
  LeastSquaresResult result;
  result.x = start;
  lm.parameters.ftol = lm.parameters.xtol = 1e-6;
  auto status = lm.minimizeInit(result.x);
  while (status != Eigen::LevenbergMarquardtSpace::ImproperInputParameters && result.iterations < max_iterations) {
    status = lm.minimizeOneStep(result.x);
    ++result.iterations;
    if (status != Eigen::LevenbergMarquardtSpace::Running) break;
  }
  result.converged = status != Eigen::LevenbergMarquardtSpace::ImproperInputParameters && result.x.allFinite();
  result.rms = lm.fnorm / std::sqrt(static_cast<double>(count));
  return result;
}

}  // namespace mho::solver
