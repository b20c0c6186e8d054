#include "devices/relaxation.hpp"

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"
#include "core/toml_file.hpp"

namespace mho::devices {

double relaxation_mean(const RelaxationParams& p, double g, double t) {
  const double u = g / p.g_full, d = std::log10(t);
  return p.g_unit * ((p.m2 * u + p.m1) * u + p.m0 + ((p.n2 * u + p.n1) * u + p.n0) * d);
}

double relaxation_variance(const RelaxationParams& p, double g, double t) {
  const double u = g / p.g_full, d = std::log10(t);
  const double a = ((p.a3 * u + p.a2) * u + p.a1) * u + p.a0,
               b = ((p.b3 * u + p.b2) * u + p.b1) * u + p.b0;
  return p.g_unit * p.g_unit * std::max(p.variance_floor, a + b * d);
}

RelaxationPath::RelaxationPath(const RelaxationParams& params, double g, RandomStream& stream)
    : params_(&params),
      start_(g),
      scale_(std::sqrt((params.nu - 2.0) / stream.chi_squared(params.nu))) {}

void RelaxationPath::advance(double t, RandomStream& stream) {
  MHO_ASSERT(t > 0.0);
  const double variance = std::max(variance_, relaxation_variance(*params_, start_, t));
  wander_ += scale_ * std::sqrt(variance - variance_) * stream.normal();
  variance_ = variance;
  mean_ = relaxation_mean(*params_, start_, t);
}

// Brownian motion reflected at zero, where the gap is at the end of its range: the distribution keeps its width there, and no cell becomes an open circuit for good.
double RelaxationPath::conductance() const { return std::abs(start_ + mean_ + wander_); }

double relax(const RelaxationParams& params, double g, double t, RandomStream& stream) {
  RelaxationPath path(params, g, stream);
  path.advance(t, stream);
  return path.conductance();
}

RelaxationParams load_relaxation(const std::string& path) {
  TomlFile file(path);
  RelaxationParams params;
  file.text("source", "");
  file.read("", params);
  file.finish();
  return params;
}

}  // namespace mho::devices
