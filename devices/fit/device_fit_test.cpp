// Fits to sweeps that a card made: what comes back, with which errors, and what is said when data
// cannot tell.
#include "devices/fit/device_fit.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "devices/card.hpp"
#include "devices/fit/cycle_choice.hpp"
#include "devices/fit/fit_files.hpp"

using namespace mho;
using namespace mho::devices;

namespace {

constexpr double noise = 0.02;  // [1] relative, of a current

AnyMemristor card_model(const std::string& name) {
  const Card card = load_card(std::string(MHO_SOURCE_DIR) + "/devices/params/" + name + ".toml");
  return std::visit([](const auto& d) { return AnyMemristor(d.model); }, card.device);
}

double value(const AnyMemristor& model, const std::string& key) {
  for (const ParameterValue& p : parameters(model))
    if (p.key == key) return p.value;
  return NAN;
}

AnyMemristor scaled(AnyMemristor model, const std::map<std::string, double>& factors) {
  for (const ParameterView& p : parameters(model))
    if (factors.contains(std::string(p.key))) *p.value *= factors.at(std::string(p.key));
  return model;
}

// Cycles of ±1.5 V at 1 V/s in steps of 20 mV behind 10 µA, with independent noise.
Measurement measured(const AnyMemristor& truth, std::uint64_t seed, int cycles) {
  Measurement m;
  m.file = "made.csv";
  m.compliance = 10e-6;
  const Load load = load_of(m, {});
  const Drive ends = triangle(1.5, -1.5, 1.0);
  for (int c = 0; c < cycles; ++c) {
    Drive drive;
    for (int k = 0; k <= 300; ++k) {
      drive.t.push_back(ends.end() * k / 300);
      drive.v.push_back(ends.at(drive.t.back()));
    }
    const TransientResult run = run_transient(truth, load, drive, low_state(truth));
    RandomStream stream(seed, 0, 0, static_cast<std::uint32_t>(c), Purpose::test);
    SweepCycle s;
    s.number = c + 1;
    for (size_t n = 0; n < run.trace.size() && s.t.size() < drive.t.size(); ++n) {
      if (run.trace.t[n] != drive.t[s.t.size()]) continue;
      s.v.push_back(run.trace.drive[n]);
      s.i.push_back(run.trace.current[n] * (1.0 + noise * stream.normal()));
      s.line.push_back(static_cast<int>(s.t.size()) + 2);
      s.t.push_back(run.trace.t[n]);
    }
    m.sweeps.push_back(s);
  }
  return m;
}

DeviceFitOptions options(std::uint64_t seed = 1, int threads = 2) {
  DeviceFitOptions o;
  o.free = {"i0", "v0", "gamma0_set", "gamma0_reset", "beta_reset"};
  o.seed = seed;
  o.threads = threads;
  o.starts = 16;
  o.refined = 3;
  return o;
}

bool warns(const DeviceFit& fit, std::initializer_list<std::string> parts) {
  return std::any_of(fit.warnings.begin(), fit.warnings.end(), [&](const std::string& w) {
    return std::all_of(parts.begin(), parts.end(),
                       [&](const std::string& p) { return w.find(p) != std::string::npos; });
  });
}

}  // namespace

TEST_CASE(
    "parameters come back within their errors, and cycles that were held out are as close as the "
    "noise") {
  const AnyMemristor truth = card_model("stanford_2016_d");
  const AnyMemristor start = scaled(truth, {{"i0", 2.5},
                                            {"v0", 1.2},
                                            {"gamma0_set", 0.85},
                                            {"gamma0_reset", 1.15},
                                            {"beta_reset", 1.1}});
  for (const std::uint64_t seed : {1, 2, 3}) {
    const Measurement m = measured(truth, seed, 4);
    const DeviceFit fit = fit_device(start, load_of(m, {}), m, options(seed));
    CAPTURE(seed);
    CHECK_FALSE(fit.interrupted);
    CHECK(fit.cost < 0.1 * fit.cost_start);
    for (const FittedParameter& p : fit.parameters) {
      CAPTURE(p.range.key);
      CHECK(p.error > 0.0);
      CHECK(p.error < 0.1 * p.value);
      // Three standard deviations: 1 of 370 such numbers lies outside, and there are 15.
      CHECK(std::abs(p.value - value(truth, p.range.key)) < 3.0 * p.error);
    }
    CHECK(fit.sigma_y == doctest::Approx(noise).scale(1e-30).epsilon(0.35));
    REQUIRE(fit.cycles.size() == 4);
    CHECK_FALSE(fit.cycles[1].training);
    for (const CycleComparison& c : fit.cycles) {
      CHECK(c.median < noise);  // the median of |normal| is 0.67 of its standard deviation
      CHECK(c.rms < 0.15);      // the points within the jumps are in it
      REQUIRE(c.events.size() == 2);
      for (const EventComparison& e : c.events)
        CHECK(std::abs(e.v_model - e.v_measured) < 0.06);  // three steps of the sweep
    }
  }
}

