#include "validation/pulse_curve_fit.hpp"

#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "core/random.hpp"
#include "solver/least_squares.hpp"

namespace mho::validation {
namespace {
using devices::Polarity;
using devices::PulseCurve;
using devices::PulseCurvePoint;

constexpr double nm = 1e-9, gap_unit = 0.15e-9, gap_closed = 0.1e-9, gap_open = 1.5e-9;  // [m]
constexpr double v_closed = 0.1;   // [V] at which r_closed is meant
constexpr double r_high = 200e3;   // [ohm] of the cell at which γ_high is meant
constexpr double t_rate = 600.0;   // [K] at which ln_rate is meant
constexpr double sigma_ln = 0.05;  // [1] of a median of ln R
constexpr double sigma_ln_quantile =
    0.1;                              // [1] of a quantile: cells differ in more than their start
constexpr double unchanged = 0.9;     // [1] share of its resistance that a cell left alone keeps
constexpr double quantile_end = 1.9;  // [V] the quantiles take part up to here
constexpr double neighbour = 0.06;    // [V] between neighbouring points at most
constexpr double sigma_v = 0.010;     // [V]
constexpr double loss_scale = 8.0;    // [1] c²
constexpr auto& table = ParameterTable<PulseUnknowns>::table;
constexpr Eigen::Index unknown_count = static_cast<Eigen::Index>(table.size());
constexpr double step = 1e-4;  // of the derivatives, on the search scale

double gap_of_cell(double r, double r_closed) {
  return gap_closed + gap_unit * std::log(r / r_closed);
}

// Search scale: 0 … 1 between the bounds, mapped to an angle φ by (1 + sin φ)/2 so that a search in
// φ never leaves them.
double to_share(const Parameter<PulseUnknowns>& p, double value) {
  const double x = p.min > 0.0 ? std::log(value / p.min) / std::log(p.max / p.min)
                               : (value - p.min) / (p.max - p.min);
  return std::clamp(x, 0.0, 1.0);
}
double from_share(const Parameter<PulseUnknowns>& p, double x) {
  return p.min > 0.0 ? p.min * std::pow(p.max / p.min, x) : p.min + (p.max - p.min) * x;
}
double slope_of_share(const Parameter<PulseUnknowns>& p, double x) {
  return p.min > 0.0 ? from_share(p, x) * std::log(p.max / p.min) : p.max - p.min;
}

PulseUnknowns from_shares(const Eigen::VectorXd& x) {
  PulseUnknowns u{};
  for (Eigen::Index i = 0; i < unknown_count; ++i) {
    const auto& p = table[static_cast<size_t>(i)];
    u.*p.member = from_share(p, std::clamp(x[i], 0.0, 1.0));
  }
  return u;
}
Eigen::VectorXd to_shares(const PulseUnknowns& u) {
  Eigen::VectorXd x(unknown_count);
  for (Eigen::Index i = 0; i < unknown_count; ++i)
    x[i] = to_share(table[static_cast<size_t>(i)], u.*table[static_cast<size_t>(i)].member);
  return x;
}

// The same curve at one quantile of the cells. Cells keep their rank in a SET: those of high
// resistance start and end high. `share`: start resistance over the median's, taken from the points
// that the pulse left alone.
PulseCurve quantile_curve(const PulseCurve& curve, double PulseCurvePoint::*quantile) {
  double sum = 0.0;
  int count = 0;
  for (const PulseCurvePoint& p : curve.points)
    if (p.r_after > unchanged * p.r_before) sum += std::log(p.*quantile / p.r_after), ++count;
  PulseCurve result = curve;
  result.points.clear();
  if (count == 0) return result;
  const double share = std::exp(sum / count);
  for (const PulseCurvePoint& p : curve.points)
    if (p.v <= quantile_end)
      result.points.push_back({p.v, share * p.r_before, p.*quantile, p.*quantile, p.*quantile});
  return result;
}

// The points that a fit sees, with their weights.
class Residuals {
 public:
  Residuals(const std::vector<PulseCurve>& curves,
            const std::function<bool(const PulseCurve&, double)>& use) {
    for (const PulseCurve& curve : curves) {
      PulseCurve seen = curve;
      const auto hidden = [&](const PulseCurvePoint& p) { return !use(curve, p.v); };
      std::erase_if(seen.points, hidden);
      if (seen.points.empty()) continue;
      if (curve.ramp) {  // its pulses add up: those in between stay, without weight
        PulseCurve whole = curve;
        while (hidden(whole.points.back())) whole.points.pop_back();
        add(whole, use, sigma_ln);
        continue;
      }
      add(seen, use, sigma_ln);
      for (double PulseCurvePoint::*q : {&PulseCurvePoint::r_p10, &PulseCurvePoint::r_p90})
        add(quantile_curve(seen, q), use, sigma_ln_quantile);
    }
  }

