// JART VCM v1b: published unit values, kinetics and sweeps, an independent solution of its implicit
// current, derivatives.
#include "devices/jart_vcm.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "devices/card.hpp"
#include "devices/transient.hpp"

using namespace mho;
using namespace mho::devices;

namespace {
bool close(double a, double b, double relative) {
  return std::abs(a - b) <= relative * std::max(std::abs(a), std::abs(b));
}

JartModel card_model(const std::string& name) {
  return std::get<Device<JartModel>>(
             load_card(std::string(MHO_SOURCE_DIR) + "/devices/params/" + name + ".toml").device)
      .model;
}

State at_density(double n) { return state_of(std::log(n)); }  // [1e26/m³]

// Index k in [first, last) of the largest f(k), which is called once for each in order.
template <class F>
size_t argmax(size_t first, size_t last, const F& f) {
  size_t best = first;
  double highest = f(first);
  for (size_t k = first + 1; k < last; ++k)
    if (const double value = f(k); value > highest) {
      best = k;
      highest = value;
    }
  return best;
}

struct Butterfly {
  double v_set, v_reset,
      i_reset;  // [V] |V| where d ln|I|/dV is largest, [V], [A] at the largest |I| of RESET
  double r_low, r_high;  // [ohm] in RESET polarity at 0.2 V
  unsigned limits;
};

double resistance(const JartModel& model, const State& x) {
  return -0.2 / model.evaluate(-0.2, x).current;
}

Butterfly butterfly(const JartModel& model, double peak_set, double peak_reset, double rate,
                    double r_series) {
  Load load;
  load.r_series = r_series;
  const AnyMemristor any = model;
  const TransientResult set =
      run_transient(any, load, triangle(peak_set, 0.0, rate), model.lower());
  REQUIRE(set);
  const TransientResult reset =
      run_transient(any, load, triangle(-peak_reset, 0.0, rate), set.state);
  REQUIRE(reset);
  const DeviceTrace& s = set.trace;
  const DeviceTrace& r = reset.trace;
  // The largest rise of ln I within 1 mV of the rising branch: a slope between two points of a
  // runaway says nothing.
  const size_t top = argmax(0, s.size(), [&](size_t k) { return s.drive[k]; });
  size_t back = 1;
  const size_t jump = argmax(2, top, [&](size_t k) {
    if (k == 2) back = 1;
    while (back + 1 < k && s.drive[k] - s.drive[back] > 1e-3) ++back;
    return s.drive[k] > 0.05 ? std::log(s.current[k] / s.current[back]) /
                                   std::max(s.drive[k] - s.drive[back], 1e-3)
                             : 0.0;
  });
  const size_t peak = argmax(0, r.size(), [&](size_t k) { return -r.current[k]; });
  return {s.drive[jump],
          -r.drive[peak],
          -r.current[peak],
          resistance(model, set.state),
          resistance(model, reset.state),
          set.limits | reset.limits};
}

// Time until N passes `end` at a constant voltage v from `start` [1e26/m³].
double switching_time(const JartModel& model, double v, double start, double end, double longest) {
  const TransientResult r =
      run_transient(model, {}, Drive{{0.0, longest}, {v, v}}, at_density(start));
  REQUIRE(r);
  const DeviceTrace& trace = r.trace;
  const double goal = end * JartModel::n_unit;
  for (size_t k = 1; k < trace.size(); ++k)
    if ((trace.state[k][0] - goal) * (trace.state[k - 1][0] - goal) <= 0.0) {
      const double a = std::log(trace.state[k - 1][0] / goal),
                   b = std::log(trace.state[k][0] / goal);
      return trace.t[k - 1] + (trace.t[k] - trace.t[k - 1]) * a / (a - b);
    }
  return NAN;
}
}  // namespace

