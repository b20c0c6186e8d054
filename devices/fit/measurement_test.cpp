// Reading of measurements: what the format allows is read, and each mistake is one line with its
// file, line and column.
#include "devices/fit/measurement.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/errors.hpp"
#include "devices/fit/sweep_features.hpp"

using namespace mho;
using namespace mho::devices;

namespace {

// 0 → 1 V → 0 → −1 V → 0 in steps of 50 mV: SET at 0.6 V, RESET at −0.7 V, on/off 50.
struct Curve {
  std::vector<double> t, v, i;
};
Curve curve() {
  Curve c;
  double g = 1e-6;
  for (int k = 0; k <= 80; ++k) {
    const double v = 0.05 * (k <= 20 ? k : k <= 60 ? 40 - k : k - 80);
    if (v > 0.62) g = 50e-6;
    if (v < -0.72) g = 1e-6;
    c.t.push_back(0.1 * k);
    c.v.push_back(v);
    c.i.push_back(g * v);
  }
  return c;
}

std::string plain() {
  const Curve c = curve();
  std::string text = "t[s],v[V],i[A]\n";
  for (size_t k = 0; k < c.t.size(); ++k)
    text += fmt::format("{:.4f},{:.4f},{:.6e}\n", c.t[k], c.v[k], c.i[k]);
  return text;
}

// The same with one line (1: the header) replaced.
std::string with_line(int number, const std::string& line) {
  std::string text = plain();
  size_t at = 0;
  for (int k = 1; k < number; ++k) at = text.find('\n', at) + 1;
  return text.replace(at, text.find('\n', at) - at, line);
}

}  // namespace

TEST_CASE(
    "units, order of columns, separators, quotes, comments and line endings make no difference") {
  const Curve c = curve();
  std::string text =
      "\xEF\xBB\xBF# from a bench\r\n# r_series = 1 kohm\r\n# compliance = 100 uA\r\n\"Current "
      "(uA)\"\t\"Voltage (mV)\"\tnote\t\"Time (ms)\"\r\n";
  for (size_t k = 0; k < c.t.size(); ++k)
    text += fmt::format("\"{:.6f}\"\t{:.1f}\tx\t+{:.1f}\r\n\r\n", 1e6 * c.i[k], 1e3 * c.v[k],
                        1e3 * c.t[k]);
  const Measurement a = read_measurement(plain(), "a.csv"), b = read_measurement(text, "b.csv");
  REQUIRE(a.sweeps.size() == 1);
  REQUIRE(b.sweeps.size() == 1);
  REQUIRE(a.sweeps[0].v.size() == b.sweeps[0].v.size());
  for (size_t k = 0; k < c.t.size(); ++k) {  // to the digits that were printed
    CHECK(std::abs(a.sweeps[0].v[k] - b.sweeps[0].v[k]) < 1e-9);
    CHECK(std::abs(a.sweeps[0].t[k] - b.sweeps[0].t[k]) < 1e-9);
    CHECK(std::abs(a.sweeps[0].i[k] - b.sweeps[0].i[k]) < 1e-11);
  }
  CHECK(b.r_series == doctest::Approx(1e3).scale(1e-30));
  CHECK(b.compliance == doctest::Approx(100e-6).scale(1e-30));
  REQUIRE(b.notes.size() == 1);
  CHECK(b.notes[0].find("note") != std::string::npos);
}

