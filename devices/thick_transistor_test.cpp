// The compact thick-oxide transistor: laws of any transistor over the whole range of biases, limits
// that have closed forms, and the cell solved with it.
#include "devices/thick_transistor.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "devices/cell.hpp"
#include "devices/gap_model.hpp"

using namespace mho;
using namespace mho::devices;

namespace {

const std::string shipped = std::string(MHO_SOURCE_DIR) + "/devices/params/transistor_n50.toml";
const ThickTransistor transistor;

struct Bias {
  double g, d, s;
};
Bias random_bias(std::uint32_t i) {
  RandomStream stream(11, 0, 0, i, Purpose::test);
  const double g = 5.0 * stream.uniform(), s = 4.0 * stream.uniform();
  return {g, s + (4.0 - s) * stream.uniform(), s};
}
double current(double g, double d, double s) { return static_current(transistor, g, d, s).current; }

}  // namespace

TEST_CASE("the shipped parameters are the defaults") {
  const ThickTransistor read = load_thick_transistor(shipped);
  for (const auto& p : ParameterTable<ThickTransistor>::table)
    CHECK_MESSAGE(
        std::abs(read.*p.member - transistor.*p.member) <= 1e-12 * std::abs(transistor.*p.member),
        p.key);
}

TEST_CASE("current is odd under exchange of drain and source, and zero at no voltage") {
  for (std::uint32_t i = 0; i < 500; ++i) {
    const Bias b = random_bias(i);
    CHECK(current(b.g, b.d, b.s) == -current(b.g, b.s, b.d));
    CHECK(current(b.g, b.s, b.s) == 0.0);
    CHECK(current(b.g, b.d, b.s) >= 0.0);  // passive: along the voltage
  }
}

TEST_CASE("current rises with gate and drain and falls with the source") {
  for (std::uint32_t i = 0; i < 3000; ++i) {
    const Bias b = random_bias(i);
    const TransistorCurrent now = static_current(transistor, b.g, b.d, b.s);
    CHECK(now.by_drain >= 0.0);
    CHECK(now.by_source <= 0.0);
    CHECK(current(b.g + 0.01, b.d, b.s) >= now.current);
  }
}

TEST_CASE("slopes are the derivatives of the current") {
  for (std::uint32_t i = 0; i < 2000; ++i) {
    const Bias b = random_bias(i);
    // Central differences: their own error is (h/U_T)² of the slope, U_T the shortest scale, and
    // the rounding of the current over h.
    const double h = 1e-6;
    const TransistorCurrent at = static_current(transistor, b.g, b.d, b.s);
    if (b.d - b.s < 2 * h) continue;
    const double drain = (current(b.g, b.d + h, b.s) - current(b.g, b.d - h, b.s)) / (2 * h);
    const double source = (current(b.g, b.d, b.s + h) - current(b.g, b.d, b.s - h)) / (2 * h);
    const double tolerance = 1e-14 * at.current / h;
    CHECK(std::abs(at.by_drain - drain) <= 1e-5 * std::abs(drain) + tolerance);
    CHECK(std::abs(at.by_source - source) <= 1e-5 * std::abs(source) + tolerance);
  }
}

TEST_CASE("weak inversion: the swing is that of the gate, saturation takes a few U_T") {
  // Deep below threshold the current is exponential in V_G. n of (2) stands at V_S, the slope of
  // V_P at ψ below it: some 5 % between them here.
  const double ratio = current(0.40, 1.0, 0.0) / current(0.35, 1.0, 0.0);
  CHECK(std::abs(0.05 / std::log(ratio) / transistor.swing - 1.0) < 0.08);
  // 1 − exp(−V_DS/U_T), without DIBL; a is short of φ/U_T by (s/φ)² < 1 %.
  ThickTransistor plain = transistor;
  plain.sigma = 0.0;
  const double thermal = boltzmann_ev * 300.15;
  const double all = static_current(plain, 0.4, 0.5, 0.0).current;
  for (const double v : {0.01, 0.03, 0.06, 0.1}) {
    const double expected = 1.0 - std::exp(-v / thermal);
    CHECK(std::abs(static_current(plain, 0.4, v, 0.0).current / all / expected - 1.0) < 0.01);
  }
}

