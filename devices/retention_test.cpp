// Retention: Arrhenius time, drift of a gap without bias, conductance against temperature.
#include <doctest/doctest.h>

#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <cmath>
#include <vector>

#include "core/errors.hpp"
#include "devices/card.hpp"
#include "devices/relaxation.hpp"
#include "devices/retention.hpp"
#include "devices/transient.hpp"

using namespace mho;
using namespace mho::devices;

namespace {
constexpr double year = 365.25 * 86400.0;  // [s]
const std::string params_folder = std::string(MHO_SOURCE_DIR) + "/devices/params/";
}  // namespace

TEST_CASE(
    "acceleration: a group over temperatures, 1 at rest, growing with temperature and energy") {
  for (const double ea : {0.6, 1.24, 1.5})
    for (const double t1 : {250.0, 300.0, 358.0})
      for (const double t2 : {280.0, 400.0, 533.0})
        for (const double t3 : {300.0, 450.0})
          CHECK(acceleration(ea, t1, t2) * acceleration(ea, t2, t3) ==
                doctest::Approx(acceleration(ea, t1, t3)).scale(1e-30).epsilon(1e-12));
  CHECK(acceleration(1.24, 300.0, 300.0) == 1.0);
  CHECK(acceleration(0.0, 300.0, 500.0) == 1.0);
  double last = 0.0;
  for (double t = 250.0; t < 600.0; t += 10.0) {
    const double af = acceleration(1.24, 300.0, t);
    CHECK(af > last);
    CHECK((af > 1.0) == (t > 300.0));
    last = af;
  }
  CHECK(acceleration(1.5, 300.0, 358.0) > acceleration(1.2, 300.0, 358.0));
  // By hand: 1.2/8.617333e-5 = 13925.42 K; 1/300 − 1/358.15 = 5.412071e-4 1/K.
  CHECK(acceleration(1.2, 300.0, 358.15) ==
        doctest::Approx(std::exp(13925.42 * 5.412071e-4)).scale(1e-30).epsilon(1e-5));
}

TEST_CASE("equivalent time: additive, and the integral of the rate over a ramp of temperature") {
  RetentionParams p;
  const std::vector<Dwell> both{{3600.0, 400.0}, {86400.0, 300.0}};
  CHECK(equivalent_time(p, both) ==
        doctest::Approx(equivalent_time(p, std::vector{both[0]}) + 86400.0).scale(1e-30).epsilon(1e-14));
  // Ramp 300 to 420 K in an hour as n dwells at the middle temperature against the integral of
  // exp(−Ea/kT)/exp(−Ea/kT_ref): second order in 1/n.
  const auto rate = [&](double t) {
    const double temperature = 300.0 + 120.0 * t / 3600.0;
    return std::exp(-p.activation / (boltzmann_ev * temperature)) /
           std::exp(-p.activation / (boltzmann_ev * p.t_ref));
  };
  const double exact =
      boost::math::quadrature::gauss_kronrod<double, 61>::integrate(rate, 0.0, 3600.0, 10, 1e-12);
  double last = 0.0;
  for (const int n : {40, 80, 160}) {
    std::vector<Dwell> dwells;
    for (int i = 0; i < n; ++i) dwells.push_back({3600.0 / n, 300.0 + 120.0 * (i + 0.5) / n});
    const double error = std::abs(equivalent_time(p, dwells) / exact - 1.0);
    if (last > 0.0) CHECK(last / error == doctest::Approx(4.0).scale(1e-30).epsilon(0.05));
    last = error;
  }
  // (Ea ΔT/(k T²))²/24 with ΔT = 0.75 K at the hot end, where the integral comes from: 1.6e-4.
  CHECK(last < 2e-4);
}

TEST_CASE("a hot relaxation is the relaxation at the reference temperature, later") {
  const RetentionParams retention;
  const RelaxationParams relaxation;
  RandomStream a(1, 0, 0, 0, Purpose::relaxation), b = a;
  const double hot = equivalent_time(retention, std::vector<Dwell>{{600.0, 320.0}});
  CHECK(hot > 600.0);
  CHECK(relax(relaxation, 20e-6, hot, a) ==
        relax(relaxation, 20e-6, 600.0 * acceleration(retention.activation, 300.0, 320.0), b));
  CHECK(relaxation_variance(relaxation, 20e-6, hot) >
        relaxation_variance(relaxation, 20e-6, 600.0));
}

namespace {
// The sky130 card at an ambient temperature [K].
Sky130Model sky130_at(double t) {
  Sky130Model model = std::get<Device<Sky130Model>>(load_card(params_folder + "sky130_reram.toml").device).model;
  model.params.t_amb = t;
  return model;
}
double drift(const Sky130Model& model, double gap, double v) {
  return model.evaluate(v, state_of(gap, model.params.t_amb)).rate[0];
}
}  // namespace

