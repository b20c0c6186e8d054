#include "solver/least_squares.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
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
  result.points = static_cast<int>(count);
  result.rms = lm.fnorm / std::sqrt(static_cast<double>(count));
  return result;
}

Eigen::MatrixXd jacobian(const std::function<Eigen::VectorXd(const Eigen::VectorXd&)>& residuals, const Eigen::VectorXd& x, double step, int threads) {
  std::vector<Eigen::VectorXd> columns(static_cast<size_t>(x.size()));
  parallel_for(columns.size(), threads, [&](size_t j) {
    Eigen::VectorXd up = x, down = x;
    up[static_cast<Eigen::Index>(j)] += step;
    down[static_cast<Eigen::Index>(j)] -= step;
    columns[j] = (residuals(up) - residuals(down)) / (2.0 * step);
  });
  Eigen::MatrixXd j(columns.empty() ? 0 : columns.front().size(), x.size());
  for (size_t c = 0; c < columns.size(); ++c) j.col(static_cast<Eigen::Index>(c)) = columns[c];
  return j;
}

Deletions without_each_run(const Eigen::VectorXd& f, const Eigen::MatrixXd& j, const std::vector<size_t>& run, Eigen::Index runs, double prior, const Eigen::MatrixXd& earlier,
                           const Eigen::MatrixXd& before) {
  const Eigen::Index p = j.cols(), n = f.size();
  const bool moved_before = earlier.cols() > 0;
  const Eigen::MatrixXd data = j.transpose() * j, pull = prior * prior * Eigen::MatrixXd::Identity(p, p);
  const Eigen::MatrixXd inverse = (data + pull).ldlt().solve(Eigen::MatrixXd::Identity(p, p));
  const double s2 = f.squaredNorm() / std::max(static_cast<double>(n) - (inverse * data).trace(), 1.0);
  std::vector<std::vector<Eigen::Index>> rows(static_cast<size_t>(runs));
  for (Eigen::Index i = 0; i < n; ++i) rows[run[static_cast<size_t>(i)]].push_back(i);
  Eigen::MatrixXd mixed;
  if (moved_before) mixed = j.transpose() * earlier;
  Deletions d{Eigen::MatrixXd(p, runs), inverse * (s2 * pull) * inverse, s2 * inverse.diagonal()};
  for (Eigen::Index g = 0; g < runs; ++g) {
    Eigen::MatrixXd h = data + pull, c = mixed;
    Eigen::VectorXd gradient = Eigen::VectorXd::Zero(p);
    for (const Eigen::Index i : rows[static_cast<size_t>(g)]) {
      h.noalias() -= j.row(i).transpose() * j.row(i);
      gradient += f[i] * j.row(i).transpose();
      if (moved_before) c.noalias() -= j.row(i).transpose() * earlier.row(i);
    }
    if (moved_before) gradient -= c * before.col(g);
    d.by_run.col(g) = h.ldlt().solve(gradient);
  }
  return d;
}

}  // namespace mho::solver