// Values of an independent program with the equations of Cüppers et al. (2019), printed to 4
// digits.
TEST_CASE("JART: unit values of v1b") {
  JartModel model = card_model("jart_vcm_v1b");
  model.params.rate_max = 1e15;
  struct Row {
    double n, v, current, v_contact, temperature, rate;  // published sign; rate of N [1e26/m³/s]
  };
  for (const Row& r : {Row{0.008, -0.7, -8.413e-6, 0.1713, 384.1, 2.556},
                       Row{0.008, -0.2, -1.910e-6, 0.0800, 298.9, 3.59e-8},
                       Row{0.008, 0.2, 3.051e-6, 0.0083, 295.5, 0.0},
                       Row{0.1, 0.8, 1.233e-4, 0.0060, 623.2, -3449.0},
                       Row{1.0, 0.2, 9.598e-5, 0.0060, 320.9, -3.41e-8},
                       Row{1.0, -0.7, -3.071e-4, 0.0746, 1616.8, 1.17e10},
                       Row{20.0, 0.8, 4.899e-4, 0.0175, 516.7, -6.89},
                       Row{20.0, -0.2, -1.258e-4, 0.0042, 347.1, 0.0}}) {
    CAPTURE(r.n);
    CAPTURE(r.v);
    const Evaluation e = model.evaluate(-r.v, at_density(r.n));
    CHECK(close(-e.current, r.current, 5e-4));
    CHECK(close(e.temperature, r.temperature, 2e-4));
    CHECK(std::abs(model.solve(r.v < 0.0, std::abs(r.v), model.filament(std::log(r.n))).u -
                   r.v_contact) < 1e-4);
    CHECK(std::abs(e.rate[0] * r.n - r.rate) <= 3e-3 * std::abs(r.rate) + 1e-20);
  }
}

// The second route knows no smoothing, no starting side and no Newton: it scans the current
// downwards from the short circuit (RESET) or the voltage of the contact downwards from the open
// circuit (SET) in 4000 steps, with the formulas as printed.
TEST_CASE(
    "JART: the current is the root of the published equations that the physical branch reaches") {
  const JartModel model;
  const JartParams& p = model.params;
  constexpr double k = boltzmann_ev;
  const auto contact = [&](bool set, double u, double t, const JartModel::Filament& f) {
    const double psi = p.barrier - p.fermi + (set ? u : -u);
    const double phi =
        psi > 0.0 ? std::max(p.barrier - f.lowering * std::pow(psi, 0.25), 0.0) : p.barrier;
    const double scale = f.area * p.richardson, x = f.w00 / (k * t);
    if (!set) return scale * t * t * std::exp(-phi / (k * t)) * (std::exp(u / (k * t)) - 1.0);
    const double w0 = f.w00 / std::tanh(x), slope = f.w00 / (x - std::tanh(x));
    return scale * t / k * std::sqrt(M_PI * f.w00 * (u + phi / std::pow(std::cosh(x), 2))) *
           std::exp(-phi / w0) * (std::exp(u / slope) - 1.0);
  };
  double worst = 0.0;
  for (double n : {0.008, 0.02, 0.1, 0.5, 2.0, 8.0, 20.0})
    for (bool set : {false, true})
      for (double w : {0.05, 0.1, 0.3, 0.5, 0.8, 1.1, 1.5, 2.0}) {
        const JartModel::Filament f = model.filament(std::log(n));
        const auto excess = [&](double u) {
          const double i = model.line_current(w, u, f);
          return contact(set, u, std::min(model.temperature(set, w, i, f), 6000.0), f) - i;
        };
        // Log-spaced over six decades, from below in RESET, from above in SET.
        const auto at = [&](int step) {
          return w * std::pow(10.0, -6.0 * (set ? step : 4000 - step) / 4000.0);
        };
        int step = 1;
        const bool before = excess(at(0)) > 0.0;
        while (step < 4000 && (excess(at(step)) > 0.0) == before) ++step;
        double a = at(step - 1), b = at(step);
        for (int j = 0; j < 60; ++j) {
          const double m = 0.5 * (a + b);
          ((excess(m) > 0.0) == before ? a : b) = m;
        }
        const double expected = model.line_current(w, a, f);
        worst = std::max(
            worst,
            std::abs(std::abs(model.evaluate(set ? w : -w, at_density(n)).current) / expected -
                     1.0));
      }
  // √(x² + 1e-8 V²) moves a barrier of 0 by at most 0.05 mV, 0.2 % of a Boltzmann factor at 293 K.
  CHECK(worst < 2e-3);
  MESSAGE("largest relative difference of the current: ", worst);
}

