#include "solver/word_line_fall.hpp"

#include <algorithm>
#include <array>
#include <boost/numeric/odeint/integrate/integrate_adaptive.hpp>
#include <boost/numeric/odeint/stepper/generation.hpp>
#include <boost/numeric/odeint/stepper/runge_kutta_dopri5.hpp>
#include <cmath>
#include <vector>

namespace mho::solver {
namespace {
namespace odeint = boost::numeric::odeint;

// Followed so long after the edge; the transistors are off by then, and the last millivolts of the word lines only couple through the overlaps.
constexpr double fall_duration = 1.4e-9;  // [s]
constexpr double gate_rise = 2e-11;       // [s] of the driver: short against the fall

struct Class {
  double count = 0, conductance = 0, drive = 0;
};

// A channel end at voltage `over` below pinch-off: the square root of its normalised current, its mobile charge [V] and the derivative of that by `over`.
struct ChannelEnd {
  double current, charge, slope;
};
ChannelEnd channel_end(double over, double phi) {
  const double x = over / (2.0 * phi);
  double l = 0, sigma = 0;  // ln(1 + e^x) and its derivative
  if (x > 30) {
    l = x, sigma = 1.0;
  } else {
    const double e = std::exp(std::max(x, -40.0));
    l = std::log1p(e), sigma = e / (1.0 + e);
  }
  const double root = std::sqrt(1.0 + 4.0 * l * l);
  return {2.0 * phi * l, phi * 4.0 * l * l / (root + 1.0), 2.0 * l * sigma / root};
}

// Partial derivatives of the Ward-Dutton shares of two channel ends with charges a and b, in units of c_channel:
// share(a, b) = (6 a³ + 12 a² b + 8 a b² + 4 b³)/(15 (a + b)²).
struct Partition {
  double aa, ab, ba, bb;  // ∂share_a/∂a, ∂share_a/∂b, ∂share_b/∂a, ∂share_b/∂b
};
Partition partition(double a, double b) {
  const double inverse = 1.0 / (a + b), p = a * inverse, q = b * inverse;  // p + q = 1
  const double na = (2.0 / 15.0) * (p * p * (6 * p + 12 * q) + q * q * (8 * p + 4 * q)), nb = (2.0 / 15.0) * (q * q * (6 * q + 12 * p) + p * p * (8 * q + 4 * p));
  const double pp = p * p * (1.0 / 15.0), pq = p * q * (1.0 / 15.0), qq = q * q * (1.0 / 15.0);
  return {18 * pp + 24 * pq + 8 * qq - na, 12 * pp + 16 * pq + 12 * qq - na, 12 * qq + 16 * pq + 12 * pp - nb, 18 * qq + 24 * pq + 8 * pp - nb};
}

class Fall {
 public:
  Fall(const NeuronModel& model, std::vector<Class> classes, double rows)
      : m_(model), classes_(std::move(classes)), rows_(rows), stages_(std::ceil(rows / 16.0)), c_wire_(rows * (model.circuit.c_wl_cell + model.fall.c_gate)) {}

  // Change of the line per change of the word line with all transistors off.
  double overlap_share() const { return rows_ * m_.fall.c_overlap / m_.neuron.c_line; }

  // y = (line, word line, m of each class).
  void operator()(const std::vector<double>& y, std::vector<double>& dy, double t) const {
    const FallParams& f = m_.fall;
    const TransistorParams& tr = m_.transistor;
    const double line = y[0], down = m_.circuit.wl_high - y[1];
    const double pinch = pinch_off(m_, y[1]), by_w = 1.0 / f.n + 2.0 * f.curve * down;
    const ChannelEnd s = channel_end(pinch - line, f.phi);
    // Charge balance of line and word line, a V' + b w' = r, with every m eliminated: m' = (rm + em V' + gm w') · inverse.
    double a11 = m_.neuron.c_line + f.c_line_slope * line, a12 = 0, r1 = 0, a21 = 0, a22 = c_wire_, r2 = driver_current(y[1], t);
    const double cc = f.c_channel;
    for (size_t c = 0; c < classes_.size(); ++c) {
      const double m = y[2 + c], count = classes_[c].count;
      const ChannelEnd e = channel_end(pinch - m, f.phi);
      const double factor = (1.0 + f.lambda * std::abs(m - line)) / (1.0 + tr.theta * 0.5 * (s.current + e.current));
      const double current = 0.5 * tr.beta * factor * (s.current * s.current - e.current * e.current);  // m to line
      const Partition share = partition(s.charge, e.charge);
      // c_channel · d share at either end, by the voltages at either end; by the pinch-off voltage it is their sum with the other sign.
      const double ss = cc * share.aa * s.slope, sm = cc * share.ab * e.slope, ms = cc * share.ba * s.slope, mm = cc * share.bb * e.slope;
      const double inverse = 1.0 / (f.c_m + f.c_overlap_m + mm), em = -ms, gm = f.c_overlap_m + (ms + mm) * by_w;
      const double rm = (classes_[c].drive - m) * classes_[c].conductance - current;
      // Line: c_line V' = Σ [I − ss V' − sm m' + (ss + sm) p w' + c_overlap w']
      const double k = sm * inverse;
      a11 += count * (ss + k * em);  // the overlap's own capacitance is in c_line
      a12 -= count * ((ss + sm) * by_w + f.c_overlap - k * gm);
      r1 += count * (current - k * rm);
      // Word line: what the gate gives, the channel gets: c_wire w' = −I_driver − Σ [(all) p w' − ((ss + ms) V' + (sm + mm) m')/n + overlaps]
      const double gate_line = (ss + ms) / f.n + f.c_overlap, gate_m = (sm + mm) / f.n + f.c_overlap_m, h = gate_m * inverse;
      a21 -= count * (gate_line + h * em);
      a22 += count * ((ss + sm + ms + mm) * by_w / f.n + f.c_overlap + f.c_overlap_m - h * gm);
      r2 += count * h * rm;
      factor_[c] = {rm * inverse, em * inverse, gm * inverse};
    }
    const double determinant = a11 * a22 - a12 * a21;
    dy[0] = (r1 * a22 - a12 * r2) / determinant;
    dy[1] = (a11 * r2 - a21 * r1) / determinant;
    for (size_t c = 0; c < classes_.size(); ++c) dy[2 + c] = factor_[c][0] + factor_[c][1] * dy[0] + factor_[c][2] * dy[1];
  }

