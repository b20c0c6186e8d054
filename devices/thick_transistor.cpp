#include "devices/thick_transistor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/toml_file.hpp"

namespace mho::devices {
namespace {

constexpr double thermal_voltage =
    boltzmann_ev * 300.15;  // [V] at 27 °C, where the card was fitted

// A value with its derivatives by drain and source voltage, carried through by the chain rule.
struct Dual {
  double value, d, s;
};
Dual constant(double a) { return {a, 0.0, 0.0}; }
Dual chain(double f, double slope, Dual a) { return {f, slope * a.d, slope * a.s}; }
Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.d + b.d, a.s + b.s}; }
Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.d - b.d, a.s - b.s}; }
Dual operator+(double a, Dual b) { return {a + b.value, b.d, b.s}; }
Dual operator-(Dual a, double b) { return {a.value - b, a.d, a.s}; }
Dual operator*(double a, Dual b) { return {a * b.value, a * b.d, a * b.s}; }
Dual operator*(Dual a, Dual b) {
  return {a.value * b.value, a.value * b.d + b.value * a.d, a.value * b.s + b.value * a.s};
}
Dual operator/(Dual a, Dual b) {
  const double inverse = 1.0 / b.value, q = a.value * inverse;
  return {q, (a.d - q * b.d) * inverse, (a.s - q * b.s) * inverse};
}
Dual square(Dual a) { return chain(a.value * a.value, 2.0 * a.value, a); }
Dual square_root(Dual a) {
  const double r = std::sqrt(a.value);
  return chain(r, 0.5 / r, a);
}

// (3): charge of a channel end at `over` below pinch-off [V].
Dual charge(Dual over, Dual phi) {
  const Dual x = 0.5 * (over / phi);
  if (x.value > 40.0) return over;
  const double e = std::exp(std::max(x.value, -200.0));
  return 2.0 * (phi * chain(std::log1p(e), e / (1.0 + e), x));
}

// (6): d, limited smoothly to d_s on its way from 0 to s.
Dual limited(Dual d, Dual d_s, Dual s) {
  const Dual a = square(square(square(d / d_s))), b = square(square(square(d / s)));
  return d / square_root(square_root(square_root(1.0 + (a - b))));
}

// V_D ≥ V_S.
Dual forward_current(const ThickTransistor& p, double v_g, Dual v_d, Dual v_s) {
  const Dual v_ds = v_d - v_s;
  const double k = 1.0 + p.k2;
  const auto slope_factor = [&](Dual psi) {
    return k + constant(0.5 * p.gamma) / square_root(psi);
  };
  const Dual barrier = p.sigma * (v_ds * (1.0 + p.sigma_b * v_s)) / (1.0 + p.sigma_d * v_ds);
  Dual g = (v_g - p.v_to + k * p.phi + p.gamma * std::sqrt(p.phi)) + barrier;
  if (g.value < 1e-3) g = constant(1e-3);  // accumulation: off in any case
  const Dual psi =
      square(0.5 / k * (square_root(p.gamma * p.gamma + 4.0 * k * g) - p.gamma));  // (1)
  const Dual source_psi = p.phi + v_s;
  const Dual phi = p.swing * (1.0 + p.swing_b * square(v_s)) / slope_factor(source_psi);
  const Dual over = psi - source_psi, s = charge(over, phi);
  const Dual weak = 1.0 + square(s / phi);
  const Dual a = 1.0 + (1.0 / thermal_voltage * phi - 1.0) / weak;
  const Dual d = s - charge(over - a * v_ds, phi);
  const Dual saturation = p.kappa * s / (1.0 + p.theta1 * s);  // κ s
  const Dual alpha = p.alpha + constant(1.0 - p.alpha) / weak;
  const Dual d_s = 2.0 * s / (alpha * (1.0 + square_root(1.0 + 2.0 * saturation / alpha)));
  const Dual d_e = limited(d, d_s, s), q = s - 0.5 * d_e;
  const Dual mobility = 1.0 + (p.theta1 * q + p.theta2 * square(q) + p.kappa * d_e);
  const Dual n = slope_factor(0.5 * (psi + source_psi));
  return p.beta * n * (d_e * (s - 0.5 * (alpha * d_e))) * (1.0 + p.lambda * square(v_ds - d_e)) /
         mobility;
}

}  // namespace

TransistorCurrent static_current(const ThickTransistor& p, double v_g, double v_d, double v_s) {
  if (v_d < v_s) {
    const TransistorCurrent r = static_current(p, v_g, v_s, v_d);
    return {-r.current, -r.by_source, -r.by_drain};
  }
  const Dual i = forward_current(p, v_g, {v_d, 1.0, 0.0}, {v_s, 0.0, 1.0});
  return {i.value, i.d, i.s};
}

CurrentSlope drain_current(const ThickTransistor& p, bool source_at_cell, double v_wl,
                           double v_line, double v) {
  const TransistorCurrent i = source_at_cell ? static_current(p, v_wl, v_line, v)
                                             : static_current(p, v_wl, v_line - v, 0.0);
  return {i.current, source_at_cell ? i.by_source : -i.by_drain};
}

ThickTransistor load_thick_transistor(const std::string& path) {
  TomlFile file(path);
  if (file.text("name", "").empty() || file.text("source", "").empty())
    throw file.error("name", "a transistor needs a name and a source");
  ThickTransistor p;
  for (const Parameter<ThickTransistor>& entry : ParameterTable<ThickTransistor>::table)
    if (!file.has(fmt::format("transistor.{}", entry.key)))
      throw file.error("transistor", fmt::format("lacks the key {}: {} [{}]", entry.key,
                                                 entry.meaning, entry.unit));
  file.read("transistor", p);
  file.finish();
  return p;
}

}  // namespace mho::devices
