#include "devices/relaxation.hpp"

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"
#include "core/toml_file.hpp"

namespace mho::devices {
namespace {
// Inverse Gaussian number with the given mean and variance mean·rate (Michael, Schucany, Haas, The
// American Statistician 30, 88 (1976)). The smaller root of their quadratic is written so that
// nothing cancels.
double clock_step(double mean, double rate, RandomStream& stream) {
  const double y = stream.normal();
  const double w = 0.5 * y * y * rate / mean;
  const double low = 1.0 / (1.0 + w + std::sqrt(w * (2.0 + w)));
  return mean * (stream.uniform() * (1.0 + low) <= 1.0 ? low : 1.0 / low);
}
}  // namespace

double relaxation_mean(const RelaxationParams& p, double g, double t) {
  const double u = g / p.g_full, d = std::log10(t);
  const double m = (p.m2 * u + p.m1) * u + p.m0, n = (p.n2 * u + p.n1) * u + p.n0,
               q = (p.p2 * u + p.p1) * u + p.p0;
  return p.g_unit * (m + (n + q * d) * d);
}

double relaxation_variance(const RelaxationParams& p, double g, double t) {
  const double u = g / p.g_full, d = std::log10(t);
  const double a = ((p.a3 * u + p.a2) * u + p.a1) * u + p.a0,
               b = ((p.b3 * u + p.b2) * u + p.b1) * u + p.b0;
  return p.g_unit * p.g_unit * std::max(p.variance_floor, a + (b + (p.c1 * u + p.c0) * d) * d);
}

RelaxationPath::RelaxationPath(const RelaxationParams& params, double g, RandomStream& stream)
    : params_(&params),
      start_(g),
      scale_(std::sqrt((params.nu - 2.0) / stream.chi_squared(params.nu))) {}

void RelaxationPath::advance(double t, RandomStream& stream) {
  MHO_ASSERT(t > 0.0);
  const double variance = std::max(variance_, relaxation_variance(*params_, start_, t));
  const double step = variance - variance_, jump = params_->jump_length;
  const double clock = jump > 0.0 && step > 0.0 ? clock_step(step, jump * jump, stream) : step;
  wander_ += scale_ * std::sqrt(clock) * stream.normal();
  variance_ = variance;
  mean_ = relaxation_mean(*params_, start_, t);
}

// Brownian motion reflected at zero, where the gap is at the end of its range: the distribution
// keeps its width there, and no cell becomes an open circuit for good.
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