TEST_CASE(
    "JART: partial derivatives are those of the functions, with and without a branch of "
    "switching") {
  JartModel moving = card_model("jart_vcm_tud");
  moving.branch = {1.0, 2e-10, -3e-12};
  for (const JartModel& model : {card_model("jart_vcm_v1b"), moving})
    for (double n : {0.01, 0.05, 0.3, 2.0, 15.0})
      for (double v : {-2.0, -1.0, -0.5, -0.1, 0.1, 0.3, 0.6, 1.0}) {
        CAPTURE(n);
        CAPTURE(v);
        const State x = at_density(n);
        const Evaluation e = model.evaluate(v, x);
        if (e.limits & limit_rate) continue;  // the cut rate is constant
        // Central differences with steps h and h/2, extrapolated: the error is of fourth order,
        // rounding 1e-15/h.
        const auto difference = [&](auto f, double h) {
          const auto central = [&](double d) { return (f(d) - f(-d)) / (2.0 * d); };
          return (4.0 * central(0.5 * h) - central(h)) / 3.0;
        };
        const auto at = [&](double dv, double dy) {
          return model.evaluate(v + dv, state_of(x[0] + dy));
        };
        CHECK(close(e.di_dv, difference([&](double d) { return at(d, 0).current; }, 1e-4), 1e-7));
        CHECK(
            close(e.di_dx[0], difference([&](double d) { return at(0, d).current; }, 1e-4), 1e-6));
        CHECK(close(e.drate_dv[0], difference([&](double d) { return at(d, 0).rate[0]; }, 1e-4),
                    1e-6));
        CHECK(close(e.drate_dx(0, 0), difference([&](double d) { return at(0, d).rate[0]; }, 1e-4),
                    1e-6));
      }
}

TEST_CASE(
    "JART: current rises with voltage and density, positive voltage never lowers the density, "
    "walls hold") {
  for (const char* name : {"jart_vcm_v1b", "jart_vcm_tud"}) {
    const JartModel model = card_model(name);
    const double low = model.lower()[0], high = model.upper()[0];
    CHECK(model.evaluate(0.0, model.low_state()).current == 0.0);
    CHECK(model.evaluate(0.0, model.high_state()).rate[0] == 0.0);
    for (double sign : {-1.0, 1.0})
      for (double fraction : {0.0, 0.1, 0.3, 0.6, 0.9, 1.0}) {
        const double y = low + fraction * (high - low);
        double before = 0.0;
        for (double w = 0.02; w < 2.5; w += 0.02) {
          const Evaluation e = model.evaluate(sign * w, state_of(y));
          CHECK(sign * e.current > before);
          CHECK(sign * e.rate[0] >= 0.0);
          before = sign * e.current;
        }
        if (fraction < 1.0) {
          const double up = model.evaluate(sign * 0.2, state_of(y + 0.01)).current;
          CHECK(sign * up > sign * model.evaluate(sign * 0.2, state_of(y)).current);
        }
      }
    // exp(ln N_max) differs from N_max by rounding: a window of 1e-15 of the free rate is left.
    CHECK(std::abs(model.evaluate(0.5, model.high_state()).rate[0]) <=
          1e-13 * model.params.rate_max);
    CHECK(std::abs(model.evaluate(-0.5, model.low_state()).rate[0]) <=
          1e-13 * model.params.rate_max);
  }
}

// Kinetics and sweeps of the same independent program; its own steps leave about 1 % in the times.
TEST_CASE("JART: switching times at constant voltage") {
  JartModel model = card_model("jart_vcm_v1b");
  model.params.rate_max =
      1e15;  // the published rate: at -1 V and beyond it is above the default limit
  struct Row {
    double v, time;
  };
  for (const Row& r : {Row{0.5, 0.98}, Row{0.6, 17e-3}, Row{0.7, 368e-6}, Row{0.8, 10.2e-6},
                       Row{1.0, 21.6e-9}, Row{1.2, 0.18e-9}}) {
    CAPTURE(r.v);
    const double t = switching_time(model, r.v, 0.008, 1.0, 1.2 * r.time);
    MESSAGE("SET ", r.v, " V: ", t, " s");
    CHECK(close(t, r.time, 0.03));
  }
  for (const Row& r : {Row{0.6, 1.1e3}, Row{0.7, 32.0}, Row{0.8, 1.34}, Row{1.0, 6.46e-3},
                       Row{1.2, 107e-6}, Row{1.5, 1.31e-6}, Row{2.0, 15.3e-9}}) {
    CAPTURE(r.v);
    const double t = switching_time(model, -r.v, 20.0, 0.1, 1.2 * r.time);
    MESSAGE("RESET ", r.v, " V: ", t, " s");
    CHECK(close(t, r.time, 0.03));
  }
}