TEST_CASE("strong inversion: without second-order effects the square law of the EKV model") {
  ThickTransistor ideal = transistor;
  ideal.sigma = ideal.theta1 = ideal.theta2 = ideal.kappa = ideal.lambda = 0.0;
  ideal.gamma = ideal.k2 = 0.0;  // no body effect: V_P = V_G − v_to, n = 1
  ideal.alpha = 1.0;
  const double over = 2.0 - ideal.v_to;
  // Triode and saturation of the level-1 transistor. In (4) a exceeds 1 by (φ/U_T − 1)/(s/φ)² =
  // 0.75/687 = 1.1e-3, as much as V_DS is too large in triode; the corner of (6) is far from both.
  const double triode = ideal.beta * (over - 0.5 * 0.1) * 0.1,
               flat = 0.5 * ideal.beta * over * over;
  CHECK(std::abs(static_current(ideal, 2.0, 0.1, 0.0).current / triode - 1.0) < 1.5e-3);
  CHECK(std::abs(static_current(ideal, 2.0, 3.0, 0.0).current / flat - 1.0) < 1e-3);
}

TEST_CASE("body effect: a raised source needs more than its own voltage at the gate") {
  // Gate voltage for 1 µA at V_DS 1 V rises faster than the source.
  const auto gate_for = [](double s) {
    double low = 0.0, high = 8.0;
    for (int i = 0; i < 60; ++i) {
      const double g = 0.5 * (low + high);
      (current(g, s + 1.0, s) > 1e-6 ? high : low) = g;
    }
    return low;
  };
  double before = gate_for(0.0);
  for (const double s : {0.5, 1.0, 2.0, 3.0}) {
    const double now = gate_for(s);
    CHECK(now > before + 0.4);
    before = now;
  }
  CHECK(gate_for(1.0) - gate_for(0.0) > 1.1);
}

TEST_CASE("a cell is solved with it: both carry the same current, from any first guess") {
  const GapModel model;
  RandomStream stream(5, 0, 0, 0, Purpose::test);
  for (int n = 0; n < 2000; ++n) {
    const double x = model.state_min() + stream.uniform() * (model.state_max() - model.state_min());
    const CellBias bias{n % 2 ? Polarity::set : Polarity::reset, 4.0 * stream.uniform(),
                        5.0 * stream.uniform()};
    const OperatingPoint p = solve_cell(model.at(x), transistor, bias, 5.0 * stream.uniform());
    CHECK(p.v >= 0.0);
    CHECK(p.v <= bias.v_line);
    CHECK(p.iterations <= 60);  // bisection alone would take 18, Newton below it fewer
    const auto excess = [&](double v) {
      return model.at(x).current(v).current -
             drain_current(transistor, bias.polarity == Polarity::reset, bias.v_wl, bias.v_line, v)
                 .current;
    };
    // The root lies within 0.1 µV of v: a Newton step of less than 20 µV leaves its square over
    // twice the shortest voltage scale.
    const double h = 1e-7;
    CHECK(excess(std::max(0.0, p.v - h)) <= 0.0);
    CHECK(excess(std::min(bias.v_line, p.v + h)) >= 0.0);
  }
}

TEST_CASE("a parameter file must be complete") {
  CHECK_THROWS_AS(
      load_thick_transistor(std::string(MHO_SOURCE_DIR) + "/devices/params/nothing.toml"), IoError);
  CHECK_THROWS_AS(
      load_thick_transistor(std::string(MHO_SOURCE_DIR) + "/devices/params/policy_wl_ramp.toml"),
      ConfigError);
}
