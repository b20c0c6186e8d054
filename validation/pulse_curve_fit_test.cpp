// The fit of pulse curves: a known card is found again from curves that it made.
#include <doctest/doctest.h>

#include <cmath>

#include "validation/devices_pulse_curves.hpp"
#include "validation/pulse_curve_fit.hpp"

using namespace mho;
using namespace mho::devices;
using namespace mho::validation;

namespace {
// The three experiments of the card, coarser, as the device itself would give them; the quantiles
// are those of cells that start at 0.6 and 1.5 times the resistance.
std::vector<PulseCurve> made_by(const PulseDevice& device) {
  std::vector<PulseCurve> curves;
  for (const double width : {1e-6, 10e-6}) {
    PulseCurve c{.polarity = Polarity::set,
                 .width = width,
                 .word_line_swept = true,
                 .v_held = 2.0,
                 .points = {}};
    for (int i = 0; i <= 40; ++i) c.points.push_back({1.2 + 0.04 * i, 9e4, 0.0, 0.0, 0.0});
    curves.push_back(c);
  }
  PulseCurve ramp{
      .polarity = Polarity::reset, .ramp = true, .width = 200e-9, .v_held = 3.5, .points = {}};
  for (int i = 0; i <= 26; ++i) ramp.points.push_back({0.4 + 0.05 * i, 6046.0, 0.0, 0.0, 0.0});
  curves.push_back(ramp);
  for (PulseCurve& c : curves) {
    const auto at = [&](double share) {
      PulseCurve shifted = c;
      for (PulseCurvePoint& p : shifted.points) p.r_before *= share;
      return simulate_pulse_curve(shifted, device.model, device.transistor, device.bench, 1,
                                  {.tolerance = 1e-6});
    };
    const std::vector<double> median = at(1.0), low = c.ramp ? median : at(0.6),
                              high = c.ramp ? median : at(1.5);
    for (size_t i = 0; i < median.size(); ++i)
      c.points[i].r_after = median[i], c.points[i].r_p10 = low[i], c.points[i].r_p90 = high[i];
  }
  return curves;
}
}  // namespace

TEST_CASE("unknowns and device are the same thing in two forms") {
  const PulseUnknowns u = unknowns_of(shipped_pulse_device());
  const PulseUnknowns back = unknowns_of(device_of(u));
  for (const auto& p : ParameterTable<PulseUnknowns>::table) {
    CAPTURE(p.key);
    CHECK(back.*p.member == doctest::Approx(u.*p.member).scale(1e-30).epsilon(1e-9));
    // A card holds six digits, so a value at its bound may lie 1e-4 of it outside.
    CHECK(u.*p.member >= p.min - 1e-4 * std::abs(p.min));
    CHECK(u.*p.member <= p.max + 1e-4 * std::abs(p.max));
  }
}

TEST_CASE("a fit finds the curves of a known card again, also where it saw no point") {
  PulseUnknowns truth = unknowns_of(shipped_pulse_device());
  const std::vector<PulseCurve> curves = made_by(device_of(truth));
  PulseUnknowns start = truth;
  start.v0 *= 1.03, start.gamma0_set *= 0.97, start.v_to += 0.03, start.r_th *= 1.1;
  const auto seen = [](const PulseCurve& c, double v) { return !held_out(c, v); };
  const PulseFit fit = fit_pulse_curves(curves, seen, start, {.threads = 2, .generations = 0});
  // The simulation inside the fit is accurate to 1e-5 of the gap's range per step, some 0.01 in ln
  // R next to the jump and far less elsewhere; 0.05 is the weight of one point.
  CHECK(std::sqrt(fit.loss / fit.points) < 0.2);
  const PulseDevice found = device_of(fit.unknowns);
  for (const PulseCurve& c : curves) {
    const auto r =
        simulate_pulse_curve(c, found.model, found.transistor, found.bench, 1, {.tolerance = 1e-6});
    double sum = 0.0;
    std::vector<double> v, made;
    for (const PulseCurvePoint& p : c.points) v.push_back(p.v), made.push_back(p.r_after);
    const auto jump = c.polarity == Polarity::set ? find_jump(v, made) : std::nullopt;
    int count = 0;
    for (size_t i = 0; i < r.size(); ++i) {
      if (jump && i >= jump->first && i <= jump->last) continue;
      sum += std::pow(std::log(r[i] / made[i]), 2), ++count;
    }
    CHECK(std::sqrt(sum / count) < 0.03);
    if (!jump) continue;
    const auto again = find_jump(v, r);
    REQUIRE(again);
    CHECK(std::abs(again->v - jump->v) < 0.005);
  }
}

TEST_CASE("without a data folder the section is skipped and says why") {
  const Section section = validate_pulse_curves("", 1, 1);
  CHECK(!section.skipped.empty());
  CHECK(section.missed.empty());
  CHECK_THROWS_AS(validate_pulse_curves("/nonexistent", 1, 1), IoError);
}
