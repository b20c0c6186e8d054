// Pulse curves: the reader and its errors, the place of a jump, and laws of the simulated
// experiments.
#include "devices/pulse_curves.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "core/errors.hpp"
#include "core/json_file.hpp"

using namespace mho;
using namespace mho::devices;

namespace {
const std::string header =
    "experiment,pulse_ns,fixed_line,fixed_V,swept_line,swept_V,n,R_before_median_ohm,"
    "R_after_median_ohm,R_after_p10_ohm,R_after_p90_ohm\n";

std::vector<PulseCurve> read(const std::string& text) {
  const auto path = std::filesystem::temp_directory_path() / "mho_pulse_curves_test.csv";
  write_text_file(path.string(), text);
  auto curves = read_pulse_curves(path.string());
  std::filesystem::remove(path);
  return curves;
}

// Line and column that the reader names for `text`.
std::pair<int, std::string> fault(const std::string& text) {
  try {
    read(text);
  } catch (const ConfigError& e) {
    return {e.line, e.key};
  }
  return {-1, "none"};
}

// d-analog behind its reference transistor; a SET by the word line from one resistance.
PulseCurve word_line_set(double width, double r_start) {
  PulseCurve curve{.polarity = Polarity::set,
                   .width = width,
                   .word_line_swept = true,
                   .v_held = 2.4,
                   .points = {}};
  for (int i = 0; i <= 40; ++i)
    curve.points.push_back({0.6 + 0.02 * i, r_start, r_start, r_start, r_start});
  return curve;
}
}  // namespace

TEST_CASE("pulse curves are read with their lines, polarity and kind") {
  const auto curves = read(header +
                           "set_single,1000,BL,2,WL,1.3,100,1e5,9e4,5e4,2e5\n"
                           "set_single,1000,BL,2,WL,1.4,100,1e5,8e3,7e3,9e3\r\n"
                           "reset_ramp,200,WL,3.5,SL,0.4,100,6e3,6e3,6e3,6e3\n");
  REQUIRE(curves.size() == 2);
  CHECK(curves[0].polarity == Polarity::set);
  CHECK(curves[0].word_line_swept);
  CHECK(!curves[0].ramp);
  CHECK(curves[0].width == doctest::Approx(1e-6).scale(1e-30));
  REQUIRE(curves[0].points.size() == 2);
  CHECK(curves[0].points[1].v == 1.4);
  CHECK(curves[0].points[1].r_after == 8e3);
  CHECK(curves[1].polarity == Polarity::reset);
  CHECK(curves[1].ramp);
  CHECK(curves[1].v_held == 3.5);
}

TEST_CASE("errors of the reader name line and column") {
  const std::string row = "set_single,1000,BL,2,WL,1.3,100,1e5,9e4,5e4,2e5\n";
  using Fault = std::pair<int, std::string>;
  CHECK_THROWS_AS(read_pulse_curves("/nonexistent/curves.csv"), IoError);
  CHECK(fault("experiment,pulse_ns\n") == Fault{1, "fixed_line"});
  CHECK(fault(header) == Fault{1, ""});
  CHECK(fault(header + "set_single,1000,BL,2,WL,1.3\n") == Fault{2, ""});
  CHECK(fault(header + row + "set_single,1000,BL,2,WL,x,100,1e5,9e4,5e4,2e5\n") ==
        Fault{3, "swept_V"});
  CHECK(fault(header + row + row) == Fault{3, "swept_V"});
  CHECK(fault(header + "set_single,1000,BL,2,WL,1.3,100,1e5,-1,5e4,2e5\n") ==
        Fault{2, "R_after_median_ohm"});
  CHECK(fault(header + "read,1000,BL,2,WL,1.3,100,1e5,9e4,5e4,2e5\n") == Fault{2, "experiment"});
  CHECK(fault(header + "set_single,1000,SL,2,WL,1.3,100,1e5,9e4,5e4,2e5\n") ==
        Fault{2, "swept_line"});
  CHECK(fault(header + row + "set_single,500,BL,2,WL,1.3,100,1e5,9e4,5e4,2e5\n" + row) ==
        Fault{4, "experiment"});
}