TEST_CASE("JART: sweeps") {
  const JartModel model = card_model("jart_vcm_v1b");
  const auto say = [](const char* what, const Butterfly& b) {
    MESSAGE(std::string(what), ": V_set ", b.v_set, " V_reset ", b.v_reset, " I_reset ", b.i_reset,
            " R ", b.r_low, " ", b.r_high, " limits ", limit_names(b.limits));
  };
  const Butterfly slow = butterfly(model, 1.3, 1.3, 1.0, 0.0);
  say("1 V/s", slow);
  CHECK(std::abs(slow.v_set - 0.591) < 0.005);
  CHECK(std::abs(slow.v_reset - 0.921) < 0.010);
  CHECK(close(slow.i_reset, 554e-6, 0.02));
  CHECK(close(slow.r_low, 1619.0, 0.01));
  CHECK(close(slow.r_high, 65.5e3, 0.02));
  CHECK((slow.limits & limit_temperature) != 0);  // 2300 K at 1.3 V in SET
  // Ramp rate and series resistance; 10 mV as the reference states for this model.
  struct Row {
    double peak_set, peak_reset, rate, r_series, v_set, v_reset;
  };
  for (const Row& r : {Row{2.0, 2.0, 1e3, 0.0, 0.772, 1.229}, Row{2.0, 2.0, 1e6, 0.0, 0.984, 1.735},
                       Row{1.5, 2.5, 1.0, 1e3, 0.599, 1.456}}) {
    CAPTURE(r.rate);
    CAPTURE(r.r_series);
    const Butterfly b = butterfly(model, r.peak_set, r.peak_reset, r.rate, r.r_series);
    say("other", b);
    CHECK(std::abs(b.v_set - r.v_set) < 0.010);
    CHECK(std::abs(b.v_reset - r.v_reset) < 0.010);
  }
  CHECK(std::abs(butterfly(model, 1.3, 1.3, 1.0, 5e3).v_set - 0.631) < 0.010);
  const Butterfly wide = butterfly(card_model("jart_vcm_tud"), 1.3, 1.3, 1.0, 0.0);
  say("tud", wide);
  CHECK(std::abs(wide.v_reset - 0.929) < 0.010);
}

TEST_CASE(
    "JART: devices scatter within the truncation, a branch ends at its own radius and length") {
  const Card card = load_card(std::string(MHO_SOURCE_DIR) + "/devices/params/jart_vcm_v1b.toml");
  const auto& [model, spread] = std::get<Device<JartModel>>(card.device);
  RandomStream stream(1, 0, 0, 0, Purpose::test);
  double sum = 0.0, squares = 0.0;
  constexpr int devices = 2000;
  for (int i = 0; i < devices; ++i) {
    const JartModel device = model.vary(spread, stream);
    const double r = device.params.radius / model.params.radius - 1.0;
    CHECK(std::abs(r) <= spread.cut * spread.radius);
    CHECK(std::abs(device.params.n_min / model.params.n_min - 1.0) <= spread.cut * spread.n_min);
    sum += r;
    squares += r * r;
  }
  // Variance of a Gaussian truncated at 2 σ: 0.774 σ²; the mean of 2000 draws is within 4 standard
  // errors.
  const double sigma = std::sqrt(0.774) * spread.radius;
  CHECK(std::abs(sum / devices) < 4.0 * sigma / std::sqrt(devices));
  CHECK(close(std::sqrt(squares / devices), sigma, 0.1));

  // Continuous at the turn, and the same whatever the draw was; at the wall it has gone all the
  // way.
  const State half = at_density(5.0);
  const JartModel up = model.next_branch(model, spread, true, half, stream);
  CHECK(close(up.evaluate(0.3, half).current, model.evaluate(0.3, half).current, 1e-12));
  const double end = up.params.radius + up.branch.radius_slope * (model.params.n_max / 1e26 - 5.0);
  CHECK(std::abs(end / model.params.radius - 1.0) <= spread.cut * spread.cycle_radius);
  const JartModel down = up.next_branch(model, spread, false, model.upper(), stream);
  CHECK(close(down.params.radius, end, 1e-12));
  CHECK(close(down.evaluate(-0.3, model.upper()).current, up.evaluate(-0.3, model.upper()).current,
              1e-12));

  // A pulse that did not move the state does not scatter; scattered states stay between the walls.
  CHECK(model.settle(spread, half, half, stream) == half);
  CHECK(model.settle(JartModel::no_spread(model.params), model.lower(), half, stream) == half);
  for (int i = 0; i < 100; ++i) {
    const double y = model.settle(spread, model.lower(), model.upper(), stream)[0];
    CHECK(y <= model.upper()[0]);
    CHECK(y >=
          model.upper()[0] - 2.0 * spread.cut * (2.0 * spread.cycle_radius + spread.cycle_length));
  }
}