  int count() const { return count_; }

  // Σ over squares of these is the loss; `robust` off: plain ln R differences over σ.
  Eigen::VectorXd operator()(const PulseUnknowns& unknowns, bool robust) const {
    const PulseDevice device = device_of(unknowns);
    Eigen::VectorXd e(count_);
    Eigen::Index n = 0;
    for (size_t k = 0; k < curves_.size(); ++k) {
      const std::vector<double> r =
          devices::simulate_pulse_curve(curves_[k], device.model, device.transistor, device.bench,
                                        1, {.tolerance = 1e-5, .max_steps = 4000});
      for (size_t i = 0; i < r.size(); ++i) {
        if (sigma_[k][i] == 0.0) continue;
        const double plain = std::isfinite(r[i])
                                 ? std::log(r[i] / curves_[k].points[i].r_after) / sigma_[k][i]
                                 : 1e3;  // a pulse that could not be integrated
        e[n++] = robust
                     ? std::copysign(std::sqrt(2.0 * loss_scale *
                                               (std::sqrt(1.0 + plain * plain / loss_scale) - 1.0)),
                                     plain)
                     : plain;
      }
    }
    return e;
  }
  double loss(const Eigen::VectorXd& shares) const {
    return (*this)(from_shares(shares), true).squaredNorm();
  }

 private:
  void add(const PulseCurve& curve, const std::function<bool(const PulseCurve&, double)>& use,
           double sigma) {
    const auto& points = curve.points;
    std::vector<double> all(points.size(), 0.0);
    const auto slope = [&](size_t i, size_t j) {  // [1/V]; none across a gap in the points
      if (j >= points.size() || !use(curve, points[j].v)) return 0.0;
      const double dv = points[j].v - points[i].v;
      return std::abs(dv) > neighbour
                 ? 0.0
                 : std::abs(std::log(points[j].r_after / points[i].r_after) / dv);
    };
    for (size_t i = 0; i < points.size(); ++i) {
      if (!use(curve, points[i].v)) continue;
      all[i] = std::hypot(sigma, sigma_v * std::max(slope(i, i - 1), slope(i, i + 1)));
      ++count_;
    }
    curves_.push_back(curve);
    sigma_.push_back(all);
  }

