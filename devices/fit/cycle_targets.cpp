#include "devices/fit/cycle_targets.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/statistics.hpp"

namespace mho::devices {

std::vector<CycleTarget> make_targets(const Measurement& m, const std::vector<size_t>& positions,
                                      const ReplayOptions& options) {
  std::vector<CycleTarget> out;
  for (const size_t k : positions) {
    if (m.sweeps.empty())
      out.emplace_back(m.trains[k]);
    else
      out.emplace_back(make_target(m.sweeps[k], options));
  }
  return out;
}

Eigen::VectorXd residuals_of(const AnyMemristor& model, const Load& load, const CycleTarget& target,
                             const ReplayOptions& options) {
  if (!misfit(model).key.empty()) {
    if (const auto* sweep = std::get_if<SweepTarget>(&target)) {
      SweepReplay nothing;
      nothing.i.assign(sweep->y.size(), std::numeric_limits<double>::quiet_NaN());
      return residuals(nothing, *sweep, options);
    }
    TrainReplay nothing;
    nothing.g.assign(std::get<PulseCycle>(target).pulses.size(),
                     std::numeric_limits<double>::quiet_NaN());
    return residuals(nothing, std::get<PulseCycle>(target), options);
  }
  return std::visit(
      [&](const auto& t) {
        return residuals(replay(model, load, t, options.transient), t, options);
      },
      target);
}

double relative_error(const std::vector<CycleTarget>& targets, const Eigen::VectorXd& r,
                      double sigma_y) {
  std::vector<double> difference;
  Eigen::Index at = 0;
  for (const CycleTarget& target : targets) {
    if (const auto* sweep = std::get_if<SweepTarget>(&target)) {
      for (size_t k = 0; k < sweep->y.size(); ++k) {
        const double x = std::abs(r[at + static_cast<Eigen::Index>(k)]) * sweep->sigma[k];
        if (sweep->sigma[k] < 1.5 * sigma_y && std::abs(sweep->i[k]) > 3.0 * sweep->floor &&
            x > 1e-9)
          difference.push_back(x);
      }
      for (const Excursion& e : sweep->events) at += std::isfinite(e.v_switch);
      at += static_cast<Eigen::Index>(sweep->y.size());
    } else {
      const Eigen::Index size =
          static_cast<Eigen::Index>(std::get<PulseCycle>(target).pulses.size()) - 1;
      for (Eigen::Index k = 0; k < size; ++k) difference.push_back(std::abs(r[at + k]) * sigma_y);
      at += size;
    }
  }
  return difference.size() < 8 ? sigma_y
                               : std::clamp(1.4826 * quantile(difference, 0.5), 2e-3, 1.0);
}

Load load_at(const Load& load, const ParameterSpace& space, const Eigen::VectorXd& u) {
  Load out = load;
  if (!out.transistor) out.r_series = space.series(u);
  return out;
}

RobustProblem make_problem(const ParameterSpace& space, const Load& load,
                           const std::vector<CycleTarget>& targets, const ReplayOptions& options) {
  RobustProblem problem;
  problem.parts = targets.size();
  problem.lower = space.lower();
  problem.upper = space.upper();
  problem.residuals = [&space, &load, &targets, &options](const Eigen::VectorXd& u, size_t part) {
    return residuals_of(space.model(u), load_at(load, space, u), targets[part], options);
  };
  return problem;
}

}  // namespace mho::devices
