#include "devices/retention.hpp"

#include <fmt/format.h>

#include <algorithm>
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
