// Cycles of a measurement ready to be replayed by a model, sweeps and trains alike.
#pragma once
#include <variant>
#include <vector>

#include "devices/fit/parameter_space.hpp"
#include "devices/fit/replay.hpp"
#include "devices/fit/robust_fit.hpp"

namespace mho::devices {

using CycleTarget = std::variant<SweepTarget, PulseCycle>;

std::vector<CycleTarget> make_targets(const Measurement& measurement,
                                      const std::vector<size_t>& positions,
                                      const ReplayOptions& options);

// Residuals of one cycle. A model whose parameters contradict each other has the residual 100
// everywhere.
Eigen::VectorXd residuals_of(const AnyMemristor& model, const Load& load, const CycleTarget& target,
                             const ReplayOptions& options);

// The problem that robust_fit.hpp solves: one part per cycle. All arguments must outlive it.
RobustProblem make_problem(const ParameterSpace& space, const Load& load,
                           const std::vector<CycleTarget>& targets, const ReplayOptions& options);

// Relative error of a current or conductance from all residuals of a problem that was made with
// `sigma_y`: 1.4826·median of |model − measured| over points where it is what decides, 0.002 to 1;
// sigma_y itself below 8 such points.
double relative_error(const std::vector<CycleTarget>& targets, const Eigen::VectorXd& residuals,
                      double sigma_y);

// Load with the series resistance of this point of the space.
Load load_at(const Load& load, const ParameterSpace& space, const Eigen::VectorXd& u);

}  // namespace mho::devices
