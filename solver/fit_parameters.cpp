#include "solver/fit_parameters.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/errors.hpp"

namespace mho::solver {
namespace {

constexpr auto line_list = std::to_array<Unknown>({{"transistor.beta", 5e-5}, {"transistor.v_pinch", 0.05}, {"transistor.theta", 0.1}, {"neuron.c_line", 2e-14}, {"neuron.c_on", 5e-16}});

constexpr auto fall_list = std::to_array<Unknown>(
    {{"fall.c_channel", 2e-16}, {"fall.c_overlap", 5e-17}, {"fall.c_overlap_m", 5e-17}, {"fall.c_m", 1e-16},    {"fall.n", 0.05},   {"fall.curve", 0.02},   {"fall.phi", 3e-3},
     {"fall.c_line_slope", 1e-14}, {"fall.i_drive", 2e-5}, {"fall.r_drive", 5e2},      {"fall.c_feed", 3e-16}, {"fall.c_gate", 1e-16}, {"fall.lambda", 0.05}});

constexpr auto neuron_list = std::to_array<Unknown>(
    {{"neuron.c_l", 0.1, true},    {"neuron.c_x", 0.1, true},       {"neuron.c_b", 0.1, true},      {"neuron.c_out", 0.1, true}, {"neuron.gm", 0.1, true},     {"neuron.i_up", 0.1, true},
     {"neuron.i_down", 0.1, true}, {"neuron.g_out", 0.1, true},     {"neuron.tau", 0.1, true},      {"neuron.v_offset", 1e-4},   {"neuron.r_line", 0.1, true}, {"neuron.r_az", 0.1, true},
     {"neuron.r_int", 0.1, true},  {"neuron.q_az", 5e-18},          {"neuron.q_int", 5e-18},        {"neuron.q_int_slope", 3e-17}, {"neuron.q_int_curve", 3e-17}, {"neuron.q_line", 2e-17},
     {"neuron.q_line_slope", 2e-16}, {"neuron.q_up", 3e-18},        {"neuron.q_down", 3e-18},
     {"neuron.r_iso", 0.1, true},  {"neuron.q_iso", 5e-18}});  // the last two: programs with iso alone
constexpr size_t of_iso = 2;

template <class S>
NamedParameter find(S& values, std::string_view key, std::string_view name) {
  for (const Parameter<S>& p : ParameterTable<S>::table)
    if (p.key == key) return {&(values.*p.member), p.unit, p.min, p.max};
  throw Error(fmt::format("the behavioural neuron has no parameter {}", name));
}

}  // namespace

std::span<const Unknown> line_unknowns() { return line_list; }
std::span<const Unknown> fall_unknowns() { return fall_list; }
std::span<const Unknown> neuron_unknowns(bool iso) { return std::span<const Unknown>(neuron_list).first(neuron_list.size() - (iso ? 0 : of_iso)); }

NamedParameter parameter(NeuronModel& model, std::string_view name) {
  const auto within = [&](std::string_view group) { return name.starts_with(group) ? name.substr(group.size()) : std::string_view{}; };
  if (const auto key = within("transistor."); !key.empty()) return find(model.transistor, key, name);
  if (const auto key = within("fall."); !key.empty()) return find(model.fall, key, name);
  return find(model.neuron, within("neuron."), name);
}

NeuronModel moved(NeuronModel model, std::span<const Unknown> unknowns, const Eigen::VectorXd& x) {
  for (size_t i = 0; i < unknowns.size(); ++i) {
    const NamedParameter p = parameter(model, unknowns[i].name);
    const double step = unknowns[i].step * x[static_cast<Eigen::Index>(i)];
    *p.value = std::clamp(unknowns[i].positive ? *p.value * std::exp(step) : *p.value + step, p.min, p.max);
  }
  return model;
}

bool at_bound(const NeuronModel& model, const Unknown& unknown) {
  NeuronModel copy = model;
  const NamedParameter p = parameter(copy, unknown.name);
  return *p.value <= p.min || *p.value >= p.max;
}

}  // namespace mho::solver
