#include "devices/fit/replay.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/statistics.hpp"

namespace mho::devices {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double failed = 100.0;  // residual where a run did not finish
constexpr double lost_feature =
    1.3;  // a model that does not switch: as if at this multiple of the excursion's peak

double compressed(double i, double floor) { return std::asinh(0.5 * i / floor); }

// Points of a long cycle that are kept: each k-th, all that turn, start, end or lie beside a jump.
std::vector<size_t> kept_points(const SweepCycle& c, const std::vector<Excursion>& events,
                                size_t most) {
  const size_t n = c.v.size(), stride = (n + most - 1) / most;
  std::vector<bool> keep(n, stride == 1);
  if (stride > 1) {
    for (size_t k = 0; k < n; k += stride) keep[k] = true;
    keep[n - 1] = true;
    for (size_t k = 1; k + 1 < n; ++k)
      if ((c.v[k] - c.v[k - 1]) * (c.v[k + 1] - c.v[k]) < 0.0 && stride < 8) keep[k] = true;
    for (const Excursion& e : events) {
      keep[e.peak] = keep[e.first] = keep[e.last] = true;
      if (std::isfinite(e.v_switch))
        for (size_t k = e.at > 3 ? e.at - 3 : 0; k < std::min(n, e.at + 3); ++k) keep[k] = true;
    }
  }
  std::vector<size_t> points;
  for (size_t k = 0; k < n; ++k)
    if (keep[k]) points.push_back(k);
  return points;
}

double cycle_floor(const SweepCycle& c, const ReplayOptions& o) {
  if (o.floor > 0.0) return o.floor;
  double peak = 0.0;
  for (double x : c.i) peak = std::max(peak, std::abs(x));
  return std::max(1e-6 * peak, 1e-15);
}

// Step of the sweep: the median of what the voltage moves by where it moves.
double voltage_step(const std::vector<double>& v) {
  std::vector<double> steps;
  for (size_t k = 1; k < v.size(); ++k)
    if (v[k] != v[k - 1]) steps.push_back(std::abs(v[k] - v[k - 1]));
  return steps.empty() ? 0.0 : quantile(steps, 0.5);
}

// Steepest slope of y over V at a point, from its neighbours [1/V].
double slope_at(const SweepTarget& t, size_t k) {
  double steepest = 0.0;
  for (const size_t a : {k == 0 ? 0 : k - 1, k}) {
    if (a + 1 >= t.y.size()) continue;
    const double dv = std::abs(t.drive.v[a + 1] - t.drive.v[a]);
    if (dv > 1e-9)
      steepest = std::max(steepest, std::abs(t.y[a + 1] - t.y[a]) / std::max(dv, t.sigma_v));
  }
  return steepest;
}

Load with_polarity(const Load& load, double v_wl) {
  Load out = load;
  if (std::isfinite(v_wl))
    out.v_wl_set = out.v_wl_reset = v_wl;
  else
    out.transistor.reset();
  return out;
}

State on_line(const AnyMemristor& model, double share) {
  return low_state(model) + share * (high_state(model) - low_state(model));
}

}  // namespace

SweepTarget make_target(const SweepCycle& cycle, const ReplayOptions& o) {
  SweepTarget t;
  t.number = cycle.number;
  t.floor = cycle_floor(cycle, o);
  t.events = excursions(cycle.v, cycle.i, 3.0 * t.floor);
  const double step = voltage_step(cycle.v);
  t.sigma_v = o.sigma_v > 0.0 ? o.sigma_v : std::max(step / std::sqrt(12.0), 1e-3);
  double peak = 0.0;
  for (double v : cycle.v) peak = std::max(peak, std::abs(v));
  for (const size_t k : kept_points(cycle, t.events, o.max_points)) {
    t.drive.t.push_back(cycle.t[k]);
    t.drive.v.push_back(cycle.v[k]);
    t.i.push_back(cycle.i[k]);
    t.y.push_back(compressed(cycle.i[k], t.floor));
  }
  for (size_t k = 0; k < t.y.size(); ++k) {
    // Exactly 0 A at a voltage: a reading below its range, which says nothing.
    const bool below_range = t.i[k] == 0.0 && std::abs(t.drive.v[k]) > 0.01 * peak;
    t.left_out += below_range;
    t.sigma.push_back(below_range ? nan : std::hypot(o.sigma_y, slope_at(t, k) * t.sigma_v));
  }
  for (const Excursion& e : t.events) t.v_start = t.v_start == 0.0 ? cycle.v[e.first] : t.v_start;
  for (size_t k = 0; k < t.y.size(); ++k) {
    const double v = std::abs(t.drive.v[k]);
    if (v > 0.3 * peak || t.drive.v[k] * t.v_start < 0.0) break;
    if (k > 0 && v < std::abs(t.drive.v[k - 1]) - 2.0 * step) break;
    if (v > 0.02 * peak && std::isfinite(t.sigma[k]) && std::abs(t.i[k]) > t.floor)
      t.start_points.push_back(k);
  }
  return t;
}

