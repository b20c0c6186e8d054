#include "devices/pku.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace mho::devices {
namespace {
constexpr double quarter_pi = std::numbers::pi / 4.0;

// Value with its derivatives by v = |V|, x and w: enough of a dual number for the chain rules
// below.
struct Dual {
  double value = 0.0, dv = 0.0, dx = 0.0, dw = 0.0;
};
Dual operator+(const Dual& a, const Dual& b) {
  return {a.value + b.value, a.dv + b.dv, a.dx + b.dx, a.dw + b.dw};
}
Dual operator*(double c, const Dual& a) { return {c * a.value, c * a.dv, c * a.dx, c * a.dw}; }
Dual operator-(const Dual& a, const Dual& b) { return a + -1.0 * b; }
Dual operator*(const Dual& a, const Dual& b) {
  return {a.value * b.value, a.dv * b.value + a.value * b.dv, a.dx * b.value + a.value * b.dx,
          a.dw * b.value + a.value * b.dw};
}
Dual map(const Dual& a, double value, double slope) {
  return {value, slope * a.dv, slope * a.dx, slope * a.dw};
}
Dual constant(double c) { return {c}; }
Dual inverse(const Dual& a) { return map(a, 1.0 / a.value, -1.0 / (a.value * a.value)); }
Dual exp(const Dual& a) { return map(a, std::exp(a.value), std::exp(a.value)); }
Dual at_most(const Dual& a, double limit) { return a.value > limit ? constant(limit) : a; }

Dual smoothstep(const Dual& a) {
  const double t = std::clamp(a.value, 0.0, 1.0);
  return map(a, t * t * (3.0 - 2.0 * t), 6.0 * t * (1.0 - t));
}

// 1 − exp(−d/wall) of the distance d to the wall that a rate heads for.
Dual wall_factor(const Dual& distance) {
  if (distance.value <= 0.0) return constant(0.0);
  const double left = std::exp(-distance.value / PkuModel::wall);
  return map(distance, -std::expm1(-distance.value / PkuModel::wall), left / PkuModel::wall);
}
}  // namespace

// F(V_g) = V_g + K sinh(V_g/V_T) − v is convex for V_g > 0 and not negative at the smaller of v and
// V_T asinh(v/K): Newton's steps from there fall on the root without crossing it.
PkuModel::Gap PkuModel::gap(double v, double x) const {
  const PkuParams& p = params;
  const double amplitude = p.j0 * std::exp(-x / p.x_decay), rest = p.resistivity * (p.length - x);
  const double k = amplitude * rest;
  double u = k > 0.0 ? std::min(v, p.v_scale * std::asinh(v / k)) : v;
  for (int n = 0; n < 60; ++n) {
    const double step =
        (u + k * std::sinh(u / p.v_scale) - v) / (1.0 + k * std::cosh(u / p.v_scale) / p.v_scale);
    u -= step;
    if (!(std::abs(step) > 4e-16 * u)) break;
  }
  const double sinh = std::sinh(u / p.v_scale), slope = std::cosh(u / p.v_scale) / p.v_scale;
  const double pivot = 1.0 + k * slope;
  Gap g{};
  g.v = u;
  g.dv_dv = 1.0 / pivot;
  g.dv_dx = sinh * amplitude * (rest / p.x_decay + p.resistivity) / pivot;
  g.j = amplitude * sinh;
  g.dj_dv = amplitude * slope * g.dv_dv;
  g.dj_dx = -g.j / p.x_decay + amplitude * slope * g.dv_dx;
  return g;
}

