#include "devices/gap_model.hpp"

namespace mho::devices {

CurrentSlope GapModel::Curve::current(double v) const {
  const double limited = std::clamp(v, -v_limit, v_limit);
  const double grown = std::exp(limited / v0), shrunk = 1.0 / grown;
  // Close to zero the difference of exponentials loses digits that a ratio I/V needs.
  const double sinh =
      std::abs(limited) < 1e-3 * v0 ? std::sinh(limited / v0) : 0.5 * (grown - shrunk);
  // A slope beyond the limit keeps the curve increasing, so that a cell voltage is always unique.
  return {amplitude * sinh + (v - limited) * amplitude * 0.5 * (grown + shrunk) / v0,
          amplitude * 0.5 * (grown + shrunk) / v0};
}

double GapModel::conductance(double v, double g) const { return current(v, g) / v; }

double GapModel::state_rate(double v, double g, double i) const {
  if (std::abs(v) < params.v_guard) return 0.0;
  return free_rate(v, clipped(g), temperature(v, i)) * wall_factor(v >= 0.0, g);
}

double GapModel::state_for(double conductance, double v) const {
  return -params.g0 * std::log(conductance * v / (params.i0 * std::sinh(v / params.v0)));
}

// Derivatives of (1)–(4), T eliminated: with u = γ a0 V/(L kT), r = v0 e^{−Ea/kT} and ġ = −r sinh u,
//   ∂ġ/∂T = −r (Ea/kT²) sinh u + r cosh u · u/T
//   ∂T/∂V = R_th sign(VI)(I + V ∂I/∂V),   ∂T/∂g = R_th sign(VI) V ∂I/∂g
//   ∂ġ/∂g|V,T = −r cosh u · (u/γ) ∂γ/∂g,  ∂ġ/∂V|g,T = −r cosh u · u/V
// where sinh and cosh are halves of the difference and sum of the capped exponentials, and a capped
// one has derivative 0.
Jacobian GapModel::evaluate(double v, double g) const {
  const GapParams& p = params;
  const bool inside = g >= p.gap_min && g <= p.gap_max;
  const double x = clipped(g);
  const CurrentSlope c = at(x).current(v);
  Jacobian j{c.current, c.slope, inside ? -c.current / p.g0 : 0.0, 0.0, 0.0, 0.0};
  const double gamma = enhancement(v >= 0.0, x);
  if (std::abs(v) < p.v_guard) return j;
  const double field = gamma * std::abs(v) / p.thickness, share = field_factor(field);
  if (share == 0.0) return j;

  const double t = temperature(v, c.current), kt = boltzmann_ev * t;
  const double u_over_gamma = (p.a0 / p.thickness) * v / kt, u = gamma * u_over_gamma,
               barrier = p.activation / kt;
  const double forward = u - barrier > 0.0 ? 1.0 : std::exp(u - barrier),
               dforward = u - barrier > 0.0 ? 0.0 : forward;
  const double backward = -u - barrier > 0.0 ? 1.0 : std::exp(-u - barrier),
               dbackward = -u - barrier > 0.0 ? 0.0 : backward;
  const double half = 0.5 * p.velocity * share;
  const double free = -half * (forward - backward), drate_du = -half * (dforward + dbackward);
  const double drate_dbarrier = half * (dforward - dbackward);

  const double beta = v >= 0.0 ? p.beta_set : p.beta_reset;
  const double dgamma_dg =
      gamma > 0.0 && inside ? -p.alpha * beta * std::pow(x / nm, p.alpha - 1.0) / nm : 0.0;
  const double sign = v * c.current >= 0.0 ? 1.0 : -1.0;
  const double dt_dv = p.r_th * sign * (c.current + v * c.slope),
               dt_dg = p.r_th * sign * v * j.di_dx;
  const double drate_dt = -(drate_du * u + drate_dbarrier * barrier) / t;
  const double factor = wall_factor(v >= 0.0, g);
  const double dfactor =
      factor > 0.0 && factor < 1.0 ? (v >= 0.0 ? 1.0 : -1.0) * (1.0 - factor) / wall : 0.0;

  j.rate = free * factor;
  j.drate_dv = (drate_du * gamma * (p.a0 / p.thickness) / kt + drate_dt * dt_dv) * factor;
  j.drate_dx = (drate_du * u_over_gamma * dgamma_dg + drate_dt * dt_dg) * factor + free * dfactor;
  if (share == 1.0) return j;
  // On the rising threshold, share = s²(3 − 2s): ∂ln(share)/∂s = 6s(1 − s)/share.
  const double s = (field / p.field_min - 1.0) / field_rise,
               per_field = j.rate * 6.0 * s * (1.0 - s) / share / (field_rise * p.field_min);
  j.drate_dv += per_field * gamma * (v >= 0.0 ? 1.0 : -1.0) / p.thickness;
  j.drate_dx += per_field * dgamma_dg * std::abs(v) / p.thickness;
  return j;
}

Evaluation GapModel::evaluate(double v, const State& x) const {
  const GapParams& p = params;
  const double g = x[0];
  const Jacobian j = evaluate(v, g);
  Evaluation e;
  e.current = j.current;
  e.di_dv = j.di_dv;
  e.di_dx[0] = j.di_dx;
  e.rate[0] = j.rate;
  e.drate_dv[0] = j.drate_dv;
  e.drate_dx(0, 0) = j.drate_dx;
  e.temperature = temperature(v, j.current);
  if (std::abs(v) > v_limit) e.limits |= limit_voltage;
  if (e.temperature > t_valid) e.limits |= limit_temperature;
  const bool set = v >= 0.0;
  if (std::abs(v) < p.v_guard || v == 0.0) return e;
  const double gamma = enhancement(set, clipped(g));
  if (gamma == 0.0) e.limits |= limit_field;
  const double u = gamma * (p.a0 / p.thickness) * std::abs(v) / (boltzmann_ev * e.temperature);
  if (u > p.activation / (boltzmann_ev * e.temperature)) e.limits |= limit_rate;
  if (gamma > 0.0 && wall_factor(set, g) < 0.5) e.limits |= limit_wall;
  return e;
}

GapModel GapModel::vary(const GapSpread& spread, RandomStream& stream) const {
  GapModel device = *this;
  device.params.i0 *= std::exp(spread.ln_i0 * stream.normal());
  const double factor = 1.0 + spread.gamma0 * stream.normal();
  device.params.gamma0_set *= factor;
  device.params.gamma0_reset *= factor;
  device.params.gap_min = spread.gap_min;
  device.params.gap_max = spread.gap_max;
  return device;
}

GapSpread GapModel::no_spread(const GapParams& p) {
  return {0.0, 0.0, 0.0, 0.0, p.gap_min, p.gap_max, p.gap_max};
}

Misfit GapModel::misfit(const GapParams& p, const GapSpread& spread) {
  if (p.gap_max <= p.gap_min) return {"parameters.gap_max", "must be larger than gap_min"};
  if (spread.gap_max <= spread.gap_min) return {"spread.gap_max", "must be larger than gap_min"};
  if (spread.start_gap < spread.gap_min || spread.start_gap > spread.gap_max)
    return {"spread.start_gap", "must lie between gap_min and gap_max"};
  return {};
}

State GapModel::settle(const GapSpread& spread, const State& before, const State& after,
                       RandomStream& stream) const {
  if (std::abs(after[0] - before[0]) <= spread.cycle_threshold) return after;
  return state_of(clipped(after[0] + spread.cycle_gap * stream.normal()));
}

}  // namespace mho::devices