TEST_CASE("the result does not depend on the threads") {
  const AnyMemristor truth = card_model("stanford_2016_e");
  const Measurement m = measured(truth, 5, 2);
  DeviceFitOptions o = options(9, 1);
  o.free = {"i0", "gamma0_set", "gamma0_reset"};
  o.starts = 6;
  o.refined = 2;
  const AnyMemristor start = scaled(truth, {{"i0", 0.5}, {"gamma0_set", 1.1}});
  const DeviceFit one = fit_device(start, load_of(m, {}), m, o);
  o.threads = 3;
  const DeviceFit three = fit_device(start, load_of(m, {}), m, o);
  CHECK(to_json(one, {}) == to_json(three, {}));
}

TEST_CASE("parameters that the data cannot tell apart are named") {
  const AnyMemristor truth = card_model("stanford_2016_d");
  const Measurement m = measured(truth, 7, 2);
  DeviceFitOptions o = options();
  o.free = {"velocity", "activation", "i0"};
  o.starts = 0;
  o.refined = 1;
  const DeviceFit fit = fit_device(truth, load_of(m, {}), m, o);
  CHECK(warns(fit, {"velocity", "activation", "told apart"}));
  CHECK_FALSE(warns(fit, {"i0 "}));
  o.free = {"gap_max"};
  o.bounds = {{"gap_max", 2.6e-9, 3e-9}};
  CHECK(fit_device(truth, load_of(m, {}), m, o).parameters[0].value >= 2.6e-9);
}

TEST_CASE(
    "errors are those of linear least squares, and what has no influence or stands at a bound is "
    "said") {
  // y = a x + b over x = 0 … n−1 with residuals of ±s: cov = s² (XᵀX)⁻¹ in closed form; a third
  // column is all zero, a fourth held.
  const Eigen::Index n = 400;
  Eigen::MatrixXd j = Eigen::MatrixXd::Zero(n, 4);
  Eigen::VectorXd r(n);
  RandomStream stream(1, 0, 0, 0, Purpose::test);
  for (Eigen::Index k = 0; k < n; ++k) {
    j(k, 0) = static_cast<double>(k) / n;
    j(k, 1) = j(k, 3) = 1.0;
    r[k] = 0.3 * stream.normal();
  }
  const FitStatistics s =
      fit_statistics(j, r, Eigen::VectorXd::Ones(n), {n / 4, n / 4, n / 4, n / 4},
                     {false, false, false, true}, {"a", "b", "c", "d"});
  CHECK(s.s == doctest::Approx(0.3).scale(1e-30).epsilon(0.1));  // 3 of its standard deviations, 1/√(2n) each
  CHECK(s.rho < 0.15);
  const double variance_of_slope = 12.0 / n;  // of evenly spaced x in [0, 1]
  CHECK(s.residual_error[0] ==
        doctest::Approx(s.s * std::sqrt(variance_of_slope * (1.0 + s.rho) / (1.0 - s.rho))).scale(1e-30)
            .epsilon(0.01));
  CHECK(std::isfinite(s.cycle_error[0]));
  CHECK(std::isinf(s.error[2]));
  CHECK(std::isinf(s.error[3]));
  CHECK(s.correlation(0, 1) == doctest::Approx(-std::sqrt(0.75)).scale(1e-30).epsilon(0.01));
  REQUIRE(s.warnings.size() == 2);
  CHECK(s.warnings[0] == "c has no influence on this data");
  CHECK(s.warnings[1].find("d ends at a bound") == 0);
}

TEST_CASE("the robust search finds a minimum inside its box beside outliers") {
  // y = e^{−u0 x} + u1 with a tenth of the points 20 σ off: the least squares answer would be
  // pulled by them.
  RobustProblem problem;
  problem.lower = Eigen::Vector2d(0.1, -1.0);
  problem.upper = Eigen::Vector2d(10.0, 0.4);
  problem.residuals = [](const Eigen::VectorXd& u, size_t) {
    Eigen::VectorXd r(100);
    for (int k = 0; k < 100; ++k) {
      const double x = 0.03 * k;
      r[k] = (std::exp(-u[0] * x) + u[1] - std::exp(-2.0 * x) - 0.2) / 0.01 +
             (k % 10 == 3 ? 20.0 : 0.0);
    }
    return r;
  };
  const RobustResult found = minimise_robust(problem, Eigen::Vector2d(6.0, 0.0), {.loss = 1.0});
  CHECK(found.status == RobustStatus::converged);
  CHECK(found.u[0] == doctest::Approx(2.0).scale(1e-30).epsilon(0.02));
  CHECK(std::abs(found.u[1] - 0.2) <
        0.005);  // least squares alone: shifted by a tenth of 20 σ, 0.02
  problem.upper[1] = 0.1;
  CHECK(minimise_robust(problem, Eigen::Vector2d(6.0, 0.0), {.loss = 1.0}).u[1] == 0.1);
}

