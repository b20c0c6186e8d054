#include "devices/sky130_reram.hpp"

namespace mho::devices {

CurrentSlope Sky130Model::current(double v, double g) const {
  const Sky130Params& p = params;
  const double limited = std::clamp(v, -v_limit, v_limit);
  const double amplitude = p.i_k1 * std::exp(-clipped(g) / (p.t_ox - p.f_ref));
  const double slope = amplitude * std::cosh(limited / p.v_ref) / p.v_ref;
  return {amplitude * std::sinh(limited / p.v_ref) + (v - limited) * slope, slope};
}

double Sky130Model::enhancement(double g) const {
  const double x = g / nm;
  return std::max(0.0, params.gamma0 + params.gamma1 * x * x * x);
}

// Derivatives, with f and b the two exponentials of (2), ġ = −v0 (f − b):
//   ∂ġ/∂q = −v0 (f + b)/kT,   ∂ġ/∂T = −v0 [f (Eg − q) − b (Er + q)]/(kT·T)
//   ∂q/∂V = γ a0/T_ox,   ∂q/∂g = (a0/T_ox) V ∂γ/∂g
// where an exponential that is capped has derivative 0.
Evaluation Sky130Model::evaluate(double v, const State& x) const {
  const Sky130Params& p = params;
  const bool inside = x[0] >= gap_min() && x[0] <= gap_max();
  const double g = clipped(x[0]);
  const CurrentSlope c = current(v, g);
  Evaluation e;
  e.current = c.current;
  e.di_dv = c.slope;
  e.di_dx[0] = inside ? -c.current / (p.t_ox - p.f_ref) : 0.0;
  e.temperature = x[1];
  if (std::abs(v) > v_limit) e.limits |= limit_voltage;
  if (x[1] > t_valid || x[1] < t_floor) e.limits |= limit_temperature;

  e.rate[1] = std::abs(v * c.current) / p.c_th - (x[1] - p.t_amb) / p.tau_th;
  const double sign = v * c.current >= 0.0 ? 1.0 : -1.0;
  e.drate_dv[1] = sign * (c.current + v * c.slope) / p.c_th;
  e.drate_dx(1, 0) = sign * v * e.di_dx[0] / p.c_th;
  e.drate_dx(1, 1) = -1.0 / p.tau_th;
  if (std::abs(v) < p.v_guard) return e;

  const double t = std::max(x[1], t_floor), kt = boltzmann_ev * t;
  const double gamma = enhancement(g), reach = p.a0 / p.t_ox, q = gamma * reach * v;
  const double growth = (p.e_growth - q) / kt, recession = (p.e_recession + q) / kt;
  const double f = growth > 0.0 ? std::exp(-growth) : 1.0, df = growth > 0.0 ? f : 0.0;
  const double b = recession > 0.0 ? std::exp(-recession) : 1.0, db = recession > 0.0 ? b : 0.0;
  const double free = -p.v0 * (f - b), drate_dq = -p.v0 * (df + db) / kt;
  const double drate_dt = x[1] > t_floor ? -p.v0 * (df * growth - db * recession) / t : 0.0;
  const double dgamma_dg = inside && gamma > 0.0 ? 3.0 * p.gamma1 * (g / nm) * (g / nm) / nm : 0.0;

  const bool closing = free < 0.0;
  const double distance = closing ? x[0] - gap_min() : gap_max() - x[0];
  const double factor = distance <= 0.0 ? 0.0 : -std::expm1(-distance / wall);
  const double dfactor = distance <= 0.0 ? 0.0 : (closing ? 1.0 : -1.0) * (1.0 - factor) / wall;
  e.rate[0] = free * factor;
  e.drate_dv[0] = drate_dq * gamma * reach * factor;
  e.drate_dx(0, 0) = drate_dq * reach * v * dgamma_dg * factor + free * dfactor;
  e.drate_dx(0, 1) = drate_dt * factor;
  if (gamma == 0.0) e.limits |= limit_field;
  if (growth <= 0.0 || recession <= 0.0) e.limits |= limit_rate;
  if (v != 0.0 && free != 0.0 && factor < 0.5) e.limits |= limit_wall;
  return e;
}

Evaluation Sky130Model::evaluate_static(double v, double g) const {
  const double t = params.t_amb + std::abs(v * current(v, g).current) * r_th();
  return evaluate(v, state_of(g, t));
}

Sky130Model Sky130Model::vary(const Sky130Spread& spread, RandomStream& stream) const {
  Sky130Model device = *this;
  device.params.i_k1 *= std::exp(spread.ln_i_k1 * stream.normal());
  device.params.gamma0 *= 1.0 + spread.gamma0 * stream.normal();
  const double shift = spread.barrier * stream.normal();
  device.params.e_growth += shift;
  device.params.e_recession += shift;
  return device;
}

// Between two pulses the filament cools to ambient: T of the next one starts there.
State Sky130Model::settle(const Sky130Spread& spread, const State& before, const State& after,
                          RandomStream& stream) const {
  if (std::abs(after[0] - before[0]) <= spread.cycle_threshold)
    return state_of(after[0], params.t_amb);
  return state_of(clipped(after[0] + spread.cycle_gap * stream.normal()), params.t_amb);
}

Misfit Sky130Model::misfit(const Sky130Params& p, const Sky130Spread& spread) {
  if (p.f_max <= p.f_min) return {"parameters.f_max", "must be larger than f_min"};
  if (p.t_ox <= p.f_max) return {"parameters.t_ox", "must be larger than f_max"};
  if (p.t_ox <= p.f_ref) return {"parameters.f_ref", "must be smaller than t_ox"};
  if (spread.start_gap < p.t_ox - p.f_max - wall || spread.start_gap > p.t_ox - p.f_min + wall)
    return {"spread.start_gap", "must lie between t_ox - f_max and t_ox - f_min"};
  return {};
}

}  // namespace mho::devices