 private:
  // Into the word line: the rising gate of the driver couples through its overlap, then the driver takes the word line down.
  double driver_current(double w, double t) const {
    const FallParams& f = m_.fall;
    const double feed = t < gate_rise ? f.c_feed * m_.circuit.v_dd_wl / gate_rise : 0.0;
    return stages_ * (feed - f.i_drive * std::tanh((w - m_.circuit.wl_low) / (f.i_drive * f.r_drive)));
  }

  const NeuronModel& m_;
  std::vector<Class> classes_;
  double rows_, stages_, c_wire_;
  mutable std::array<std::array<double, 3>, 64> factor_{};
};

// Up to seven conductance classes per level, bounded at octaves of conductance.
std::vector<Class> classify(const NeuronModel& model, std::span<const double> conductance, std::span<const std::int8_t> levels, double v_read) {
  constexpr int bins = 7;
  std::array<Class, 3 * bins> table{};
  for (size_t i = 0; i < conductance.size(); ++i) {
    const double g = 1.0 / (1.0 / conductance[i] + model.circuit.r_driver);
    const int octave = std::clamp(static_cast<int>(std::floor(std::log2(g / 1e-6))) + 1, 0, bins - 1);
    Class& c = table[static_cast<size_t>((levels[i] + 1) * bins + octave)];
    c.count += 1;
    c.conductance += g;
    c.drive = levels[i] * v_read;
  }
  std::vector<Class> classes;
  for (Class& c : table)
    if (c.count > 0) {
      c.conductance /= c.count;
      classes.push_back(c);
    }
  return classes;
}

}  // namespace

double line_after_fall(const NeuronModel& model, std::span<const double> conductance, std::span<const std::int8_t> levels, double v_read, double line) {
  const std::vector<Class> classes = classify(model, conductance, levels, v_read);
  const Fall fall(model, classes, static_cast<double>(conductance.size()));
  std::vector<double> y{line, model.circuit.wl_high};
  // The node between cell and transistor at the end of the driven phase: channel conductance against the cell's.
  const TransistorParams& t = model.transistor;
  for (const Class& c : classes) {
    const double over = std::max(t.v_pinch - line, 0.05);
    const double channel = t.beta * over / (1.0 + t.theta * over);
    double m = (c.drive * c.conductance + line * channel) / (c.conductance + channel);
    for (int i = 0; i < 20; ++i) {  // Newton on G (drive − m) = I(m)
      const double qs = std::max(t.v_pinch - line, 0.0), qm = std::max(t.v_pinch - m, 0.0), d = 1.0 + 0.5 * t.theta * (qs + qm);
      const double current = 0.5 * t.beta * (qs * qs - qm * qm) / d;
      const double slope = (t.beta * qm + 0.5 * t.theta * current) / d;
      m += ((c.drive - m) * c.conductance - current) / (c.conductance + slope);
    }
    y.push_back(m);
  }
  using Stepper = odeint::runge_kutta_dopri5<std::vector<double>>;
  const auto follow = [&](double from, double to) {
    odeint::integrate_adaptive(odeint::make_controlled<Stepper>(1e-5, 1e-6), std::cref(fall), y, from, to, 1e-12);
  };
  follow(0.0, gate_rise);
  follow(gate_rise, fall_duration);
  return y[0] + fall.overlap_share() * (model.circuit.wl_low - y[1]);
}

}  // namespace mho::solver