TEST_CASE("magnitudes of current, negative SET, missing time and equal stamps are understood") {
  const Curve c = curve();
  const Measurement plain_one = read_measurement(plain(), "a.csv");
  std::string magnitude = "t[s],v[V],i[A]\n",
              turned = "# set_polarity = negative\nt[s],v[V],i[A]\n", timeless = "v[V],i[A]\n",
              coarse = "t[s],v[V],i[A]\n";
  for (size_t k = 0; k < c.t.size(); ++k) {
    magnitude += fmt::format("{},{},{}\n", c.t[k], c.v[k], std::abs(c.i[k]));
    turned += fmt::format("{},{},{}\n", c.t[k], -c.v[k], -c.i[k]);
    timeless += fmt::format("{},{}\n", c.v[k], c.i[k]);
    coarse += fmt::format("{},{},{}\n", 0.2 * std::floor(c.t[k] / 0.2 + 1e-9), c.v[k], c.i[k]);
  }
  for (const std::string& text : {magnitude, turned}) {
    const Measurement m = read_measurement(text, "b.csv");
    for (size_t k = 0; k < c.t.size(); ++k)
      CHECK(m.sweeps[0].i[k] == doctest::Approx(plain_one.sweeps[0].i[k]).scale(1e-30).epsilon(1e-6));
  }
  MeasurementOptions options;
  options.rate = 0.5;
  options.spread_equal_times = true;
  const Measurement by_rate = read_measurement(timeless, "c.csv", options),
                    spread = read_measurement(coarse, "d.csv", options);
  for (size_t k = 1; k < c.t.size(); ++k) {
    CHECK(by_rate.sweeps[0].t[k] - by_rate.sweeps[0].t[k - 1] == doctest::Approx(0.1).scale(1e-30));
    CHECK(spread.sweeps[0].t[k] - spread.sweeps[0].t[k - 1] == doctest::Approx(0.1).scale(1e-30));
  }
}

TEST_CASE("cycles come from their column or from the return of the first polarity") {
  const Curve c = curve();
  std::string numbered = "cycle,t[s],v[V],i[A]\n", running = "t[s],v[V],i[A]\n";
  for (int n = 0; n < 3; ++n)
    for (size_t k = 0; k < c.t.size(); ++k) {
      numbered += fmt::format("{},{},{},{}\n", n + 4, c.t[k], c.v[k], c.i[k]);
      running += fmt::format("{},{},{}\n", c.t[k] + 9.0 * n, c.v[k], c.i[k]);
    }
  const Measurement a = read_measurement(numbered, "a.csv"), b = read_measurement(running, "b.csv");
  REQUIRE(a.sweeps.size() == 3);
  REQUIRE(b.sweeps.size() == 3);
  CHECK(a.sweeps[2].number == 6);
  for (const Measurement* m : {&a, &b})
    for (const SweepCycle& s : m->sweeps) {
      CHECK(s.t.front() == 0.0);
      const std::vector<Excursion> e = excursions(s.v, s.i, 1e-12);
      REQUIRE(e.size() == 2);
      // Between the points around the jump, by construction of the curve.
      CHECK(e[0].v_switch > 0.6);
      CHECK(e[0].v_switch < 0.65 + 1e-9);
      CHECK(e[0].rises());
      CHECK(e[1].v_switch < -0.7);
      CHECK(e[1].v_switch > -0.75 - 1e-9);
      CHECK(e[0].ratio() == doctest::Approx(50.0).scale(1e-30).epsilon(1e-3));
    }
}

TEST_CASE("pulse trains are read with conductances or resistances") {
  std::string text = "# v_read = 0.2 V\npulse;v[V];width[us];r[kohm];v_wl[V]\n";
  for (int k = 0; k < 6; ++k)
    text += fmt::format("{};1.2;{};{};1.1\n", k, k == 0 ? 0 : 1, 100.0 / (k + 1));
  const Measurement m = read_measurement(text, "p.csv");
  REQUIRE(m.trains.size() == 1);
  REQUIRE(m.trains[0].pulses.size() == 6);
  CHECK(m.trains[0].pulses[3].g == doctest::Approx(40e-6).scale(1e-30));
  CHECK(m.trains[0].pulses[3].width == doctest::Approx(1e-6).scale(1e-30));
  CHECK(m.trains[0].pulses[3].v_read == doctest::Approx(0.2).scale(1e-30));
}

