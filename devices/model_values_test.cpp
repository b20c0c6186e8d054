// Published and independently computed values of the models sky130_reram, VTEAM and Yakopcic.
#include <doctest/doctest.h>

#include <cmath>

#include "devices/all_cards.hpp"
#include "devices/transient.hpp"

using namespace mho;
using namespace mho::devices;

namespace {
template <class M>
M card_model(const std::string& name) {
  return std::get<Device<M>>(load_card(params_folder + name + ".toml").device).model;
}

bool close(double a, double b, double relative) {
  return std::abs(a - b) <= relative * std::max(std::abs(a), std::abs(b));
}

// Applied voltage where the first state passes `level` for the n-th time (1, 2, ...).
double crossing(const DeviceTrace& t, double level, int n) {
  for (size_t i = 1; i < t.size(); ++i)
    if (const double a = t.state[i - 1][0] - level, b = t.state[i][0] - level;
        a * b <= 0.0 && --n == 0)
      return t.drive[i - 1] + (t.drive[i] - t.drive[i - 1]) * a / (a - b);
  return NAN;
}

// Applied voltage and current where |I| is largest on the drive's negative half.
CurrentSlope reset_peak(const DeviceTrace& t) {
  CurrentSlope peak{0.0, 0.0};  // current, voltage
  for (size_t i = 0; i < t.size(); ++i)
    if (t.drive[i] < 0.0 && t.current[i] < peak.current) peak = {t.current[i], t.drive[i]};
  return peak;
}
}  // namespace

// Independent program, static temperature, printed to 5 or 6 digits.
TEST_CASE("sky130: unit values") {
  const auto model = card_model<Sky130Model>("sky130_reram");
  struct Row {
    double v, gap_nm, current, temperature, gamma, rate_nm;
  };
  for (const Row& r : {Row{1.5, 1.5, 4.30225e-6, 304.66, 12.2812, -38.303},
                       Row{1.2, 0.6, 5.62700e-5, 348.80, 16.2300, -3.6193e3},
                       Row{-1.0, 0.3, -1.04557e-4, 375.56, 16.4662, 124.58},
                       Row{-1.5, 1.0, -2.64871e-5, 328.71, 15.2500, 5.1776e5}}) {
    CAPTURE(r.v);
    const Evaluation e = model.evaluate_static(r.v, r.gap_nm * 1e-9);
    CHECK(close(e.current, r.current, 2e-5));
    CHECK(close(e.temperature, r.temperature, 2e-5));
    CHECK(close(model.enhancement(r.gap_nm * 1e-9), r.gamma, 1e-5));
    CHECK(close(e.rate[0] * 1e9, r.rate_nm, 1e-4));
    // Steady: (4) has come to rest at this temperature.
    CHECK(std::abs(e.rate[1]) < 1e-6 * std::abs(r.v * r.current) / model.params.c_th);
  }
  CHECK(model.r_th() == doctest::Approx(7.227e5).scale(1e-30).epsilon(1e-4));
}

TEST_CASE("sky130: static resistances of both ends") {
  const AnyMemristor model = card_model<Sky130Model>("sky130_reram");
  CHECK(close(1.0 / conductance(model, 0.1, high_state(model)), 9983.0, 1e-3));
  CHECK(close(1.0 / conductance(model, 0.1, low_state(model)), 3.351e6, 1e-3));
  CHECK(close(1.0 / conductance(model, 0.2, high_state(model)), 9719.0, 1e-3));
  CHECK(close(1.0 / conductance(model, 0.2, low_state(model)), 3.262e6, 1e-3));
}

