// Current at read voltages: what each form keeps, and its slope against differences.
#include <doctest/doctest.h>

#include <cmath>

#include "core/errors.hpp"
#include "core/toml_file.hpp"
#include "devices/read_nonlinearity.hpp"

using namespace mho;
using namespace mho::devices;

namespace {
const std::string params_folder = std::string(MHO_SOURCE_DIR) + "/devices/params/";
}

TEST_CASE(
    "sinh form: odd, keeps I at the reference voltage, increasing, bends less at high "
    "conductance") {
  const SinhRead p;
  double bend = 1e9;
  for (const double g : {0.2e-6, 1e-6, 3e-6, 10e-6, 40e-6, 100e-6}) {
    CAPTURE(g);
    CHECK(read_current(p, g, 0.1).current == doctest::Approx(0.1 * g).scale(1e-30).epsilon(1e-14));
    CHECK(read_current(p, g, 0.0).current == 0.0);
    double last = -1.0;
    for (double v = -0.5; v <= 0.5; v += 0.05) {
      const CurrentSlope i = read_current(p, g, v);
      CHECK(read_current(p, g, -v).current == -i.current);
      CHECK(i.current > last);
      last = i.current;
      // Difference over 2·1e-4 V: relative error (1e-4/V0)²/6 < 3e-8.
      const double slope =
          (read_current(p, g, v + 1e-4).current - read_current(p, g, v - 1e-4).current) / 2e-4;
      CHECK(i.slope == doctest::Approx(slope).scale(1e-30).epsilon(1e-6));
    }
    const double now = read_current(p, g, 0.3).current / (0.3 * g);
    CHECK(now <= bend * (1.0 + 1e-12));
    CHECK(now > 1.0);
    bend = now;
  }
  CHECK(sinh_scale(p, 1e-6) == doctest::Approx(0.25).scale(1e-30));
  CHECK(sinh_scale(p, 40e-6) == doctest::Approx(0.60).scale(1e-30));
  CHECK(sinh_scale(p, std::sqrt(40.0) * 1e-6) == doctest::Approx(0.425).scale(1e-30));
  CHECK(sinh_scale(p, 1e-8) == p.v0_low);
  CHECK(sinh_scale(p, 1e-3) == p.v0_high);
}

TEST_CASE("polynomial form: slope G at zero, increasing in its range, no more than slightly bent") {
  const PolynomialRead p;
  for (const double g : {62.5e-6, 80e-6, 110e-6}) {
    CAPTURE(g);
    CHECK(read_current(p, g, 0.0).slope == g);
    double last = -1.0;
    for (double v = -0.5; v <= 0.5; v += 0.05) {
      const CurrentSlope i = read_current(p, g, v);
      CHECK(i.current > last);
      CHECK(i.slope > 0.0);
      last = i.current;
      // A cubic: the difference is off by |N3| h² alone, below 1e-10 S.
      const double slope =
          (read_current(p, g, v + 1e-4).current - read_current(p, g, v - 1e-4).current) / 2e-4;
      CHECK(i.slope == doctest::Approx(slope).scale(1e-30).epsilon(1e-5));
      if (v != 0.0) CHECK(std::abs(i.current / (g * v) - 1.0) < 0.25);
    }
    // Even and odd parts: what is not odd is N2 V².
    const double even = read_current(p, g, 0.4).current + read_current(p, g, -0.4).current,
                 quarter = read_current(p, g, 0.2).current + read_current(p, g, -0.2).current;
    CHECK(std::abs(even - 4.0 * quarter) < 1e-12);
  }
  // Outside the fit its bend is held, its slope at zero is the cell's own.
  CHECK(read_current(p, 20e-6, 0.0).slope == 20e-6);
  CHECK(read_current(p, 20e-6, 0.2).current - 0.2 * 20e-6 ==
        doctest::Approx(read_current(p, p.g_low, 0.2).current - 0.2 * p.g_low).scale(1e-30));
}

TEST_CASE("read curves come from files, as one of two forms") {
  const ReadCurve sinh = load_read_curve(params_folder + "read_curve_sinh.toml"),
                  milo = load_read_curve(params_folder + "read_curve_milo.toml");
  REQUIRE(std::holds_alternative<SinhRead>(sinh));
  REQUIRE(std::holds_alternative<PolynomialRead>(milo));
  CHECK(read_current(sinh, 5e-6, 0.25).current ==
        doctest::Approx(read_current(SinhRead{}, 5e-6, 0.25).current).scale(1e-30).epsilon(1e-12));
  CHECK(read_current(milo, 80e-6, 0.25).slope ==
        doctest::Approx(read_current(PolynomialRead{}, 80e-6, 0.25).slope).scale(1e-30).epsilon(1e-12));
  CHECK_THROWS_AS(load_read_curve(params_folder + "retention.toml"), ConfigError);
}
