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

struct Class {
  double count = 0, conductance = 0, drive = 0;
};

// Mobile charge at a channel end and its derivative by the voltage there (dq/dv = −σ); by the pinch-off voltage it is +σ.
struct Charge {
  double q, sigma;
};
Charge mobile(double over, double phi) {
  const double x = over / phi;
  if (x > 30) return {over, 1.0};
  if (x < -30) return {phi * std::exp(-30.0), 0.0};
  const double e = std::exp(x);
  return {phi * std::log1p(e), e / (1.0 + e)};
}

// Ward-Dutton share of the end `a` in units of c_channel, and its partial derivatives by q_a and q_b.
struct Partition {
  double share, by_a, by_b;
};
Partition partition(double a, double b) {
  const double s = a + b, n = 6 * a * a * a + 12 * a * a * b + 8 * a * b * b + 4 * b * b * b, d = 15 * s * s;
  const double na = 18 * a * a + 24 * a * b + 8 * b * b, nb = 12 * a * a + 16 * a * b + 12 * b * b;
  return {n / d, na / d - 2 * n / (d * s), nb / d - 2 * n / (d * s)};
}

class Fall {
 public:
  Fall(const NeuronModel& model, std::vector<Class> classes, double rows) : m_(model), classes_(std::move(classes)) {
    // The driver has whole stages of 16 cells, so a partly loaded stage falls faster.
    const double load = rows / (16.0 * std::ceil(rows / 16.0));
    t_fall_ = model.fall.t_fall * load;
    t_linear_ = model.fall.t_linear * load;
    swing_ = model.circuit.wl_high - model.circuit.wl_low;
  }
  double duration() const { return 8 * (t_linear_ + t_fall_); }
  // Depth of the word line below its high level and its rate.
  std::pair<double, double> depth(double t) const {
    // Two cascaded first-order lags, t_linear and t_fall.
    const double a = t_fall_, b = std::min(t_linear_, 0.98 * t_fall_);
    const double ea = std::exp(-t / a), eb = b > 0 ? std::exp(-t / b) : 0.0;
    return {swing_ * (1.0 - (a * ea - b * eb) / (a - b)), swing_ * (ea - eb) / (a - b)};
  }
  // y = (line, m of each class).
  void operator()(const std::vector<double>& y, std::vector<double>& dy, double t) const {
    const auto [down, speed] = depth(t);
    const FallParams& f = m_.fall;
    const TransistorParams& tr = m_.transistor;
    const double pinch = tr.v_pinch - down * (1.0 / f.n + f.curve * down), dp = -speed * (1.0 / f.n + 2.0 * f.curve * down);
    const Charge s = mobile(pinch - y[0], f.phi);
    const double s_current = mobile(pinch - y[0], f.phi_current).q;
    // Line and every m couple through the channels: c_line·V' + Σ count·(a_i V' + b_i m_i') = r, and each m_i' = (r_i + e_i V')/d_i. Eliminate m.
    double diagonal = m_.neuron.c_line, right = 0.0;
    std::array<double, 64> ri{}, ei{}, di{};
    for (size_t c = 0; c < classes_.size(); ++c) {
      const double m = y[1 + c], count = classes_[c].count;
      const Charge e = mobile(pinch - m, f.phi);
      const double e_current = mobile(pinch - m, f.phi_current).q;
      const double denominator = 1.0 + tr.theta * 0.5 * (s_current + e_current);
      const double current = 0.5 * tr.beta * (s_current * s_current - e_current * e_current) / denominator;  // from m to the line
      const Partition ps = partition(s.q, e.q), pm = partition(e.q, s.q);
      // Electron charge at an end is −c·share. Its change by V' (through q_s), m' and pinch-off.
      const double cc = f.c_channel;
      const double ss = cc * ps.by_a * s.sigma, sm = cc * ps.by_b * e.sigma;  // c·d share_s = −ss V' − sm m' + (ss + sm) dp
      const double ms = cc * pm.by_b * s.sigma, mm = cc * pm.by_a * e.sigma;
      // Line: c_line V' = count·[I − ss V' − sm m' + (ss + sm) dp + c_ov·w'], w' = −speed; overlap to ground stays within c_line.
      const double line_source = current + (ss + sm) * dp - f.c_overlap * speed;
      const double m_source = (classes_[c].drive - m) * classes_[c].conductance - current + (ms + mm) * dp - f.c_overlap_m * speed;
      di[c] = f.c_m + mm;
      ei[c] = -ms;
      ri[c] = m_source;
      diagonal += count * (ss + sm * ei[c] / di[c]);
      right += count * (line_source - sm * ri[c] / di[c]);
    }
    dy[0] = right / diagonal;
    for (size_t c = 0; c < classes_.size(); ++c) dy[1 + c] = (ri[c] + ei[c] * dy[0]) / di[c];
  }

 private:
  const NeuronModel& m_;
  std::vector<Class> classes_;
  double t_fall_, t_linear_, swing_;
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
  std::vector<double> y{line};
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
  odeint::integrate_adaptive(odeint::make_controlled<Stepper>(3e-6, 1e-6), std::cref(fall), y, 0.0, fall.duration(), 1e-12);
  const auto sums = fall_sums(conductance, levels, v_read, line);
  for (size_t k = 0; k < fall_terms; ++k) y[0] += model.fall_remainder[k] * sums[k];
  return y[0];
}

std::array<double, fall_terms> fall_sums(std::span<const double> conductance, std::span<const std::int8_t> levels, double v_read, double line) {
  double n = 0, n2 = 0, g = 0, g1 = 0, g2 = 0;
  for (size_t i = 0; i < conductance.size(); ++i) {
    const double d = levels[i] * v_read - line;
    n += 1.0 / 256.0;
    n2 += d * d / 256.0;
    g += 1e2 * conductance[i];
    g1 += 1e3 * conductance[i] * d;
    g2 += 1e3 * conductance[i] * d * d;
  }
  return {n, n * line, g, g * line, g * line * line, g1, g2, n2};
}

}  // namespace mho::solver
