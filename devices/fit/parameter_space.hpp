// The parameters that a fit may move, as coordinates of one scale.
#pragma once
#include <Eigen/Core>
#include <string>
#include <vector>

#include "devices/models.hpp"

namespace mho::devices {

// u = ln p where p keeps its sign and its range spans more than a factor of 20, else u = p/scale.
struct FreeParameter {
  std::string key, unit, meaning;
  double start, lower, upper;  // SI
  bool log = true;
  double scale = 1.0;  // [unit of p] of a linear one
  double to_u(double p) const;
  double to_p(double u) const;
  double dp_du(double p) const { return log ? p : scale; }
};

struct ParameterBound {
  std::string key;
  double lower, upper;  // SI
};

// Key of the series resistance, which is fitted like a parameter of the model.
constexpr std::string_view series_key = "r_series";

struct ParameterSpace {
  AnyMemristor base;
  double r_series = 0.0;  // [ohm]
  std::vector<FreeParameter> free;

  AnyMemristor model(const Eigen::VectorXd& u) const;
  double series(const Eigen::VectorXd& u) const;  // [ohm]
  Eigen::VectorXd start() const, lower() const, upper() const;
};

// Space of `keys` with bounds from the model's table, narrowed by `bounds`; a start outside of them
// moves to the nearer one. Throws Error: a key that the model has not, one named twice, a bound
// that is empty or outside of the table.
ParameterSpace make_space(const AnyMemristor& model, double r_series,
                          const std::vector<std::string>& keys,
                          const std::vector<ParameterBound>& bounds);

// Every key that may be chosen without being asked for: parameters that are not 0 and no ambient
// condition.
std::vector<std::string> eligible_keys(const AnyMemristor& model, double r_series);

// "i0=1 uA:1 mA" with the unit of the model's table, or bare SI numbers. Throws Error.
ParameterBound parse_bound(const AnyMemristor& model, const std::string& text);

}  // namespace mho::devices
