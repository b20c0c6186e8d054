#include "devices/jart_vcm.hpp"

#include <cmath>
#include <numbers>

namespace mho::devices {
namespace {
constexpr double pi = std::numbers::pi;
// SI 2019 and CODATA 2018.
constexpr double charge_e = 1.602176634e-19;  // [C]
constexpr double planck = 6.62607015e-34;     // [J s]
constexpr double vacuum = 8.8541878128e-12;   // [F/m]
constexpr double mass_e = 9.1093837015e-31;   // [kg]

// (x + √(x² + δ²))/2 and its derivative.
struct Positive {
  double value, slope;
};
Positive positive(double x) {
  const double root = std::sqrt(x * x + JartModel::smooth);
  return {0.5 * (x + root), 0.5 * (1.0 + x / root)};
}

double cube(double x) { return x * x * x; }
}  // namespace

JartModel::Filament JartModel::filament(double y) const {
  const JartParams& p = params;
  const double low = p.n_min / n_unit, high = p.n_max / n_unit, free = std::exp(y);
  Filament f{};
  f.n = std::clamp(free, low, high);
  f.inside = y >= std::log(low) && y <= std::log(high);
  const double way = f.n - branch.n_start, radius = p.radius + branch.radius_slope * way;
  f.length = p.disc_length + branch.length_slope * way;
  f.dlnr = f.inside ? branch.radius_slope * f.n / radius : 0.0;
  f.dlnl = f.inside ? branch.length_slope * f.n / f.length : 0.0;
  f.area = pi * radius * radius;
  const double sigma = p.charge * charge_e * n_unit * p.mobility;  // [S/m] at N = n_unit
  f.r_disc = f.length / (sigma * f.n * f.area);
  const double r_plug = (p.cell_length - f.length) / (sigma * (p.n_plug / n_unit) * f.area);
  f.r_rest = f.r_disc + r_plug;
  if (f.inside)
    f.dr_dy = f.r_disc * (f.dlnl - 1.0) - r_plug * f.length * f.dlnl / (p.cell_length - f.length) -
              2.0 * f.dlnr * f.r_rest;
  f.r_th = p.r_th * p.radius_thermal * p.radius_thermal / (radius * radius);
  // W00 in J divided by e is W00 in eV: one factor e of e h/4π cancels.
  f.w00 = planck / (4.0 * pi) *
          std::sqrt(p.charge * n_unit * f.n / (p.mass * mass_e * p.permittivity * vacuum));
  f.lowering = std::sqrt(std::sqrt(cube(charge_e) * p.charge * n_unit * f.n /
                                   (8.0 * pi * pi * cube(p.permittivity_image * vacuum))));
  return f;
}

// With x = W00/kT and m = u (x − tanh x)/W00, (4) is exp of
//   ln(A A* T/k) + ½ ln(π W00 (u + φ/cosh²x)) − φ tanh x/W00 + ln(e^m − 1),
// W00 ∝ √N gives ∂W00/∂y = W00/2 and ∂x/∂y = x/2, and ∂x/∂T = −x/T.
JartModel::Contact JartModel::contact(bool set, double u, double t, const Filament& f) const {
  const double kt = boltzmann_ev * t;
  const Positive psi = positive(params.barrier - params.fermi + (set ? u : -u));
  const double lowered = f.lowering * std::sqrt(std::sqrt(psi.value));
  const Positive phi = positive(params.barrier - lowered);
  const double dphi_du = phi.slope * -0.25 * lowered / psi.value * psi.slope * (set ? 1.0 : -1.0);
  const double dphi_dy = f.inside ? phi.slope * -0.25 * lowered : 0.0;
  const double scale = f.area * params.richardson;
  const double dlnarea = 2.0 * f.dlnr;
  if (!set) {
    const double m = std::min(u / kt, exponent_limit), slope = u / kt > exponent_limit ? 0.0 : 1.0;
    const double saturation = scale * t * t * std::exp(-phi.value / kt);
    const double grown = slope * saturation * std::exp(m), i = saturation * std::expm1(m);
    return {i, grown / kt - i * dphi_du / kt, i * (2.0 + phi.value / kt) / t - grown * m / t,
            i * (dlnarea - dphi_dy / kt)};
  }
  const double x = f.w00 / kt, th = std::tanh(x), sech2 = 1.0 - th * th;
  const double m_free = u * (x - th) / f.w00, m = std::min(m_free, exponent_limit);
  const double inner = u + phi.value * sech2;
  const double i = scale * t / boltzmann_ev * std::sqrt(pi * f.w00 * inner) *
                   std::exp(-phi.value * th / f.w00) * std::expm1(m);
  // i · d ln(e^m − 1)/dm, with its limit at m = 0 kept by expm1.
  const double ratio = m_free > exponent_limit ? 0.0 : m > 0.0 ? std::exp(m) / std::expm1(m) : 0.0;
  const double dphi = 0.5 * sech2 / inner - th / f.w00;
  const double dx =
      -phi.value * th * sech2 / inner - phi.value * sech2 / f.w00 + ratio * u * th * th / f.w00;
  const double dw00 = 0.5 / f.w00 + phi.value * th / (f.w00 * f.w00) - ratio * m / f.w00;
  const double du = 0.5 / inner + dphi * dphi_du + ratio * (x - th) / f.w00;
  const double dy = f.inside ? 0.5 * x * dx + 0.5 * f.w00 * dw00 + dphi * dphi_dy + dlnarea : 0.0;
  return {i, i * du, i * (1.0 - x * dx) / t, i * dy};
}

double JartModel::line_resistance(double i) const {
  const JartParams& p = params;
  return p.r_tiox + p.r_line * (1.0 + p.r_line * p.alpha_line * p.r_th_line * i * i);
}

double JartModel::line_slope(double i) const {
  const JartParams& p = params;
  return 2.0 * p.r_line * p.r_line * p.alpha_line * p.r_th_line * i;
}

// i (R + B i²) = w − u: from the right of a convex function Newton's steps fall on the root without
// crossing it.
double JartModel::line_current(double w, double u, const Filament& f) const {
  const JartParams& p = params;
  const double rest = std::max(w - u, 0.0), linear = f.r_rest + p.r_tiox + p.r_line;
  const double cubic = p.r_line * p.r_line * p.alpha_line * p.r_th_line;
  double i = rest / linear;
  for (int n = 0; n < 40; ++n) {
    const double step = (i * (linear + cubic * i * i) - rest) / (linear + 3.0 * cubic * i * i);
    i -= step;
    if (!(std::abs(step) > 1e-15 * i)) break;
  }
  return i;
}

double JartModel::temperature(bool set, double w, double i, const Filament& f) const {
  const double cooling = set ? 1.0 : params.reset_cooling;
  return params.t_amb + f.r_th * cooling * i * (w - i * line_resistance(i));
}

// Root of G(u) = I_contact(u) − I_line(u): negative below it, positive above. A scan from the side
// where the physical branch starts brackets the first change of sign; Newton on ln I_contact − ln
// I_line inside the bracket.
JartModel::Branch JartModel::solve(bool set, double w, const Filament& f) const {
  Branch b{};
  const auto excess = [&](double u, double& slope) {
    b.u = u;
    b.i = line_current(w, u, f);
    const double t = temperature(set, w, b.i, f);
    b.t = std::min(t, t_limit);
    b.contact = contact(set, u, b.t, f);
    const double series = line_resistance(b.i) + b.i * line_slope(b.i),
                 di = -1.0 / (f.r_rest + series);
    const double dt = t > t_limit ? 0.0
                                  : f.r_th * (set ? 1.0 : params.reset_cooling) *
                                        (w - b.i * (line_resistance(b.i) + series)) * di;
    slope = (b.contact.du + b.contact.dt * dt) / b.contact.i - di / b.i;
    return b.contact.i - b.i;
  };
  if (w == 0.0) {
    double slope;
    excess(0.0, slope);
    return b;
  }
  double slope = 0.0, low = 0.0, high = w;
  if (set) {
    // From the open circuit, u = w, towards more current.
    constexpr double ratio = 0.7, smallest = 1e-12;
    for (double u = ratio * w; u > smallest * w; u *= ratio) {
      if (excess(u, slope) < 0.0) {
        low = u;
        break;
      }
      high = u;
    }
  } else {
    // From the short circuit, u = 0, towards less current.
    constexpr double ratio = 1.2;
    for (double u = 1e-3 * std::min(w, 0.1); u < w; u *= ratio) {
      if (excess(u, slope) > 0.0) {
        high = u;
        break;
      }
      low = u;
    }
  }
  double u = high < w ? high : 0.5 * (low + high);
  for (int n = 0; n < 100; ++n) {
    const double residual = excess(u, slope);
    (residual > 0.0 ? high : low) = u;
    double next = u - std::log(b.contact.i / b.i) / slope;
    if (!(next > low && next < high)) next = 0.5 * (low + high);
    if (std::abs(next - u) <= 4e-16 * u || residual == 0.0) break;
    u = next;
  }
  return b;
}

Evaluation JartModel::evaluate(double v, const State& x) const {
  const JartParams& p = params;
  const Filament f = filament(x[0]);
  const bool set = v > 0.0;
  const double w = std::abs(v), sign = set ? 1.0 : -1.0;
  const Branch b = solve(set, w, f);
  Evaluation e;
  e.temperature = b.t;
  const bool hot = temperature(set, w, b.i, f) >= t_limit;
  if (b.t > t_valid) e.limits |= limit_temperature;

  // Implicit function theorem on (1)–(5): with a = R + i dR/di, du = dw − a di − i (∂R/∂y) dy and
  // dT = R_th [(w − i R_ser − a' i) di + i dw] + (∂T/∂y) dy, where a' = R_ser + i dR_ser/di.
  const double r_ser = line_resistance(b.i), a_ser = r_ser + b.i * line_slope(b.i),
               a = f.r_rest + a_ser;
  const double r_th = hot ? 0.0 : f.r_th * (set ? 1.0 : p.reset_cooling);
  const double power_slope = w - b.i * (r_ser + a_ser);
  const double dt_dy_fixed = hot ? 0.0 : -2.0 * f.dlnr * (b.t - p.t_amb);
  const Contact& c = b.contact;
  const double pivot = 1.0 + c.du * a - c.dt * r_th * power_slope;
  const double di_dw = (c.du + c.dt * r_th * b.i) / pivot;
  const double di_dy = (c.dy + c.dt * dt_dy_fixed - c.du * b.i * f.dr_dy) / pivot;
  const double dt_dw = r_th * (power_slope * di_dw + b.i);
  const double dt_dy = r_th * power_slope * di_dy + dt_dy_fixed;
  e.current = sign * b.i;
  e.di_dv = di_dw;
  e.di_dx[0] = sign * di_dy;

  // (6)
  double field, dfield_dw, dfield_dy;
  if (set) {
    const double per_current = f.r_disc / f.length;
    field = b.i * per_current;
    dfield_dw = di_dw * per_current;
    dfield_dy = di_dy * per_current + (f.inside ? field * (-1.0 - 2.0 * f.dlnr) : 0.0);
  } else {
    field = (w - b.i * r_ser) / p.cell_length;
    dfield_dw = (1.0 - a_ser * di_dw) / p.cell_length;
    dfield_dy = -a_ser * di_dy / p.cell_length;
  }
  const double to_gamma = p.charge * p.hop_distance / (pi * p.hop_barrier);
  double gamma = to_gamma * field, dgamma = to_gamma;
  if (gamma > gamma_limit) {
    gamma = gamma_limit;
    dgamma = 0.0;
    e.limits |= limit_field;
  }
  const double kt = boltzmann_ev * b.t, arc = std::asin(gamma),
               root = std::sqrt(1.0 - gamma * gamma);
  const double w_f = p.hop_barrier * (root - gamma * pi / 2.0 + gamma * arc),
               w_b = p.hop_barrier * (root + gamma * pi / 2.0 + gamma * arc);
  const double forward = std::exp(-w_f / kt), backward = std::exp(-w_b / kt),
               net = forward - backward;
  const double dnet_dgamma =
      p.hop_barrier / kt * (forward * (pi / 2.0 - arc) + backward * (pi / 2.0 + arc)) * dgamma;
  const double dnet_dt = (forward * w_f - backward * w_b) / (kt * b.t);
  const double plug = p.n_plug / n_unit / f.n;
  const double prefactor = 0.5 * (plug + 1.0) * p.hop_distance * p.attempt / f.length;
  const double dln_prefactor = f.inside ? -plug / (plug + 1.0) - f.dlnl : 0.0;
  const double edge = set ? f.n * n_unit / p.n_max : p.n_min / n_unit / f.n;
  const double reached = std::pow(edge, window_power), 
               window = reached < 1.0 - 1e-12 ? 1.0 - reached : 0.0;  // exp(ln N) is N within rounding
  const double dwindow = f.inside ? (set ? -1.0 : 1.0) * window_power * reached : 0.0;
  const double speed = prefactor * net * window;
  if (window < 0.5 && w > 0.0) e.limits |= limit_wall;
  if (speed > p.rate_max) {
    e.limits |= limit_rate;
    e.rate[0] = sign * p.rate_max;
    return e;
  }
  e.rate[0] = sign * speed;
  e.drate_dv[0] = prefactor * window * (dnet_dgamma * dfield_dw + dnet_dt * dt_dw);
  e.drate_dx(0, 0) =
      sign * prefactor *
      (window * (dnet_dgamma * dfield_dy + dnet_dt * dt_dy + net * dln_prefactor) + net * dwindow);
  return e;
}

State JartModel::lower() const { return state_of(std::log(params.n_min / n_unit)); }
State JartModel::upper() const { return state_of(std::log(params.n_max / n_unit)); }
State JartModel::observe(const State& x) const { return state_of(n_unit * std::exp(x[0])); }
State JartModel::from_observed(const State& x) const { return state_of(std::log(x[0] / n_unit)); }

namespace {
double truncated_normal(double cut, RandomStream& stream) {
  for (;;)
    if (const double z = stream.normal(); std::abs(z) <= cut) return z;
}
}  // namespace

JartModel JartModel::vary(const JartSpread& spread, RandomStream& stream) const {
  JartModel device = *this;
  const auto scatter = [&](double& value, double sigma) {
    value *= 1.0 + sigma * truncated_normal(spread.cut, stream);
  };
  scatter(device.params.n_min, spread.n_min);
  scatter(device.params.n_max, spread.n_max);
  scatter(device.params.radius, spread.radius);
  scatter(device.params.disc_length, spread.length);
  return device;
}

JartModel JartModel::next_branch(const JartModel& median, const JartSpread& spread, bool set,
                                 const State& x, RandomStream& stream) const {
  const double n = filament(x[0]).n, way = n - branch.n_start;
  JartModel next = median;
  next.params.radius = params.radius + branch.radius_slope * way;
  next.params.disc_length = params.disc_length + branch.length_slope * way;
  const double radius =
      median.params.radius * (1.0 + spread.cycle_radius * truncated_normal(spread.cut, stream));
  const double length = median.params.disc_length *
                        (1.0 + spread.cycle_length * truncated_normal(spread.cut, stream));
  const double left = (set ? params.n_max : params.n_min) / n_unit - n;
  next.branch = {n, 0.0, 0.0};
  // A branch that starts at its end has no way to go.
  if (std::abs(left) > 1e-6 * n) {
    next.branch.radius_slope = (radius - next.params.radius) / left;
    next.branch.length_slope = (length - next.params.disc_length) / left;
  }
  return next;
}

// One pulse of an array, which keeps states and no branches: the change of R_disc ∝ l/(N r²) that
// new radius and length bring, in the share of the branch that the pulse went, is written into N.
State JartModel::settle(const JartSpread& spread, const State& before, const State& after,
                        RandomStream& stream) const {
  if (std::abs(after[0] - before[0]) <= spread.cycle_threshold) return after;
  const double radius = spread.cycle_radius * truncated_normal(spread.cut, stream);
  const double length = spread.cycle_length * truncated_normal(spread.cut, stream);
  const double n0 = std::exp(before[0]), n1 = std::exp(after[0]);
  const double end = (n1 > n0 ? params.n_max : params.n_min) / n_unit;
  const double share = std::clamp((n1 - n0) / (end - n0), 0.0, 1.0);
  const double shift = share * (2.0 * std::log1p(radius) - std::log1p(length));
  return state_of(std::clamp(after[0] + shift, lower()[0], upper()[0]));
}

Misfit JartModel::misfit(const JartParams& p, const JartSpread& spread) {
  if (p.n_max <= p.n_min) return {"parameters.n_max", "must be larger than n_min"};
  if (p.disc_length >= p.cell_length)
    return {"parameters.disc_length", "must be smaller than cell_length"};
  const double scale = spread.cut;
  if (p.n_min * (1.0 + scale * spread.n_min) >= p.n_max * (1.0 - scale * spread.n_max))
    return {"spread.n_min", "lets n_min of a device reach n_max"};
  if (scale * std::max({spread.radius, spread.length, spread.n_min, spread.cycle_radius,
                        spread.cycle_length}) >=
      1.0)
    return {"spread.cut", "lets a length or a density fall to zero"};
  if (p.disc_length * (1.0 + scale * (spread.length + spread.cycle_length)) >= p.cell_length)
    return {"spread.length", "lets disc_length of a device reach cell_length"};
  return {};
}

}  // namespace mho::devices
