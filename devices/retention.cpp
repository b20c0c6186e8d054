#include "devices/retention.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/numeric/odeint/integrate/integrate_adaptive.hpp>
#include <boost/numeric/odeint/stepper/generation.hpp>
#include <cmath>

#include "core/errors.hpp"
#include "core/toml_file.hpp"
#include "devices/memristor.hpp"

namespace mho::devices {

double acceleration(double activation, double t1, double t2) {
  return std::exp(activation / boltzmann_ev * (1.0 / t1 - 1.0 / t2));
}

double equivalent_time(const RetentionParams& p, std::span<const Dwell> dwells) {
  double sum = 0.0;
  for (const Dwell& d : dwells) sum += d.time * acceleration(p.activation, p.t_ref, d.temperature);
  return sum;
}

double temperature_coefficient(const RetentionParams& p, double g) {
  const double u = std::log(p.g_high / g) / std::log(p.g_high / p.g_low);
  return p.c_high + (p.c_low - p.c_high) * std::clamp(u, 0.0, 1.0);
}

double conductance_at(const RetentionParams& p, double g, double t0, double t) {
  const double factor = 1.0 + temperature_coefficient(p, g) * (t - t0);
  if (!(factor > 0.0))
    throw Error(fmt::format(
        "conductance {} S at {} K: no linear temperature coefficient carries it to {} K", g, t0,
        t));
  return g * factor;
}

double drift_rate(const GapDrift& p, double gap, double v, double t) {
  const double x = gap / 1e-9, kt = boltzmann_ev * t;
  const double field = std::max(0.0, p.gamma0 + p.gamma1 * x * x * x) * p.a0 / p.thickness * v;
  // A factor taken out keeps the small difference of equal barriers exact.
  return p.velocity * std::exp(-(p.opening + field) / kt) *
         -std::expm1((p.opening - p.closing + 2.0 * field) / kt);
}

double drift_gap(const GapDrift& p, double gap, double v, std::span<const Dwell> dwells) {
  namespace ode = boost::numeric::odeint;
  const auto stepper = ode::make_controlled<ode::runge_kutta_dopri5<double>>(1e-18, 1e-10);
  for (const Dwell& d : dwells) {
    if (d.time <= 0.0) continue;
    const auto rate = [&](double g, double& dg, double) {
      dg = g < p.gap_min || g > p.gap_max ? 0.0 : drift_rate(p, g, v, d.temperature);
    };
    const double speed = std::abs(drift_rate(p, gap, v, d.temperature));
    const double first = speed > 0.0 ? std::min(d.time, 1e-3 * p.thickness / speed) : d.time;
    ode::integrate_adaptive(stepper, rate, gap, 0.0, d.time, first);
    gap = std::clamp(gap, p.gap_min, p.gap_max);
  }
  return gap;
}

RetentionParams load_retention(const std::string& path) {
  TomlFile file(path);
  RetentionParams p;
  file.text("source", "");
  file.read("", p);
  file.finish();
  if (p.g_high <= p.g_low) throw file.error("g_high", "must be above g_low");
  return p;
}

}  // namespace mho::devices