Evaluation PkuModel::evaluate(double voltage, const State& state) const {
  const PkuParams& p = params;
  const bool set = voltage > 0.0;
  const double sign = set ? 1.0 : -1.0, applied = std::abs(voltage),
               limited = std::min(applied, v_limit);
  const double x_in = std::clamp(state[0], 0.0, p.length),
               w_in = std::clamp(state[1], p.width_min, p.width_max);
  const Dual v{limited, applied > v_limit ? 0.0 : 1.0};
  const Dual x{x_in, 0.0, state[0] == x_in ? 1.0 : 0.0};
  const Dual w{w_in, 0.0, 0.0, state[1] == w_in ? 1.0 : 0.0};
  Evaluation e;
  if (applied > v_limit) e.limits |= limit_voltage;

  // (1), (2)
  const Gap g = gap(limited, x_in);
  const Dual v_g{g.v, g.dv_dv * v.dv, g.dv_dx * x.dx};
  const Dual blend = smoothstep(1.0 / p.x_blend * x);
  Dual j{g.j, g.dj_dv * v.dv, g.dj_dx * x.dx};
  double slope_j = g.dj_dv;
  const double ohmic = 1.0 / (p.resistivity * p.length);
  if (set) {
    j = (constant(1.0) - blend) * (ohmic * v) + blend * j;
    slope_j = (1.0 - blend.value) * ohmic + blend.value * slope_j;
  }
  const double leak = p.j0 * quarter_pi * std::exp(-p.length / p.x_decay);
  const Dual outside = constant(p.width_max * p.width_max) - w * w;
  const Dual shape =
      map(v, std::sinh(limited / p.v_scale), std::cosh(limited / p.v_scale) / p.v_scale);
  const Dual inner = leak * (outside * shape) + quarter_pi * (w * w * j);
  const double slope = leak * outside.value * std::cosh(limited / p.v_scale) / p.v_scale +
                       quarter_pi * w_in * w_in * slope_j;
  e.current = sign * (inner.value + slope * (applied - limited));
  e.di_dv = slope;
  e.di_dx = sign * State(inner.dx, inner.dw);

  // (5)
  Dual t = constant(p.t_amb) + p.r_th * (v * inner);
  if (t.value >= t_limit) {
    t = constant(t_limit);
    e.limits |= limit_temperature;
  }
  e.temperature = t.value;
  const Dual moving = smoothstep(1.0 / gate * (v - constant(p.v_guard)));
  if (moving.value == 0.0) return e;

  // (3), (4), (6)
  const Dual inverse_kt = inverse(boltzmann_ev * t);
  const Dual field =
      (p.enhancement * p.charge) * (v_g * inverse(x_in > x_floor ? x : constant(x_floor)));
  const double speed = p.hop_distance * p.attempt;
  const auto cut = [&](const Dual& rate) {
    if (rate.value > p.v_max) e.limits |= limit_rate;
    return at_most(rate, p.v_max);
  };
  const auto capped_exp = [](const Dual& a) { return exp(at_most(a, 0.0)); };
  Dual dx, dw;
  if (set) {
    // An exponent that takes the speed past v_max is cut before it overflows.
    const double highest = std::log(p.v_max / speed) + 1.0;
    const Dual closing =
        cut(speed * exp(at_most((field - constant(p.energy_set)) * inverse_kt, highest)));
    dx = -1.0 * (closing * wall_factor(x));
    const Dual ring = (constant(p.width_step) + (0.5 * p.width_step * p.width_step) * inverse(w));
    const Dual exponent =
        ((p.enhancement * p.charge / p.length) * v - constant(p.energy_set)) * inverse_kt;
    const Dual widening = cut(p.attempt * (ring * exp(at_most(exponent, 40.0))));
    const Dual r_x = (p.v_scale / p.j0) * exp(1.0 / p.x_decay * x);
    const Dual fall = 1.0 / p.x_decay * r_x - constant(p.resistivity);
    const Dual narrowing = fall.value > 0.0
                               ? fall * inverse(r_x + p.resistivity * (constant(p.length) - x))
                               : constant(0.0);
    dw = (constant(1.0) - blend) * widening * wall_factor(constant(p.width_max) - w) +
         0.5 * (blend * (w - constant(p.width_min)) * narrowing * dx);
    if (x_in < p.x_blend && w_in > p.width_max - wall) e.limits |= limit_wall;
  } else {
    const Dual release =
        speed * capped_exp((p.release * p.charge * v_g - constant(p.energy_release)) * inverse_kt);
    const Dual barrier = p.energy_drift * inverse_kt, lowered = field * inverse_kt;
    const Dual drift = (0.5 * speed) * (capped_exp(lowered - barrier) -
                                        capped_exp(constant(0.0) - barrier - lowered));
    dx = cut(release.value < drift.value ? release : drift) * wall_factor(constant(p.length) - x);
    if (x_in > p.length - wall) e.limits |= limit_wall;
  }
  dx = moving * dx;
  dw = moving * dw;
  e.rate = State(dx.value, dw.value);
  e.drate_dv = sign * State(dx.dv, dw.dv);
  e.drate_dx << dx.dx, dx.dw, dw.dx, dw.dw;
  return e;
}

PkuModel PkuModel::vary(const PkuSpread& spread, RandomStream& stream) const {
  PkuModel device = *this;
  device.params.j0 *= std::exp(spread.ln_j0 * stream.normal());
  const double shift = spread.energy * stream.normal();
  device.params.energy_set += shift;
  device.params.energy_drift += shift;
  device.params.energy_release += shift;
  return device;
}

State PkuModel::settle(const PkuSpread& spread, const State& before, const State& after,
                       RandomStream& stream) const {
  const double gap_draw = stream.normal(), width_draw = stream.normal();
  State settled = after;
  if (after[0] - before[0] > spread.cycle_threshold)
    settled[0] = std::clamp(after[0] + spread.cycle_gap * gap_draw, 0.0, params.length);
  if (after[1] - before[1] > spread.cycle_threshold)
    settled[1] =
        std::clamp(after[1] + spread.cycle_width * width_draw, params.width_min, params.width_max);
  return settled;
}

Misfit PkuModel::misfit(const PkuParams& p, const PkuSpread&) {
  if (p.width_max <= p.width_min) return {"parameters.width_max", "must be larger than width_min"};
  if (p.x_blend >= p.length) return {"parameters.x_blend", "must be smaller than length"};
  return {};
}

}  // namespace mho::devices