TEST_CASE("drift without bias: published figures of the sky130 cell, and walls after ten years") {
  // One printed digit: 4e-16 nm/s at 300 K, 4e-12 at 85 °C, 5e-9 at 150 °C.
  CHECK(drift(sky130_at(300.0), 1e-9, 0.0) * 1e9 == doctest::Approx(4e-16).scale(1e-30).epsilon(0.13));
  CHECK(drift(sky130_at(358.15), 1e-9, 0.0) * 1e9 == doctest::Approx(4e-12).scale(1e-30).epsilon(0.13));
  CHECK(drift(sky130_at(423.15), 1e-9, 0.0) * 1e9 == doctest::Approx(5e-9).scale(1e-30).epsilon(0.13));
  const auto after = [](double t) {
    const AnyMemristor model = sky130_at(t);
    const TransientResult r = run_transient(model, {}, Drive{{0.0, 10.0 * year}, {0.0, 0.0}}, state_of(0.3e-9, t));
    REQUIRE(r);
    return r.state[0];
  };
  CHECK(after(358.15) - 0.3e-9 == doctest::Approx(1e-12).scale(1e-30).epsilon(0.3));  // 1e-3 nm in ten years
  CHECK(after(423.15) > 1.5e-9);  // 1.7 nm: at the wall or close to it
  CHECK(after(500.0) == doctest::Approx(1.7e-9).scale(1e-30).epsilon(1e-2));
}

TEST_CASE("drift under bias: SET closes, RESET opens, a solution by separation agrees") {
  const Sky130Model model = sky130_at(358.0);
  CHECK(drift(model, 1e-9, 0.1) < 0.0);
  CHECK(drift(model, 1e-9, -0.1) > 0.0);
  // ∫ dg/rate(g) from start to end is the time; the temperature has long settled at its static value.
  const double start = 0.5e-9, v = -0.1, duration = 30.0 * 86400.0;
  const AnyMemristor any = model;
  const TransientResult r = run_transient(any, {}, Drive{{0.0, duration}, {v, v}}, state_of(start, 358.0));
  REQUIRE(r);
  const double end = r.state[0];
  REQUIRE(end > start + 1e-12);
  REQUIRE(end < model.upper()[0]);
  const double r_th = model.params.tau_th / model.params.c_th;
  const auto slowness = [&](double g) {
    const double power = v * model.evaluate(v, state_of(g, 358.0)).current;
    return 1.0 / model.evaluate(v, state_of(g, 358.0 + r_th * power)).rate[0];
  };
  // 1e-6 of the range a step, about a hundred steps.
  CHECK(boost::math::quadrature::gauss_kronrod<double, 61>::integrate(slowness, start, end, 10, 1e-12) ==
        doctest::Approx(duration).scale(1e-30).epsilon(1e-3));
}

TEST_CASE("conductance against temperature: metallic above, activated below, held outside") {
  const RetentionParams p;
  CHECK(temperature_coefficient(p, 1e-6) == doctest::Approx(2e-3).scale(1e-30));
  CHECK(temperature_coefficient(p, 0.1e-6) == doctest::Approx(2e-3).scale(1e-30));
  CHECK(temperature_coefficient(p, 100e-6) == doctest::Approx(-1e-3).scale(1e-30));
  CHECK(temperature_coefficient(p, 1e-3) == doctest::Approx(-1e-3).scale(1e-30));
  CHECK(temperature_coefficient(p, 10e-6) == doctest::Approx(0.5e-3).scale(1e-30));
  double last = 1.0;
  for (double g = 1e-7; g < 1e-3; g *= 1.3) {
    CHECK(temperature_coefficient(p, g) <= last);
    last = temperature_coefficient(p, g);
    CHECK(conductance_at(p, g, 300.0, 300.0) == g);
  }
  CHECK(conductance_at(p, 1e-6, 300.0, 350.0) == doctest::Approx(1.1e-6).scale(1e-30));
  CHECK(conductance_at(p, 100e-6, 300.0, 350.0) == doctest::Approx(95e-6).scale(1e-30));
  RetentionParams steep;
  steep.c_low = 5e-3;
  CHECK_THROWS_AS(conductance_at(steep, 1e-6, 300.0, 50.0), Error);
}

TEST_CASE("the built-in retention is the shipped file") {
  const RetentionParams file = load_retention(params_folder + "retention.toml"), built_in;
  for (const auto& p : ParameterTable<RetentionParams>::table) {
    CAPTURE(p.key);
    CHECK(file.*p.member == doctest::Approx(built_in.*p.member).scale(1e-30).epsilon(1e-14));
  }
}
