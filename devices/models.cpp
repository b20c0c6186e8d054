#include "devices/models.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "devices/gap_tables.hpp"

namespace mho::devices {

std::string limit_names(unsigned limits) {
  constexpr std::array<std::string_view, 5> names{"voltage", "rate", "temperature", "field",
                                                  "wall"};
  std::string text;
  for (size_t i = 0; i < names.size(); ++i)
    if (limits & (1u << i)) text += (text.empty() ? "" : ", ") + std::string(names[i]);
  return text.empty() ? "none" : text;
}

std::string_view model_name(const AnyMemristor& model) {
  return std::visit([](const auto& m) { return m.name; }, model);
}
std::string_view model_title(const AnyMemristor& model) {
  return std::visit([](const auto& m) { return m.title; }, model);
}
int state_count(const AnyMemristor& model) {
  return std::visit([](const auto& m) { return int{m.states}; }, model);
}
double published_sign(const AnyMemristor& model) {
  return std::visit([](const auto& m) { return double{m.published_sign}; }, model);
}
std::vector<StateInfo> state_info(const AnyMemristor& model) {
  return std::visit(
      [](const auto& m) {
        const auto info = m.state_info();
        return std::vector<StateInfo>(info.begin(), info.end());
      },
      model);
}
Evaluation evaluate(const AnyMemristor& model, double v, const State& x) {
  return std::visit([&](const auto& m) { return m.evaluate(v, x); }, model);
}
State lower(const AnyMemristor& model) {
  return std::visit([](const auto& m) { return m.lower(); }, model);
}
State upper(const AnyMemristor& model) {
  return std::visit([](const auto& m) { return m.upper(); }, model);
}
State observe(const AnyMemristor& model, const State& x) {
  return std::visit([&](const auto& m) { return m.observe(x); }, model);
}
State from_observed(const AnyMemristor& model, const State& observed) {
  return std::visit([&](const auto& m) { return m.from_observed(observed); }, model);
}
State low_state(const AnyMemristor& model) {
  return std::visit([](const auto& m) { return m.low_state(); }, model);
}
State high_state(const AnyMemristor& model) {
  return std::visit([](const auto& m) { return m.high_state(); }, model);
}
State twin_state(const AnyMemristor& model, const State& x) {
  return std::visit([&](const auto& m) { return m.twin_state(x); }, model);
}
State from_twin(const AnyMemristor& model, const State& volts) {
  return std::visit([&](const auto& m) { return m.from_twin(volts); }, model);
}
double current(const AnyMemristor& model, double v, const State& x) {
  return evaluate(model, v, x).current;
}
double conductance(const AnyMemristor& model, double v, const State& x) {
  return current(model, v, x) / v;
}

std::vector<ParameterView> parameters(AnyMemristor& model) {
  return std::visit(
      [](auto& m) {
        std::vector<ParameterView> views;
        using Params = std::decay_t<decltype(m.params)>;
        for (const Parameter<Params>& p : ParameterTable<Params>::table)
          views.push_back({p.key, p.unit, p.meaning, p.min, p.max, &(m.params.*p.member)});
        return views;
      },
      model);
}

std::vector<ParameterValue> parameters(const AnyMemristor& model) {
  AnyMemristor copy = model;
  std::vector<ParameterValue> values;
  for (const ParameterView& p : parameters(copy))
    values.push_back({p.key, p.unit, p.meaning, p.min, p.max, *p.value});
  return values;
}

Misfit misfit(const AnyMemristor& model) {
  for (const ParameterValue& p : parameters(model))
    if (!(p.value >= p.min && p.value <= p.max))
      return {"parameters." + std::string(p.key),
              fmt::format("is {:g} {}, outside {:g} to {:g}", p.value, p.unit, p.min, p.max)};
  return std::visit([](const auto& m) { return m.misfit(m.params, m.no_spread(m.params)); }, model);
}

namespace {
template <class... Ms>
std::vector<std::string> names_of(std::type_identity<std::variant<Ms...>>) {
  return {std::string(Ms::name)...};
}
}  // namespace
std::vector<std::string> model_names() { return names_of(std::type_identity<AnyMemristor>{}); }

}  // namespace mho::devices