  std::vector<PulseCurve> curves_;
  std::vector<std::vector<double>> sigma_;  // 0: does not take part
  int count_ = 0;
};

// Differential evolution, "current to one of the best": each member is replaced by a better mix of
// itself, one of the best 15 % and the difference of two others.
Eigen::VectorXd search(const Residuals& residuals, const PulseFitOptions& options) {
  const size_t n = static_cast<size_t>(std::max(8, options.population));
  std::vector<Eigen::VectorXd> members(n), trials(n);
  std::vector<double> loss(n), trial_loss(n);
  RandomStream random(options.seed, 0, 0, 0, Purpose::validation_plan);
  for (auto& m : members) {
    m.resize(unknown_count);
    for (double& x : m) x = random.uniform();
  }
  const auto any = [&] { return random.below(static_cast<std::uint32_t>(n)); };
  const auto best_share = static_cast<std::uint32_t>(std::max<size_t>(2, n * 15 / 100));
  parallel_for(n, options.threads, [&](size_t i) { loss[i] = residuals.loss(members[i]); });
  std::vector<size_t> order(n);
  for (int g = 0; g < options.generations; ++g) {
    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return loss[a] < loss[b]; });
    for (size_t i = 0; i < n; ++i) {
      const auto &own = members[i], &good = members[order[random.below(best_share)]],
                 &a = members[any()], &b = members[any()];
      const double factor = 0.4 + 0.5 * random.uniform();
      trials[i] = own;
      for (Eigen::Index k = 0; k < unknown_count; ++k) {
        if (random.uniform() > 0.9) continue;
        double x = own[k] + factor * (good[k] - own[k] + a[k] - b[k]);
        if (x < 0.0) x = own[k] * random.uniform();
        if (x > 1.0) x = 1.0 - (1.0 - own[k]) * random.uniform();
        trials[i][k] = x;
      }
    }
    parallel_for(n, options.threads, [&](size_t i) { trial_loss[i] = residuals.loss(trials[i]); });
    for (size_t i = 0; i < n; ++i)
      if (trial_loss[i] <= loss[i]) members[i] = trials[i], loss[i] = trial_loss[i];
  }
  return members[static_cast<size_t>(std::min_element(loss.begin(), loss.end()) - loss.begin())];
}

// Standard errors s·√diag((JᵀJ)⁻¹) with s² the mean square of the residuals per degree of freedom.
// A robust residual has the weight that its loss gives it.
void judge(const Residuals& residuals, const Eigen::VectorXd& shares, PulseFit& fit) {
  Eigen::MatrixXd jacobian(residuals.count(), unknown_count);
  for (Eigen::Index i = 0; i < unknown_count; ++i) {
    Eigen::VectorXd up = shares, down = shares;
    up[i] = std::min(1.0, up[i] + step), down[i] = std::max(0.0, down[i] - step);
    jacobian.col(i) =
        (residuals(from_shares(up), true) - residuals(from_shares(down), true)) / (up[i] - down[i]);
  }
  const Eigen::JacobiSVD<Eigen::MatrixXd> svd(jacobian, Eigen::ComputeThinV);
  const Eigen::VectorXd& s = svd.singularValues();
  const double freedom = std::max<double>(1.0, static_cast<double>(fit.points - unknown_count));
  const double scatter = std::sqrt(fit.loss / freedom);
  fit.condition = s[0] / s[unknown_count - 1];
  for (Eigen::Index i = 0; i < unknown_count; ++i) {
    const auto& p = table[static_cast<size_t>(i)];
    const double sigma = scatter * svd.matrixV().row(i).transpose().cwiseQuotient(s).norm();
    fit.error.*p.member = sigma * slope_of_share(p, shares[i]);
    fit.weak_direction.*p.member = svd.matrixV()(i, unknown_count - 1);
  }
}
}  // namespace

PulseDevice device_of(const PulseUnknowns& u) {
  PulseDevice d;
  devices::GapParams& p = d.model.params;
  p.g0 = gap_unit;
  p.v0 = u.v0;
  p.i0 = v_closed / u.r_closed / std::sinh(v_closed / u.v0) * std::exp(gap_closed / gap_unit);
  p.activation = u.activation;
  p.velocity = std::exp(u.ln_rate + u.activation / (devices::boltzmann_ev * t_rate));
  p.a0 = 0.25e-9, p.thickness = 5e-9;
  p.gamma0_set = u.gamma0_set;
  const double high = gap_of_cell(r_high, u.r_closed) / nm;
  p.beta_set = std::max(0.0, u.gamma0_set - u.gamma_set_high) / high;
  p.gamma0_reset = u.gamma0_reset;
  p.beta_reset = std::max(0.0, u.gamma0_reset - u.gamma_reset_high) / high;
  p.alpha = 1.0;
  p.gap_min = gap_closed, p.gap_max = gap_open;
  p.r_th = u.r_th, p.t_amb = 300.0;
  p.field_min = 0.0, p.v_guard = 0.0;
  d.transistor.beta = u.beta, d.transistor.v_to = u.v_to;
  d.bench.r_path = u.r_path;
  return d;
}

