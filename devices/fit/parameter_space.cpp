#include "devices/fit/parameter_space.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "core/errors.hpp"
#include "core/units.hpp"

namespace mho::devices {
namespace {

std::vector<ParameterValue> all_parameters(const AnyMemristor& model, double r_series) {
  std::vector<ParameterValue> all = parameters(model);
  all.push_back({series_key, "ohm", "series resistance", 0.01, 1e9, r_series});
  return all;
}

ParameterValue find(const AnyMemristor& model, double r_series, const std::string& key) {
  std::vector<std::string> names;
  for (const ParameterValue& p : all_parameters(model, r_series)) {
    if (p.key == key) return p;
    names.emplace_back(p.key);
  }
  throw Error(fmt::format("{} is no parameter of {}; it has {}", key, model_name(model),
                          fmt::join(names, ", ")));
}

FreeParameter free_parameter(const ParameterValue& p, const std::vector<ParameterBound>& bounds) {
  FreeParameter f{
      std::string(p.key), std::string(p.unit), std::string(p.meaning), p.value, p.min, p.max};
  bool bounded = false;
  for (const ParameterBound& b : bounds) {
    if (b.key != p.key) continue;
    if (!(b.lower < b.upper))
      throw Error(
          fmt::format("bound of {}: {:g} to {:g} {} is empty", p.key, b.lower, b.upper, p.unit));
    if (!(b.lower >= p.min && b.upper <= p.max))
      throw Error(fmt::format("bound of {}: {:g} to {:g} {} is not within {:g} to {:g}", p.key,
                              b.lower, b.upper, p.unit, p.min, p.max));
    f.lower = b.lower;
    f.upper = b.upper;
    bounded = true;
  }
  if (f.key == series_key && f.start == 0.0) f.start = 100.0;
  f.start = std::clamp(f.start, f.lower, f.upper);
  if (f.lower == 0.0 && f.start > 0.0 && !bounded) f.lower = 1e-3 * f.start;
  f.log = f.lower > 0.0 && f.start > 0.0 && f.upper > 20.0 * f.lower;
  f.scale = std::max(std::abs(f.start), 0.05 * (f.upper - f.lower));
  if (std::abs(f.start) > 0.0) f.scale = std::abs(f.start);
  return f;
}

}  // namespace

double FreeParameter::to_u(double p) const { return log ? std::log(p) : p / scale; }
double FreeParameter::to_p(double u) const {
  return std::clamp(log ? std::exp(u) : u * scale, lower, upper);
}

AnyMemristor ParameterSpace::model(const Eigen::VectorXd& u) const {
  AnyMemristor out = base;
  for (const ParameterView& p : parameters(out))
    for (size_t k = 0; k < free.size(); ++k)
      if (free[k].key == p.key) *p.value = free[k].to_p(u[static_cast<Eigen::Index>(k)]);
  return out;
}

double ParameterSpace::series(const Eigen::VectorXd& u) const {
  for (size_t k = 0; k < free.size(); ++k)
    if (free[k].key == series_key) return free[k].to_p(u[static_cast<Eigen::Index>(k)]);
  return r_series;
}

namespace {
template <class Value>
Eigen::VectorXd each(const std::vector<FreeParameter>& free, Value value) {
  Eigen::VectorXd out(static_cast<Eigen::Index>(free.size()));
  for (size_t k = 0; k < free.size(); ++k)
    out[static_cast<Eigen::Index>(k)] = free[k].to_u(value(free[k]));
  return out;
}
}  // namespace

Eigen::VectorXd ParameterSpace::start() const {
  return each(free, [](const FreeParameter& f) { return f.start; });
}
Eigen::VectorXd ParameterSpace::lower() const {
  return each(free, [](const FreeParameter& f) { return f.lower; });
}
Eigen::VectorXd ParameterSpace::upper() const {
  return each(free, [](const FreeParameter& f) { return f.upper; });
}

ParameterSpace make_space(const AnyMemristor& model, double r_series,
                          const std::vector<std::string>& keys,
                          const std::vector<ParameterBound>& bounds) {
  ParameterSpace space{model, r_series, {}};
  for (const ParameterBound& b : bounds) find(model, r_series, b.key);
  for (const std::string& key : keys) {
    if (std::any_of(space.free.begin(), space.free.end(),
                    [&](const FreeParameter& f) { return f.key == key; }))
      throw Error(fmt::format("{} is named twice among the free parameters", key));
    space.free.push_back(free_parameter(find(model, r_series, key), bounds));
  }
  return space;
}

std::vector<std::string> eligible_keys(const AnyMemristor& model, double r_series) {
  std::vector<std::string> keys;
  for (const ParameterValue& p : all_parameters(model, r_series))
    if (p.value != 0.0 && p.unit != "K" && p.max > p.min) keys.emplace_back(p.key);
  return keys;
}

ParameterBound parse_bound(const AnyMemristor& model, const std::string& text) {
  const size_t equals = text.find('='),
               colon = text.find(':', equals == std::string::npos ? 0 : equals);
  if (equals == std::string::npos || colon == std::string::npos)
    throw Error(fmt::format("bound \"{}\": wants key=low:high", text));
  const std::string key = text.substr(0, equals);
  const ParameterValue p = find(model, 0.0, key);
  const auto number = [&](std::string_view part) {
    if (const auto v = parse_quantity(part, p.unit)) return *v;
    if (const auto v = parse_quantity(part, "1")) return *v;
    throw Error(fmt::format("bound of {}: \"{}\" is not a quantity in {}", key, part, p.unit));
  };
  const std::string_view all = text;
  return {key, number(all.substr(equals + 1, colon - equals - 1)), number(all.substr(colon + 1))};
}

}  // namespace mho::devices