// Reference: semi-implicit program, Odeint's rosenbrock4 and ngspice agree to 2 mV.
TEST_CASE("sky130: butterfly at 2 V/s behind 1 kohm, temperature as a state") {
  const AnyMemristor model = card_model<Sky130Model>("sky130_reram");
  Load load;
  load.r_series = 1e3;
  const TransientResult r = run_transient(model, load, triangle(2.0, -2.0, 2.0), low_state(model));
  REQUIRE(r);
  CHECK(std::abs(crossing(r.trace, 0.9e-9, 1) - 1.614) < 0.004);
  CHECK(std::abs(crossing(r.trace, 0.9e-9, 2) + 1.129) < 0.004);
  const CurrentSlope peak = reset_peak(r.trace);
  CHECK(std::abs(peak.slope + 0.947) < 0.01);
  CHECK(close(peak.current, -129.8e-6, 0.04));
  double hottest = 0.0;
  for (double t : r.trace.temperature) hottest = std::max(hottest, t);
  CHECK(std::abs(hottest - 895.0) < 5.0);
}

TEST_CASE("sky130: compliance sets the low resistance, a faster ramp the voltage") {
  const AnyMemristor model = card_model<Sky130Model>("sky130_reram");
  const auto resistance = [&](double icc) {
    Load load;
    load.compliance = icc;
    const TransientResult r = run_transient(model, load, triangle(2.0, 0.0, 1.0), low_state(model));
    CHECK(r);
    return 0.1 / current(model, 0.1, state_of(r.state[0], 300.0));
  };
  CHECK(close(resistance(50e-6), 26.1e3, 0.02));
  CHECK(close(resistance(20e-6), 77.2e3, 0.02));
  const TransientResult fast = run_transient(model, {}, triangle(2.0, 0.0, 1e3), low_state(model));
  REQUIRE(fast);
  CHECK(std::abs(crossing(fast.trace, 0.9e-9, 1) - 1.905) < 0.01);
}

TEST_CASE("sky130: an unbiased filament recedes by its two barriers alone") {
  // Er < Eg: v0 (e^-Er/kT − e^-Eg/kT), 4e-16 nm/s at 300 K, 4e-12 at 85 °C, 5e-9 at 150 °C, to
  // their one digit.
  const auto model = card_model<Sky130Model>("sky130_reram");
  for (const auto& [t, rate] :
       {std::pair{300.0, 4e-16}, std::pair{358.15, 4e-12}, std::pair{423.15, 5e-9}})
    CHECK(close(model.evaluate(0.0, state_of(0.5e-9, t)).rate[0] * 1e9, rate, 0.15));
}

TEST_CASE("VTEAM: sweeps of the Pt-Hf-Ti and the generic set") {
  const AnyMemristor pthfti = card_model<VteamModel>("vteam_pthfti");
  const TransientResult r = run_transient(pthfti, {}, triangle(1.0, -1.5, 1.0), low_state(pthfti));
  REQUIRE(r);
  CHECK(std::abs(crossing(r.trace, 5e-9, 1) - 0.533) < 0.003);
  CHECK(std::abs(reset_peak(r.trace).slope + 0.511) < 0.003);
  CHECK(close(1.0 / conductance(pthfti, 0.1, r.state), 2500.0, 1e-3));
  const TransientResult set = run_transient(pthfti, {}, triangle(1.0, 0.0, 1.0), low_state(pthfti));
  CHECK(close(1.0 / conductance(pthfti, 0.1, set.state), 100.0, 1e-3));
  const AnyMemristor generic = card_model<VteamModel>("vteam_technion");
  for (const auto& [ramp, v_set, v_reset] :
       {std::tuple{1e6, 1.704, -0.341}, std::tuple{1e8, 2.011, -0.423},
        std::tuple{1e9, 2.311, -0.510}}) {
    const TransientResult g =
        run_transient(generic, {}, triangle(3.0, -1.5, ramp), low_state(generic));
    REQUIRE(g);
    CHECK(std::abs(crossing(g.trace, 0.1e-9, 1) - v_set) < 0.01);
    CHECK(std::abs(reset_peak(g.trace).slope - v_reset) < 0.01);
  }
}

