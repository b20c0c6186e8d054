#include "devices/yakopcic.hpp"

namespace mho::devices {

Evaluation YakopcicModel::evaluate(double v, const State& state) const {
  const YakopcicParams& p = params;
  const bool set = v >= 0.0, inside = state[0] >= p.x_min && state[0] <= 1.0;
  const double x = clipped(state[0]), limited = std::clamp(v, -v_limit, v_limit);
  Evaluation e;
  e.temperature = no_heat;
  if (std::abs(v) > v_limit) e.limits |= limit_voltage;
  const double a = set ? p.a1 : p.a2, slope = a * p.b * std::cosh(p.b * limited);
  const double per_x = a * std::sinh(p.b * limited) + (v - limited) * slope;
  e.current = x * per_x;
  e.di_dv = x * slope;
  e.di_dx[0] = inside ? per_x : 0.0;

  // (2), with its slope; beyond v_limit it stays.
  const double threshold = set ? p.v_p : p.v_n, over = std::abs(limited);
  if (over <= threshold) return e;
  const double scale = set ? p.a_p : -p.a_n;
  const double g = scale * (std::exp(over) - std::exp(threshold));
  const double dg = over == std::abs(v) ? scale * std::exp(over) * (set ? 1.0 : -1.0) : 0.0;
  // (4) and the lower wall, with slopes by x
  double f = 1.0, df = 0.0;
  if (set && x >= p.x_p) {
    const double decay = std::exp(-p.alpha_p * (x - p.x_p));
    f = decay * (1.0 - x) / (1.0 - p.x_p);
    df = -p.alpha_p * f - decay / (1.0 - p.x_p);
  } else if (!set) {
    if (x <= 1.0 - p.x_n) {
      const double decay = std::exp(p.alpha_n * (x + p.x_n - 1.0));
      f = decay * x / (1.0 - p.x_n);
      df = p.alpha_n * f + decay / (1.0 - p.x_n);
    }
    const double shrink = std::exp(-(x - p.x_min) / wall);
    df = df * (1.0 - shrink) + f * shrink / wall;
    f *= 1.0 - shrink;
  }
  e.rate[0] = g * f;
  e.drate_dv[0] = dg * f;
  e.drate_dx(0, 0) = inside ? g * df : 0.0;
  if (scale != 0.0 && (set ? 1.0 - x : x - p.x_min) < wall) e.limits |= limit_wall;
  return e;
}

YakopcicModel YakopcicModel::vary(const YakopcicSpread& spread, RandomStream& stream) const {
  YakopcicModel device = *this;
  const double a = std::exp(spread.ln_a * stream.normal());
  device.params.a1 *= a;
  device.params.a2 *= a;
  const double rate = std::exp(spread.ln_rate * stream.normal());
  device.params.a_p *= rate;
  device.params.a_n *= rate;
  const double threshold = 1.0 + spread.threshold * stream.normal();
  device.params.v_p *= threshold;
  device.params.v_n *= threshold;
  return device;
}

State YakopcicModel::settle(const YakopcicSpread& spread, const State& before, const State& after,
                            RandomStream& stream) const {
  if (std::abs(after[0] - before[0]) <= spread.cycle_threshold) return after;
  return state_of(clipped(after[0] + spread.cycle_x * stream.normal()));
}

Misfit YakopcicModel::misfit(const YakopcicParams& p, const YakopcicSpread& spread) {
  if (spread.start_x < p.x_min) return {"spread.start_x", "must not be below x_min"};
  return {};
}

}  // namespace mho::devices