PulseUnknowns unknowns_of(const PulseDevice& d) {
  const devices::GapParams& p = d.model.params;
  PulseUnknowns u{};
  u.v0 = p.v0;
  u.r_closed = v_closed / (p.i0 * std::exp(-gap_closed / gap_unit) * std::sinh(v_closed / p.v0));
  u.activation = p.activation;
  u.ln_rate = std::log(p.velocity) - p.activation / (devices::boltzmann_ev * t_rate);
  const double high = gap_of_cell(r_high, u.r_closed) / nm;
  u.gamma0_set = p.gamma0_set, u.gamma0_reset = p.gamma0_reset;
  u.gamma_set_high = p.gamma0_set - p.beta_set * high;
  u.gamma_reset_high = p.gamma0_reset - p.beta_reset * high;
  u.r_th = p.r_th;
  u.r_path = d.bench.r_path;
  u.beta = d.transistor.beta, u.v_to = d.transistor.v_to;
  return u;
}

bool held_out(const PulseCurve& curve, double v) {
  const auto within = [v](double low, double high) { return v >= low - 1e-6 && v <= high + 1e-6; };
  if (curve.polarity == Polarity::reset) return within(0.95, 1.15) || within(1.80, 1e9);
  return curve.width < 5e-6 ? within(1.60, 1.70) || within(2.20, 1e9) : within(1.70, 2.00);
}

std::vector<PulseCurve> card_curves(const std::string& path) {
  const std::vector<PulseCurve> all = devices::read_pulse_curves(path);
  struct Wanted {
    const char* name;
    Polarity polarity;
    bool ramp, word_line;
    double width, held;
  };
  std::vector<PulseCurve> chosen;
  for (const Wanted& w :
       {Wanted{"SET from HRS, 1 us, BL 2 V", Polarity::set, false, true, 1e-6, 2.0},
        Wanted{"SET from HRS, 10 us, BL 2 V", Polarity::set, false, true, 10e-6, 2.0},
        Wanted{"RESET ramp, 200 ns, WL 3.5 V", Polarity::reset, true, false, 200e-9, 3.5}}) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const PulseCurve& c) {
      return c.polarity == w.polarity && c.ramp == w.ramp && c.word_line_swept == w.word_line &&
             std::abs(c.width / w.width - 1.0) < 1e-6 && std::abs(c.v_held - w.held) < 1e-6;
    });
    if (found == all.end()) throw IoError(path, std::string("lacks the curve ") + w.name);
    chosen.push_back(*found);
  }
  return chosen;
}

PulseFit fit_pulse_curves(const std::vector<PulseCurve>& curves,
                          const std::function<bool(const PulseCurve&, double)>& use,
                          const PulseUnknowns& start, const PulseFitOptions& options) {
  const Residuals residuals(curves, use);
  PulseFit fit;
  fit.points = residuals.count();
  Eigen::VectorXd best = options.generations > 0 ? search(residuals, options) : to_shares(start);
  const auto shares = [](const Eigen::VectorXd& angle) {
    return Eigen::VectorXd(0.5 * (1.0 + angle.array().sin()));
  };
  // Away from the bounds themselves, where the derivative to the angle vanishes.
  const Eigen::VectorXd angle =
      (2.0 * best.array() - 1.0).cwiseMin(0.9999).cwiseMax(-0.9999).asin();
  const solver::LeastSquaresResult result = solver::minimise(
      [&](const Eigen::VectorXd& x) { return residuals(from_shares(shares(x)), true); }, angle,
      step, options.threads, options.iterations);
  fit.converged = result.converged;
  if (residuals.loss(shares(result.x)) < residuals.loss(best)) best = shares(result.x);
  fit.unknowns = from_shares(best);
  fit.loss = residuals.loss(best);
  judge(residuals, best, fit);
  return fit;
}

}  // namespace mho::validation
