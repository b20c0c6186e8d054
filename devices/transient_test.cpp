// The ODE engine: order of convergence, closed forms, agreement of its two methods, and what it does where models end.
#include "devices/transient.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/errors.hpp"
#include "devices/card.hpp"
#include "devices/pulse.hpp"
#include "devices/rosenbrock.hpp"

using namespace mho;
using namespace mho::devices;

namespace {
// y' = −k (y − cos t) − sin t has the solution cos t + (y0 − 1) e^{−kt}; stiff when k is large.
struct Stiff {
  double k;
  void rate(const State& y, double t, State& f) const {
    f = state_of(-k * (y[0] - std::cos(t)) - std::sin(t));
  }
  void jacobian(const State& y, double t, State& f, StateMatrix& j, State& df_dt) const {
    rate(y, t, f);
    j = StateMatrix::Zero();
    j(0, 0) = -k;
    df_dt = state_of(-k * std::sin(t) - std::cos(t));
  }
};

// A nonlinear pair without explicit time: y1' = y2, y2' = −sin y1 (pendulum), whose energy is conserved.
struct Pendulum {
  void rate(const State& y, double, State& f) const { f = state_of(y[1], -std::sin(y[0])); }
  void jacobian(const State& y, double t, State& f, StateMatrix& j, State& df_dt) const {
    rate(y, t, f);
    j << 0.0, 1.0, -std::cos(y[0]), 0.0;
    df_dt = State::Zero();
  }
};

template <class System>
State integrate(System system, State y, double end, int steps) {
  const double h = end / steps;
  for (int i = 0; i < steps; ++i)
    y = Rosenbrock<State, StateMatrix>().step(system, y, i * h, h).y;
  return y;
}
}  // namespace

TEST_CASE("the implicit step converges with order 4, with explicit time and for two states") {
  double before = 0.0;
  for (int steps : {20, 40, 80}) {
    const double error =
        std::abs(integrate(Stiff{3.0}, state_of(1.5), 2.0, steps)[0] - std::cos(2.0) - 0.5 * std::exp(-6.0));
    if (before > 0.0) CHECK(std::log2(before / error) == doctest::Approx(4.0).scale(1e-30).epsilon(0.1));
    before = error;
  }
  const State fine = integrate(Pendulum{}, state_of(1.0, 0.5), 4.0, 5000);
  before = 0.0;
  for (int steps : {40, 80, 160}) {
    const double error = (integrate(Pendulum{}, state_of(1.0, 0.5), 4.0, steps) - fine).norm();
    if (before > 0.0) CHECK(std::log2(before / error) == doctest::Approx(4.0).scale(1e-30).epsilon(0.1));
    before = error;
  }
}

TEST_CASE("the implicit step is stable and damps what is far faster than it") {
  // 10 steps over a time scale 1e8 times shorter than a step: the solution is on its slow manifold.
  CHECK(std::abs(integrate(Stiff{1e8}, state_of(2.0), 1.0, 10)[0] - std::cos(1.0)) < 1e-6);
}

TEST_CASE("a device that cannot move is an ohmic and a sinh law in series") {
  GapModel still;
  still.params.velocity = 1e-3;  // nothing moves
  const AnyMemristor model = still;
  const State x = state_of(1.2e-9);
  Load load;
  load.r_series = 1e4;
  const TransientResult r = run_transient(model, load, triangle(1.0, -1.0, 1e3), x);
  REQUIRE(r);
  CHECK(r.state[0] == doctest::Approx(1.2e-9).scale(1e-30).epsilon(1e-9));
  for (size_t i = 0; i < r.trace.size(); ++i)
    CHECK(std::abs(r.trace.v[i] + 1e4 * r.trace.current[i] - r.trace.drive[i]) < 1e-10);
  // ∫ V I dt of a resistor would be V²/(3R)·t; here the trace itself, by a plain sum over its points.
  double energy = 0.0;
  for (size_t i = 1; i < r.trace.size(); ++i)
    energy += 0.5 * (r.trace.t[i] - r.trace.t[i - 1]) *
              (r.trace.drive[i] * r.trace.current[i] + r.trace.drive[i - 1] * r.trace.current[i - 1]);
  CHECK(r.energy == doctest::Approx(energy).scale(1e-30).epsilon(1e-3));
}

TEST_CASE("the compliance holds the current in SET alone") {
  const Card card = load_card(std::string(MHO_SOURCE_DIR) + "/devices/params/stanford_2016_d.toml");
  const AnyMemristor model = std::get<Device<GapModel>>(card.device).model;
  Load load;
  load.compliance = 10e-6;
  const TransientResult r = run_transient(model, load, triangle(1.5, -1.5, 1.0), low_state(model));
  REQUIRE(r);
  CHECK(r.compliance);
  for (double i : r.trace.current) CHECK(i <= 10e-6 * (1.0 + 1e-9));
  load.compliance = 1e-6;
  const TransientResult reset = run_transient(model, load, triangle(-1.5, 0.0, 1.0), high_state(model));
  REQUIRE(reset);
  CHECK_FALSE(reset.compliance);
  CHECK(*std::min_element(reset.trace.current.begin(), reset.trace.current.end()) < -5e-6);
}

TEST_CASE("implicit and explicit integration agree where neither is near its limits") {
  const GapModel gap;
  Load load;
  load.transistor = SelectTransistor{};
  load.v_wl_set = 1.0;
  const Drive drive = pulse_train({{2.4, 1e-6, 10e-9}}, 0.0);
  const AnyMemristor model = gap;
  const State start = state_of(1.5e-9);
  const TransientResult implicit_run = run_transient(model, load, drive, start);
  TransientOptions options;
  options.method = Method::dormand_prince;
  const TransientResult explicit_run = run_transient(model, load, drive, start, options);
  REQUIRE(implicit_run);
  REQUIRE(explicit_run);
  const double range = gap.state_max() - gap.state_min();
  CHECK(std::abs(implicit_run.state[0] - explicit_run.state[0]) < 1e-4 * range);
  CHECK(implicit_run.energy == doctest::Approx(explicit_run.energy).scale(1e-30).epsilon(1e-3));
  // The third route is the pulse integrator of arrays.
  const PulseResult pulse = apply_pulse(gap, SelectTransistor{}, {{Polarity::set, 2.4, 1.0}}, 1.5e-9, {.tolerance = 1e-8});
  CHECK(std::abs(implicit_run.state[0] - pulse.state) < 1e-4 * range);
  CHECK(implicit_run.energy == doctest::Approx(pulse.energy).scale(1e-30).epsilon(2e-3));
}

TEST_CASE("bad drives, loads and start states are refused") {
  const AnyMemristor model = GapModel{};
  const State x = low_state(model);
  Load negative, without;
  negative.r_series = -1.0;
  without.compliance = 0.0;
  CHECK_THROWS_AS(run_transient(model, {}, Drive{{0.0}, {0.0}}, x), Error);
  CHECK_THROWS_AS(run_transient(model, {}, Drive{{0.0, 0.0}, {0.0, 1.0}}, x), Error);
  CHECK_THROWS_AS(run_transient(model, {}, Drive{{0.0, NAN}, {0.0, 1.0}}, x), Error);
  CHECK_THROWS_AS(run_transient(model, negative, triangle(1, 0, 1), x), Error);
  CHECK_THROWS_AS(run_transient(model, without, triangle(1, 0, 1), x), Error);
  CHECK_THROWS_AS(run_transient(model, {}, triangle(1, 0, 1), state_of(NAN)), Error);
  CHECK_THROWS_AS(triangle(1, 0, 0.0), Error);
}