// With a series resistance SET stops where the divider leaves |v_on| to the cell: of 1 V behind 1
// kohm, R/(R + 1 kohm) = 0.53, R = 1128 ohm; the smooth threshold lets it go on by some ohms at
// most.
TEST_CASE("VTEAM: a series resistance ends a SET at the threshold") {
  const AnyMemristor model = card_model<VteamModel>("vteam_pthfti");
  Load load;
  load.r_series = 1e3;
  const TransientResult r = run_transient(model, load, triangle(1.0, 0.0, 1.0), low_state(model));
  REQUIRE(r);
  CHECK(close(1.0 / conductance(model, 0.1, r.state), 0.53 / 0.47 * 1e3, 5e-3));
}

// dw/dt = k (u/v_t − 1)^α at constant voltage without window: w moves by k (…) t until the wall.
TEST_CASE("VTEAM: constant voltage moves the state uniformly, windows lock or do not") {
  VteamModel model;
  const auto moved = [&](double window, double start) {
    model.params.window = window;
    const AnyMemristor any = model;
    const TransientResult r =
        run_transient(any, {}, Drive{{0.0, 0.05}, {-1.0, -1.0}}, state_of(start));
    REQUIRE(r);
    return r.state[0] - start;
  };
  CHECK(close(moved(0.0, 2e-9), 4.03e-8 * 0.05, 1e-6));
  CHECK(moved(2.0, 0.0) == 0.0);           // Joglekar sticks at either wall,
  CHECK(moved(4.0, 0.0) < 1e-12 * 10e-9);  // Prodromakis too,
  CHECK(moved(3.0, 0.0) > 1e-9);           // Biolek does not.
  // Kvatinsky: f_off = exp(−exp((w − a_off)/w_c)) is 1/e at a_off.
  model.params.window = 1.0;
  model.params.a_off = 5e-9;
  CHECK(close(model.evaluate(-1.0, state_of(5e-9)).rate[0], 4.03e-8 * std::exp(-1.0), 1e-9));
  model.params.law = 1.0;
  CHECK(close(model.evaluate(0.1, state_of(5e-9)).current, 0.1 / std::sqrt(2500.0 * 100.0), 1e-9));
}

TEST_CASE("VTEAM: a code that is not an integer is refused") {
  VteamParams p;
  p.window = 2.5;
  CHECK(VteamModel::misfit(p, VteamModel::no_spread(p)).key == "parameters.window");
  p.window = 0.0;
  p.law = 0.5;
  CHECK(VteamModel::misfit(p, VteamModel::no_spread(p)).key == "parameters.law");
}

TEST_CASE("Yakopcic: sweeps of the published sets") {
  const AnyMemristor hfo2 = card_model<YakopcicModel>("yakopcic_hfo2c2");
  const TransientResult r = run_transient(hfo2, {}, triangle(1.5, -1.5, 1.0), low_state(hfo2));
  REQUIRE(r);
  double largest = 0.0, half = NAN;
  for (double i : r.trace.current) largest = std::max(largest, i);
  for (size_t i = 0; i < r.trace.size() && std::isnan(half); ++i)
    if (r.trace.current[i] >= 0.5 * largest) half = r.trace.drive[i];
  CHECK(std::abs(half - 1.271) < 0.006);
  const CurrentSlope peak = reset_peak(r.trace);
  CHECK(std::abs(peak.slope + 0.959) < 0.005);
  CHECK(close(peak.current, -132.9e-6, 0.01));
  CHECK(close(1.0 / conductance(hfo2, 0.1, r.state), 1.560e5, 0.01));
  CHECK(close(1.0 / conductance(hfo2, 0.1, high_state(hfo2)), 7474.0, 0.01));

  const AnyMemristor taox = card_model<YakopcicModel>("yakopcic_taox");
  const TransientResult slow = run_transient(taox, {}, triangle(0.75, -1.25, 0.2), state_of(0.11));
  REQUIRE(slow);
  CHECK(close(slow.state[0], 0.0546, 0.02));
  CHECK(std::abs(reset_peak(slow.trace).slope + 0.808) < 0.005);
}
