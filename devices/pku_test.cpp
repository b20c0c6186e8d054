// PKU two-state model: published unit values, static lines, sweeps and pulses, derivatives, return
// of the width.
#include "devices/pku.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "devices/card.hpp"
#include "devices/transient.hpp"

using namespace mho;
using namespace mho::devices;

namespace {
bool close(double a, double b, double relative) {
  return std::abs(a - b) <= relative * std::max(std::abs(a), std::abs(b));
}

Device<PkuModel> card_device() {
  return std::get<Device<PkuModel>>(
      load_card(std::string(MHO_SOURCE_DIR) + "/devices/params/pku_v2.toml").device);
}

State nanometres(double x, double w) { return state_of(x * 1e-9, w * 1e-9); }

// SET at 2e4 V/s through the reference transistor at a word line of 1.28 V.
TransientResult set_sweep(const PkuModel& model, const State& start) {
  Load load;
  load.transistor = SelectTransistor{};
  load.v_wl_set = 1.28;
  return run_transient(model, load, triangle(2.0, 0.0, 2e4), start);
}
}  // namespace

// Values of an independent program with the equations of Huang et al. (2013), printed to 5 or 6
// digits.
TEST_CASE("PKU: unit values and static lines") {
  const PkuModel model = card_device().model;
  struct Row {
    double x, w, v, current, v_gap, temperature, dx, dw;  // [nm], [V], [A], [V], [K], [nm/s]
  };
  for (const Row& r : {Row{2, 0.5, 0.8, 4.37327e-7, 0.795260, 300.17, -4.4907e5, 0},
                       Row{0, 3, 0.5, 6.01112e-5, NAN, 315.03, 0, 3427.3},
                       Row{0, 5, -0.4, -8.02511e-5, 0.159246, 316.05, 1352.5, 0},
                       Row{1, 4, -0.8, -2.95502e-5, 0.708098, 311.82, 378.81, 0}}) {
    CAPTURE(r.v);
    const State s = nanometres(r.x, r.w);
    const Evaluation e = model.evaluate(r.v, s);
    CHECK(close(e.current, r.current, 1e-5));
    CHECK(close(e.temperature, r.temperature, 2e-5));
    if (std::isfinite(r.v_gap)) CHECK(close(model.gap(std::abs(r.v), s[0]).v, r.v_gap, 2e-6));
    CHECK(close(e.rate[0] * 1e9, r.dx, 1e-4));
    CHECK(close(e.rate[1] * 1e9, r.dw, 1e-4));
  }
  CHECK(close(0.1 / model.evaluate(0.1, nanometres(3, 0.5)).current, 3.645e6, 0.005));
  CHECK(close(0.1 / model.evaluate(0.1, nanometres(0, 5)).current, 3.00e3, 0.005));
  CHECK(close(-0.1 / model.evaluate(-0.1, nanometres(0, 5)).current, 5.03e3, 0.005));
}

TEST_CASE("PKU: partial derivatives are those of the functions") {
  const PkuModel model = card_device().model;
  for (double x : {0.0005, 0.01, 0.03, 0.2, 1.0, 2.5})
    for (double w : {0.7, 2.0, 4.5})
      for (double v : {-2.0, -0.9, -0.3, -0.004, 0.004, 0.2, 0.6, 1.3}) {
        CAPTURE(x);
        CAPTURE(w);
        CAPTURE(v);
        const State s = nanometres(x, w);
        const Evaluation e = model.evaluate(v, s);
        const auto at = [&](double dv, double dx, double dw) {
          return model.evaluate(v + dv, s + state_of(dx, dw));
        };
        // Two central differences extrapolated: the error is of fourth order in the step.
        const auto difference = [&](auto f, double h) {
          const auto central = [&](double d) { return (f(d) - f(-d)) / (2.0 * d); };
          return (4.0 * central(0.5 * h) - central(h)) / 3.0;
        };
        const double hv = 1e-4 * std::abs(v), hx = 1e-4 * s[0], hw = 1e-4 * s[1];
        const auto near = [](double a, double b, double scale) {
          return std::abs(a - b) <= 1e-6 * std::abs(a) + 1e-8 * std::abs(scale);
        };
        const double i = e.current;
        CHECK(near(e.di_dv, difference([&](double d) { return at(d, 0, 0).current; }, hv), i / v));
        CHECK(near(e.di_dx[0], difference([&](double d) { return at(0, d, 0).current; }, hx),
                   i / s[0]));
        CHECK(near(e.di_dx[1], difference([&](double d) { return at(0, 0, d).current; }, hw),
                   i / s[1]));
        for (int k = 0; k < 2; ++k) {
          const double rate = e.rate[k];
          CHECK(near(e.drate_dv[k], difference([&](double d) { return at(d, 0, 0).rate[k]; }, hv),
                     rate / v));
          CHECK(near(e.drate_dx(k, 0),
                     difference([&](double d) { return at(0, d, 0).rate[k]; }, hx), rate / s[0]));
          CHECK(near(e.drate_dx(k, 1),
                     difference([&](double d) { return at(0, 0, d).rate[k]; }, hw), rate / s[1]));
        }
      }
}