State measured_start(const AnyMemristor& model, const Load& load, const SweepTarget& t) {
  if (t.start_points.empty()) return t.v_start >= 0.0 ? low_state(model) : high_state(model);
  std::vector<double> excess(t.start_points.size());
  const auto median_excess = [&](const State& x) {
    for (size_t n = 0; n < excess.size(); ++n) {
      const size_t k = t.start_points[n];
      const double v = t.drive.v[k];
      excess[n] = std::log(std::abs(solve_load(model, load, v, x, v).cell.current / t.i[k]));
    }
    return quantile(excess, 0.5);
  };
  double low = 0.0, high = 1.0;
  for (int n = 0; n < 36; ++n) {
    const double middle = 0.5 * (low + high);
    (median_excess(on_line(model, middle)) < 0.0 ? low : high) = middle;
  }
  return on_line(model, 0.5 * (low + high));
}

SweepReplay replay(const AnyMemristor& model, const Load& load, const SweepTarget& t,
                   const TransientOptions& options) {
  SweepReplay out;
  out.outcome = run_transient(model, load, t.drive, measured_start(model, load, t), options);
  const DeviceTrace& trace = out.outcome.trace;
  out.i.assign(t.y.size(), nan);
  for (size_t k = 0, n = 0; k < t.y.size() && n < trace.size(); ++n)
    if (trace.t[n] == t.drive.t[k]) out.i[k++] = trace.current[n];
  out.events = excursions(trace.drive, trace.current, 1e-3 * t.floor);
  out.outcome.trace = {};
  return out;
}

Eigen::VectorXd residuals(const SweepReplay& r, const SweepTarget& t, const ReplayOptions& o) {
  const size_t n = t.y.size();
  size_t features = 0;
  for (const Excursion& e : t.events) features += std::isfinite(e.v_switch);
  Eigen::VectorXd out(static_cast<Eigen::Index>(n + features));
  for (size_t k = 0; k < n; ++k) {
    double x = 0.0;
    if (!std::isfinite(r.i[k]))
      x = failed;
    else if (std::isfinite(t.sigma[k]))
      x = (compressed(r.i[k], t.floor) - t.y[k]) / t.sigma[k];
    out[static_cast<Eigen::Index>(k)] = x;
  }
  Eigen::Index at = static_cast<Eigen::Index>(n);
  for (size_t e = 0; e < t.events.size(); ++e) {
    const Excursion& measured = t.events[e];
    if (!std::isfinite(measured.v_switch)) continue;
    const double peak = t.drive.v.empty() ? 0.0 : std::abs(measured.v_switch);
    double v = std::copysign(lost_feature * peak, measured.v_switch);
    // A model whose conductance moves the other way has not switched either.
    if (e < r.events.size() && std::isfinite(r.events[e].v_switch) &&
        r.events[e].rises() == measured.rises())
      v = r.events[e].v_switch;
    out[at++] = o.feature_weight * (v - measured.v_switch) / t.sigma_v;
  }
  return out;
}

TrainReplay replay(const AnyMemristor& model, const Load& load, const PulseCycle& train,
                   const TransientOptions& options) {
  TrainReplay out;
  const auto conductance_at = [&](const State& x, const MeasuredPulse& p) {
    Load read = with_polarity(load, nan);
    return solve_load(model, read, p.v_read, x, p.v_read).cell.current / p.v_read;
  };
  double low = 0.0, high = 1.0;
  for (int n = 0; n < 50; ++n) {
    const double middle = 0.5 * (low + high);
    (conductance_at(on_line(model, middle), train.pulses.front()) < train.pulses.front().g ? low
                                                                                           : high) =
        middle;
  }
  State x = on_line(model, 0.5 * (low + high));
  TransientOptions o = options;
  o.keep = false;
  o.max_share = 0.2;
  for (size_t k = 0; k < train.pulses.size(); ++k) {
    const MeasuredPulse& p = train.pulses[k];
    if (k > 0 && p.width > 0.0 && p.v != 0.0 && out.finished) {
      const TransientResult r = run_transient(model, with_polarity(load, p.v_wl),
                                              pulse_train({{p.v, p.width, p.edge}}, 0.0), x, o);
      out.finished = static_cast<bool>(r);
      x = r.state;
    }
    out.g.push_back(out.finished ? conductance_at(x, p) : nan);
  }
  return out;
}

Eigen::VectorXd residuals(const TrainReplay& r, const PulseCycle& train, const ReplayOptions& o) {
  Eigen::VectorXd out(static_cast<Eigen::Index>(train.pulses.size() - 1));
  for (size_t k = 1; k < train.pulses.size(); ++k) {
    const double x = std::log(r.g[k] / train.pulses[k].g) / o.sigma_y;
    out[static_cast<Eigen::Index>(k) - 1] = std::isfinite(x) ? x : failed;
  }
  return out;
}

}  // namespace mho::devices
