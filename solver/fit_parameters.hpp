// The parameters that the calibration fits, by name: "transistor.beta", "neuron.gm", "fall.phi".
#pragma once
#include <Eigen/Core>
#include <span>
#include <string>
#include <string_view>

#include "solver/neuron_model.hpp"

namespace mho::solver {

// A parameter and the step that counts as one for a fit: added or, for what is positive, as a factor exp(step).
struct Unknown {
  std::string_view name;
  double step;
  bool positive = false;
};
std::span<const Unknown> line_unknowns();
std::span<const Unknown> fall_unknowns();
std::span<const Unknown> neuron_unknowns(bool iso = false);  // iso: with the switch of that name, which some programs use

// A parameter of the model by name, with its unit and its range. Throws Error for an unknown name.
struct NamedParameter {
  double* value;
  std::string_view unit;
  double min, max;
};
NamedParameter parameter(NeuronModel& model, std::string_view name);

// `model` moved by x steps of the unknowns, each kept within its range.
NeuronModel moved(NeuronModel model, std::span<const Unknown> unknowns, const Eigen::VectorXd& x);
// Whether the parameter stands at an end of its range, so that a fit can move it to one side only.
bool at_bound(const NeuronModel& model, const Unknown& unknown);

}  // namespace mho::solver