TEST_CASE(
    "PKU: passive, nothing at 0 V, a positive voltage never lowers the conductance, walls hold") {
  const PkuModel model = card_device().model;
  for (double x : {0.0, 0.02, 0.3, 1.0, 2.0, 2.9})
    for (double w : {0.5, 1.0, 3.0, 5.0}) {
      CAPTURE(x);
      CAPTURE(w);
      const State s = nanometres(x, w);
      CHECK(model.evaluate(0.0, s).current == 0.0);
      CHECK(model.evaluate(0.0, s).rate == State::Zero());
      for (double sign : {-1.0, 1.0}) {
        double before = 0.0;
        for (double v = 0.01; v < 5.0; v *= 1.3) {
          const Evaluation e = model.evaluate(sign * v, s);
          CHECK(sign * e.current > before);
          before = sign * e.current;
          CHECK(e.di_dv > 0.0);
          // d(conductance)/dt of a read with RESET polarity, which sees the gap alone; rounding of
          // two equal terms.
          const Evaluation read = model.evaluate(-0.1, s);
          const double a = -read.di_dx[0] * e.rate[0], b = -read.di_dx[1] * e.rate[1];
          CHECK(sign * (a + b) >= -1e-9 * (std::abs(a) + std::abs(b)));
        }
      }
    }
  for (double v : {-2.0, 2.0}) {
    CHECK(model.evaluate(v, nanometres(0, 5)).rate[0] >= 0.0);
    CHECK(model.evaluate(v, nanometres(0, 5)).rate[1] <= 0.0);
    CHECK(model.evaluate(v, nanometres(3, 0.5)).rate[0] <= 0.0);
    CHECK(model.evaluate(v, nanometres(3, 0.5)).rate[1] >= 0.0);
  }
}

// Results of an independent program; it prints them to 1 to 20 pm.
TEST_CASE("PKU: SET through the transistor, RESET pulse") {
  PkuModel model = card_device().model;
  const TransientResult set = set_sweep(model, model.low_state());
  REQUIRE(set);
  size_t jump = 1;
  double steepest = 0.0;
  const DeviceTrace& t = set.trace;
  for (size_t k = 1, back = 0; k < t.size() && t.drive[k] >= t.drive[k - 1]; ++k) {
    while (back + 1 < k && t.drive[k] - t.drive[back] > 1e-3) ++back;
    if (t.drive[k] < 0.05) continue;
    const double slope =
        std::log(t.current[k] / t.current[back]) / std::max(t.drive[k] - t.drive[back], 1e-3);
    if (slope > steepest) {
      steepest = slope;
      jump = k;
    }
  }
  MESSAGE("V_set ", t.drive[jump], " V, width ", set.state[1], " m, gap ", set.state[0], " m, ",
          set.brief());
  CHECK(std::abs(t.drive[jump] - 0.975) < 0.010);
  CHECK(std::abs(set.state[1] * 1e9 - 4.155) < 0.02);
  CHECK(set.state[0] < 1e-12);

  model.params.energy_drift = 1.13;
  Load load;
  load.r_series = 40.0;
  const TransientResult reset =
      run_transient(model, load, pulse_train({{-2.0, 80e-9, 10e-9}}, 0.0), model.high_state());
  REQUIRE(reset);
  const double peak = -*std::min_element(reset.trace.current.begin(), reset.trace.current.end());
  MESSAGE("RESET: gap ", reset.state[0], " m, peak ", peak, " A, ", reset.brief());
  CHECK(std::abs(reset.state[0] * 1e9 - 2.115) < 0.02);
  CHECK(close(peak, 176e-6, 0.03));
  CHECK(reset.state[1] == doctest::Approx(5e-9).scale(1e-30).epsilon(1e-9));
}

TEST_CASE("PKU: the second SET narrows the old filament and ends at the same width") {
  const PkuModel model = card_device().model;
  const TransientResult first = set_sweep(model, model.low_state());
  const State open = state_of(2.4e-9, first.state[1]);
  const TransientResult second = set_sweep(model, open);
  REQUIRE(second);
  double narrowest = open[1];
  for (const State& s : second.trace.state) narrowest = std::min(narrowest, s[1]);
  MESSAGE("narrowest ", narrowest, " m, end ", second.state[1], " m");
  CHECK(narrowest < 0.3 * open[1]);
  // Set by the transistor, whose current the filament's voltage meets; the last of the growth is
  // logarithmic in time.
  CHECK(close(second.state[1], first.state[1], 0.02));
}

TEST_CASE("PKU: scatter leaves unmoved states alone and stays between the walls") {
  const auto [model, spread] = card_device();
  RandomStream stream(1, 0, 0, 0, Purpose::test);
  const State a = nanometres(0, 4), b = nanometres(2.99, 4), c = nanometres(0, 4.99);
  CHECK(model.settle(spread, a, a, stream) == a);
  CHECK(model.settle(PkuModel::no_spread(model.params), a, b, stream) == b);
  for (int i = 0; i < 100; ++i) {
    const State opened = model.settle(spread, a, b, stream),
                widened = model.settle(spread, a, c, stream);
    CHECK(opened[1] == 4e-9);
    CHECK(opened[0] <= model.params.length);
    CHECK(widened[0] == 0.0);
    CHECK(widened[1] <= model.params.width_max);
    CHECK(model.vary(spread, stream).evaluate(0.1, a).current > 0.0);
  }
}
