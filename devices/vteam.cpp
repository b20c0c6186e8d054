#include "devices/vteam.hpp"

namespace mho::devices {
namespace {
struct Slope {
  double value, slope;
};

// 0 below 0, 1 above 1, 3p² − 2p³ between.
Slope smooth_step(double p) {
  if (p <= 0.0) return {0.0, 0.0};
  if (p >= 1.0) return {1.0, 0.0};
  return {p * p * (3.0 - 2.0 * p), 6.0 * p * (1.0 - p)};
}

// (over − 1)^α smoothed over `rise` of the threshold's magnitude; slope by u. u/threshold > 1.
Slope overdrive(double u, double threshold, double alpha, double rise) {
  const double ratio = u / threshold - 1.0;
  if (ratio <= 0.0) return {0.0, 0.0};
  const Slope onset = smooth_step(ratio * std::abs(threshold) / rise);
  const double power = std::pow(ratio, alpha), dpower = alpha * std::pow(ratio, alpha - 1.0);
  return {power * onset.value,
          (dpower * onset.value + power * onset.slope * std::abs(threshold) / rise) / threshold};
}

// (3) at the share s of the range and w = w_on + s·range; slope by s.
Slope window_of(const VteamParams& p, bool off, double s, double range) {
  switch (static_cast<int>(p.window)) {
    case 1: {
      const double w = p.w_on + s * range, sign = off ? 1.0 : -1.0;
      const double z = sign * (w - (off ? p.a_off : p.a_on)) / p.w_c;
      if (z > VteamModel::z_limit) return {0.0, 0.0};
      const double inner = std::exp(z), f = std::exp(-inner);
      return {f, -f * inner * sign * range / p.w_c};
    }
    case 2: {
      const double y = 2.0 * s - 1.0, square = y * y;
      return {1.0 - std::pow(square, p.window_p),
              -p.window_p * std::pow(square, p.window_p - 1.0) * 4.0 * y};
    }
    case 3: {
      const double y = off ? s : 1.0 - s, square = y * y;
      return {1.0 - std::pow(square, p.window_p),
              -p.window_p * std::pow(square, p.window_p - 1.0) * 2.0 * y * (off ? 1.0 : -1.0)};
    }
    case 4: {
      const double y = (s - 0.5) * (s - 0.5) + 0.75;
      return {1.0 - std::pow(y, p.window_p),
              -p.window_p * std::pow(y, p.window_p - 1.0) * 2.0 * (s - 0.5)};
    }
    default:
      return {1.0, 0.0};
  }
}
}  // namespace

Evaluation VteamModel::evaluate(double v, const State& x) const {
  const VteamParams& p = params;
  const double s = share(clipped(x[0]));
  const bool inside = x[0] >= p.w_on && x[0] <= p.w_off;
  Evaluation e;
  e.temperature = no_heat;
  // (2): odd, so the published sign does not matter.
  double g = 0.0, dg_ds = 0.0;
  if (p.law == 0.0) {
    g = 1.0 / (p.r_on + (p.r_off - p.r_on) * s);
    dg_ds = -(p.r_off - p.r_on) * g * g;
  } else {
    const double lambda = std::log(p.r_off / p.r_on);
    g = std::exp(-lambda * s) / p.r_on;
    dg_ds = -lambda * g;
  }
  e.current = v * g;
  e.di_dv = g;
  e.di_dx[0] = inside ? v * dg_ds / range() : 0.0;

  const double u = published_sign * v;
  const bool off = u > 0.0;
  const Slope over =
      off ? overdrive(u, p.v_off, p.alpha_off, rise) : overdrive(u, p.v_on, p.alpha_on, rise);
  if (over.value == 0.0) return e;
  const double k = off ? p.k_off : p.k_on;
  const double outside_s = share(x[0]), distance = off ? 1.0 - outside_s : outside_s;
  const double soft = distance <= 0.0 ? 0.0 : -std::expm1(-distance / wall);
  const double dsoft_ds =
      distance <= 0.0 ? 0.0 : (off ? -1.0 : 1.0) * std::exp(-distance / wall) / wall;
  const Slope window = window_of(p, off, s, range());
  e.rate[0] = k * over.value * window.value * soft;
  e.drate_dv[0] = published_sign * k * over.slope * window.value * soft;
  e.drate_dx(0, 0) =
      k * over.value * ((inside ? window.slope : 0.0) * soft + window.value * dsoft_ds) / range();
  // A window that is 0 at a wall holds the state there too.
  if (k != 0.0 && (soft < 0.5 || window.value < 1e-6)) e.limits |= limit_wall;
  return e;
}

VteamModel VteamModel::vary(const VteamSpread& spread, RandomStream& stream) const {
  VteamModel device = *this;
  const double r = std::exp(spread.ln_r * stream.normal());
  device.params.r_on *= r;
  device.params.r_off *= r;
  const double threshold = 1.0 + spread.threshold * stream.normal();
  device.params.v_on *= threshold;
  device.params.v_off *= threshold;
  const double k = std::exp(spread.ln_k * stream.normal());
  device.params.k_on *= k;
  device.params.k_off *= k;
  return device;
}

State VteamModel::settle(const VteamSpread& spread, const State& before, const State& after,
                         RandomStream& stream) const {
  if (std::abs(after[0] - before[0]) <= spread.cycle_threshold) return after;
  return state_of(clipped(after[0] + spread.cycle_w * stream.normal()));
}

Misfit VteamModel::misfit(const VteamParams& p, const VteamSpread& spread) {
  if (p.law != std::floor(p.law)) return {"parameters.law", "must be 0 or 1"};
  if (p.window != std::floor(p.window)) return {"parameters.window", "must be 0, 1, 2, 3 or 4"};
  if (p.r_off <= p.r_on) return {"parameters.r_off", "must be larger than r_on"};
  if (p.w_off <= p.w_on) return {"parameters.w_off", "must be larger than w_on"};
  if (spread.start_w < p.w_on || spread.start_w > p.w_off)
    return {"spread.start_w", "must lie between w_on and w_off"};
  return {};
}

}  // namespace mho::devices