TEST_CASE("a fitted card is read back as it was written") {
  const AnyMemristor truth = card_model("stanford_2016_d");
  const Measurement m = measured(truth, 3, 1);
  DeviceFitOptions o = options();
  o.free = {"i0"};
  o.starts = 0;
  const DeviceFit fit = fit_device(truth, load_of(m, {}), m, o);
  CHECK(warns(fit, {"held out"}));
  FitOrigin origin;
  origin.name = "mine";
  origin.data = "a \"quoted\" file\n.csv";
  TomlFile file = TomlFile::from_text(card_text(fit, origin), "card.toml");
  const Card card = read_card(file);
  file.finish();
  const AnyMemristor again =
      std::visit([](const auto& d) { return AnyMemristor(d.model); }, card.device);
  for (const ParameterValue& p : parameters(fit.model))
    CHECK(value(again, std::string(p.key)) == doctest::Approx(p.value).scale(1e-30).epsilon(1e-8));
}

TEST_CASE("a train of pulses is fitted too") {
  const AnyMemristor truth = card_model("stanford_d_analog");
  PulseCycle train;
  State x = low_state(truth);
  RandomStream stream(4, 0, 0, 0, Purpose::test);
  for (int k = 0; k < 40; ++k) {
    const double v = k == 0 ? 0.0 : k < 20 ? 0.75 + 0.02 * k : -0.5 - 0.02 * (k - 20);
    if (k > 0) x = run_transient(truth, {}, pulse_train({{v, 1e-6, 1e-8}}, 0.0), x).state;
    train.pulses.push_back({v, k == 0 ? 0.0 : 1e-6, 1e-8, NAN, 0.1,
                            conductance(truth, 0.1, x) * (1.0 + 0.01 * stream.normal()), k + 2});
  }
  Measurement m;
  m.trains = {train};
  DeviceFitOptions o = options();
  o.free = {"gamma0_set", "gamma0_reset"};
  o.training = "all";
  const DeviceFit fit =
      fit_device(scaled(truth, {{"gamma0_set", 0.9}, {"gamma0_reset", 1.1}}), {}, m, o);
  for (const FittedParameter& p : fit.parameters)
    CHECK(p.value == doctest::Approx(value(truth, p.range.key)).scale(1e-30).epsilon(0.01));
  CHECK(fit.rms(true) < 0.05);
}

TEST_CASE("keys, bounds and cycles that do not exist are refused") {
  const AnyMemristor model = card_model("stanford_2016_d");
  CHECK_THROWS_WITH_AS(make_space(model, 0.0, {"gamma"}, {}),
                       doctest::Contains("gamma is no parameter of stanford_gap"), Error);
  CHECK_THROWS_AS(make_space(model, 0.0, {"i0", "i0"}, {}), Error);
  CHECK_THROWS_WITH_AS(make_space(model, 0.0, {"i0"}, {{"i0", 1e-3, 100.0}}),
                       doctest::Contains("not within"), Error);
  CHECK_THROWS_AS(make_space(model, 0.0, {"i0"}, {{"i0", 1e-3, 1e-3}}), Error);
  CHECK(parse_bound(model, "i0=1 uA:2 mA").upper == doctest::Approx(2e-3).scale(1e-30));
  CHECK_THROWS_AS(parse_bound(model, "i0=1 V:2 mA"), Error);
  CHECK_THROWS_AS(parse_bound(model, "i0=1"), Error);
  CHECK(choose_cycles({1, 2, 3, 4, 5}, "odd", 1, 9).training == std::vector<size_t>{1, 3});
  CHECK(choose_cycles({1, 2, 3, 4, 5}, "2,4-5", 0, 9).held_out == std::vector<size_t>{0, 2});
  CHECK(choose_cycles({1, 2, 3, 4, 5}, "all", 0, 2).training == std::vector<size_t>{0, 4});
  CHECK_THROWS_AS(choose_cycles({1, 2}, "7", 0, 9), Error);
  CHECK_THROWS_AS(choose_cycles({1, 2}, "some", 0, 9), Error);
  CHECK_THROWS_AS(choose_cycles({1, 2}, "odd", 2, 9), Error);
}
