// Mismatch: the law of area, and what ngspice makes of its instance parameters.
#include "circuits/mismatch.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "circuits/model_card.hpp"
#include "circuits/transistor_curves.hpp"
#include "core/errors.hpp"
#include "core/statistics.hpp"

using namespace mho;
using namespace mho::circuits;

namespace {

spice::Session& ngspice() {
  static spice::Session session;
  return session;
}

double current(const std::string& model, const std::string& instance, double v_g, double v_d) {
  const Geometry g[] = {{1e-6, 0.5e-6}};
  const TerminalBias b[] = {{v_g, v_d, 0.0}};
  return drain_curves(ngspice(), {card_text(Corner::tt), model, instance}, g, b)[0][0];
}

struct Case {
  std::string model;
  double v_g, v_d;
};
const Case cases[] = {
    {"n18", 0.9, 1.0}, {"p18", -1.3, -1.0}, {"n50", 2.0, 1.0}, {"p50", -2.0, -1.0}};

}  // namespace

TEST_CASE("draws have the spread that the law of area states and are independent") {
  const DeviceMismatch device{3e-9, 1e-8};
  const double w = 2e-6, l = 0.5e-6, m = 4.0;
  std::vector<double> vt, beta, product, c;
  for (std::uint32_t i = 0; i < 4000; ++i) {
    RandomStream stream(7, 0, 0, i, Purpose::test);
    const MismatchDraw d = draw_mismatch(device, w, l, m, stream);
    vt.push_back(d.delta_vt / 1.5e-3);  // 3 mV·um/sqrt(4 um²)
    beta.push_back(d.delta_beta / 5e-3);
    product.push_back(vt.back() * beta.back());
    c.push_back(draw_capacitor_mismatch(2e-8, 100e-12, stream) / 2e-3);
  }
  // Standard errors of 4000 draws: 0.016 of a mean, 0.011 of a standard deviation; four of them.
  for (const std::vector<double>& x : {vt, beta, c}) {
    CHECK(std::abs(mean(x)) < 0.064);
    CHECK(standard_deviation(x) == doctest::Approx(1.0).scale(1e-30).epsilon(0.045));
  }
  CHECK(std::abs(mean(product)) < 0.064);
}

TEST_CASE("a threshold that is larger by 5 mV is a gate that is lower by 5 mV") {
  for (const Case& c : cases) {
    CAPTURE(c.model);
    const double towards_off = c.v_g > 0.0 ? -5e-3 : 5e-3;
    const double shifted = current(c.model, instance_mismatch(c.model, {5e-3, 0.0}), c.v_g, c.v_d);
    const double lowered = current(c.model, "", c.v_g + towards_off, c.v_d);
    const double nominal = current(c.model, "", c.v_g, c.v_d);
    CHECK(std::abs(shifted) < std::abs(nominal));
    // Exact but for what the gate does beyond its overdrive, the vertical field in the mobility: it
    // contains V_G + V_th, so it moves the other way for some per cent of the change.
    CHECK((shifted - nominal) / (lowered - nominal) == doctest::Approx(1.0).scale(1e-30).epsilon(0.1));
  }
}

TEST_CASE("a current factor that is larger by 2 % moves the current by less than that, upwards") {
  for (const Case& c : cases) {
    CAPTURE(c.model);
    const double nominal = current(c.model, "", c.v_g, c.v_d);
    const double more = current(c.model, instance_mismatch(c.model, {0.0, 0.02}), c.v_g, c.v_d);
    // Velocity saturation and the source resistance take a part away.
    CHECK(more / nominal > 1.008);
    CHECK(more / nominal < 1.0201);
  }
}

TEST_CASE("no mismatch is the nominal transistor, and another model is refused") {
  CHECK(current("n18", instance_mismatch("n18", {}), 0.9, 1.0) ==
        doctest::Approx(current("n18", "", 0.9, 1.0)).scale(1e-30).epsilon(1e-9));
  CHECK(Mismatch{}.of("p50").a_beta == 1.4e-8);
  CHECK_THROWS_AS(Mismatch{}.of("n33"), Error);
}