TEST_CASE("each mistake is one line with file, line and column") {
  struct Mistake {
    std::string text;
    int line;
    std::vector<std::string> says;
  };
  std::string flat = "t[s],v[V],i[A]\n", train = "pulse,v[V],width[s],g[S]\n";
  for (int k = 0; k < 40; ++k)
    flat +=
        fmt::format("{},{},{}\n", k, 0.05 * (k < 20 ? k : 39 - k), 1e-6 * (k < 20 ? k : 39 - k));
  for (int k = 0; k < 5; ++k) train += fmt::format("{},1,1e-6,{}\n", k, 1e-6 * (k + 1));
  const std::vector<Mistake> mistakes{
      {"", 0, {"empty"}},
      {"\n  \n", 0, {"empty"}},
      {"# only a comment\n", 0, {"comments only"}},
      {"t[s],v[V],i[A]\n", 1, {"without a single row"}},
      {with_line(1, "1,2,3"), 1, {"not a header"}},
      {with_line(1, "t[s],v[V],x[A]"), 1, {"i:", "i[A]"}},
      {with_line(1, "t[s],bias_[V],i[A]"), 1, {"v:", "v[V]"}},
      {with_line(1, "t[s],v[V],i[V]"), 1, {"i[V]", "unit of voltage", "wants A"}},
      {with_line(1, "t[V],v[V],i[A]"), 1, {"t[V]", "wants s"}},
      {with_line(1, "t[s],v[volts],i[A]"), 1, {"volts", "unknown unit"}},
      {with_line(1, "t[s],v,i[A]"), 1, {"v:", "no unit"}},
      {with_line(1, "t[s],v[V],voltage[V]"), 1, {"second column of v"}},
      {with_line(1, "t[s],v[kV],i[A]"), 5, {"v:", "150 V", "outside", "unit in the header"}},
      {with_line(7, "0.5,nan,1e-6"), 7, {"v:", "nan", "finite"}},
      {with_line(7, "0.5,0.25,inf"), 7, {"i:", "inf"}},
      {with_line(7, "0.5,0.25,1e-6x"), 7, {"i:", "not a number"}},
      {with_line(7, "0.5,0.25,"), 7, {"i:", "no value"}},
      {with_line(7, "0.5,0.25"), 7, {"2 values for 3 columns"}},
      {with_line(7, "0,5,0,25,1e-6"), 7, {"5 values for 3 columns", "decimal"}},
      {"t[s];v[V];i[A]\n0,1;0;0\n", 2, {"t:", "decimal comma"}},
      {with_line(7, "0.5,0.25,1e-999"), 7, {"i:", "1e-999"}},
      {with_line(7, "0.1,0.25,1e-6"), 7, {"time", "line 6", "increase"}},
      {with_line(7, "0.4,0.25,1e-6"), 7, {"time", "repeats", "line 6"}},
      {"t[s],v[V],i[A]\n0,0,0\n", 2, {"one point", "at least 8"}},
      {"t[s],v[V],i[A]\n0,0,0\n1,1,1\n", 2, {"2 points", "line 3"}},
      {flat, 2, {"lines 2 to 41", "no switching event", "wants 2"}},
      {with_line(1, "v[V],x[s],i[A]"), 1, {"time", "t[s]"}},
      {std::string("t[s],v[V],i[A]\n0,\0,1\n", 22), 2, {"zero byte"}},
      {"t[s],v[V],i[A]\n\"0,1,2\n", 2, {"quote"}},
      {"t[s],v[V],i[A]\n" + std::string(100'000, '1') + "\n", 2, {"100000 bytes"}},
      {"# r_series = 5 V\n" + plain(), 1, {"r_series", "ohm"}},
      {"# compliance = -1 mA\n" + plain(), 1, {"compliance", "outside"}},
      {train, 1, {"v_read"}},
      {"# v_read = 0.1 V\npulse,v[V],width[s],g[S]\n0,1,1e-6,1e-6\n2,1,1e-6,2e-6\n1,1,1e-6,3e-6\n",
       5,
       {"pulse", "1 comes after 2"}},
      {"# v_read = 0.1 V\npulse,v[V],width[s],g[S]\n0,1,1e-6,1e-6\n", 3, {"1 pulse", "at least 3"}},
      {"# v_read = 0.1 V\npulse,v[V],width[s],g[S]\n0,1,1e-6,0\n", 3, {"g:", "outside"}},
  };
  for (const Mistake& m : mistakes) {
    CAPTURE(m.text.substr(0, 200));
    bool refused = false;
    try {
      read_measurement(m.text, "lab.csv");
    } catch (const ConfigError& e) {
      refused = true;
      const std::string what = e.what();
      CHECK_MESSAGE(e.line == m.line, what);
      CHECK(what.starts_with("lab.csv"));
      CHECK(what.find('\n') == std::string::npos);
      for (const std::string& part : m.says)
        CHECK_MESSAGE(what.find(part) != std::string::npos, what, " lacks ", part);
    }
    CHECK(refused);
  }
}