TEST_CASE("the jump is where a known curve crosses the mean of its plateaus") {
  // ln R = 10 − 1.5·(1 + tanh((v − v0)/w)): plateaus e^10 and e^7, half way at v0. Grid 10 mV, so
  // linear interpolation between points is off by less than a step squared over w.
  const double v0 = 1.6234, w = 0.03;
  std::vector<double> v, r;
  for (int i = 0; i <= 80; ++i) {
    v.push_back(1.2 + 0.01 * i);
    r.push_back(std::exp(10.0 - 1.5 * (1.0 + std::tanh((v.back() - v0) / w))));
  }
  const auto jump = find_jump(v, r);
  REQUIRE(jump);
  CHECK(std::abs(jump->v - v0) < 1e-4 / w);
  CHECK(jump->r_high == doctest::Approx(std::exp(10.0)).scale(1e-30).epsilon(1e-3));
  CHECK(jump->r_low == doctest::Approx(std::exp(7.0)).scale(1e-30).epsilon(1e-3));
  // Half of the fall lies within ± w·artanh(1/2) = ± 16.5 mV.
  CHECK(v[jump->first] < v0);
  CHECK(v[jump->last] > v0);
  CHECK(std::log(r[jump->first] / r[jump->last]) > 1.5);
  CHECK(v[jump->last] - v[jump->first] < 2.0 * 0.0165 + 0.0101);

  CHECK(!find_jump(v, std::vector<double>(v.size(), 1e5)));
  CHECK(!find_jump({1.0, 2.0}, {2.0, 1.0}));
}

TEST_CASE("gap and resistance in the read path are inverse") {
  const GapModel model;
  const PulseBench bench{.v_read = 0.2, .r_path = 3e3};
  for (const double share : {0.05, 0.3, 0.6, 0.95}) {
    const double gap = model.state_min() + share * (model.state_max() - model.state_min());
    const double r = read_resistance(model, bench, gap);
    CHECK(r > bench.r_path);
    CHECK(gap_of_resistance(model, bench, r) == doctest::Approx(gap).scale(1e-30).epsilon(1e-9));
  }
  CHECK(gap_of_resistance(model, bench, 1e3) == model.state_min());
}

TEST_CASE("a higher word line or a longer SET pulse never leaves more resistance") {
  const GapModel model;
  const SelectTransistor transistor;
  const PulseBench bench;
  const auto short_pulse =
      simulate_pulse_curve(word_line_set(1e-6, 8e5), model, transistor, bench, 1);
  const auto long_pulse =
      simulate_pulse_curve(word_line_set(1e-5, 8e5), model, transistor, bench, 1);
  // 5e-5 of the range of the gap per step (PulseOptions) is 0.02 % in R; ten steps.
  for (size_t i = 0; i < short_pulse.size(); ++i) {
    CHECK(long_pulse[i] <= short_pulse[i] * 1.002);
    if (i > 0) CHECK(short_pulse[i] <= short_pulse[i - 1] * 1.002);
  }
  CHECK(short_pulse.back() < 0.1 * short_pulse.front());
  // A word line that does not settle within the pulse acts as a lower one.
  PulseBench slow = bench;
  slow.wl_time_constant = 1e-6;
  const auto late = simulate_pulse_curve(word_line_set(1e-6, 8e5), model, transistor, slow, 1);
  CHECK(late.back() > 1.5 * short_pulse.back());
}

TEST_CASE("threads do not change a curve, and a RESET ramp ends at its stop") {
  const GapModel model;
  const SelectTransistor transistor;
  const PulseBench bench{.r_stop = 2e5};
  const PulseCurve set = word_line_set(1e-6, 8e5);
  CHECK(simulate_pulse_curve(set, model, transistor, bench, 1) ==
        simulate_pulse_curve(set, model, transistor, bench, 4));

  PulseCurve ramp{
      .polarity = Polarity::reset, .ramp = true, .width = 1e-6, .v_held = 3.0, .points = {}};
  for (int i = 0; i <= 40; ++i) ramp.points.push_back({0.4 + 0.05 * i, 3e4, 3e4, 3e4, 3e4});
  const auto r = simulate_pulse_curve(ramp, model, transistor, bench, 1);
  size_t stopped = 0;
  while (stopped < r.size() && r[stopped] < bench.r_stop) ++stopped;
  REQUIRE(stopped + 1 < r.size());
  for (size_t i = 1; i < r.size(); ++i) {
    CHECK(r[i] >= r[i - 1] * 0.999);
    if (i > stopped) CHECK(r[i] == r[stopped]);
  }
}
