// The distance of two curves: what it must be for shifts, gains and offsets that are known.
#include "validation/curve_distance.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>

using namespace mho;
using namespace mho::validation;
using devices::DeviceTrace;
using devices::Drive;

namespace {
const Drive sweep = devices::triangle(1.0, -1.0, 1.0);

// A trace of i(v, t) over the sweep, a point each `dv` [V].
DeviceTrace trace_of(const std::function<double(double, double)>& i, double dv = 1e-3) {
  DeviceTrace trace;
  for (double t = 0.0; t <= sweep.end() + 1e-12; t += dv) {
    trace.t.push_back(t);
    trace.drive.push_back(sweep.at(t));
    trace.current.push_back(i(sweep.at(t), t));
  }
  return trace;
}
double ohmic(double v, double) { return 1e-5 * v; }
// An abrupt SET at v0 on the way up, ohmic before and after.
auto jump(double v0) {
  return [v0](double v, double t) { return (t < v0 ? 1e-6 : 1e-4) * v; };
}
}  // namespace

TEST_CASE("equal curves are at no distance, whatever their points") {
  CHECK(distance_to(trace_of(ohmic), trace_of(ohmic), sweep, {}).distance < 1e-9);
  // Straight lines between points in asinh(I): 3 mV apart they leave a line by (3 mV/60 mV)²/8.
  CHECK(distance_to(trace_of(ohmic, 3e-3), trace_of(ohmic), sweep, {}).distance < 0.05);
}

TEST_CASE("a gain is an error of the current, and twice the limit is a distance above 1") {
  for (const double gain : {1.005, 1.02, 1.05}) {
    const CurveDistance d = distance_to(trace_of([&](double v, double t) { return gain * ohmic(v, t); }), trace_of(ohmic), sweep, {});
    CAPTURE(gain);
    // At 1 V, where 2 mV are 0.2 % of the current. The nearest place in the larger of both distances
    // has moved by part of them.
    CHECK(d.distance > 0.8 * (gain - 1.0) / 0.012);
    CHECK(d.distance < 1.01 * (gain - 1.0) / 0.01);
  }
}

TEST_CASE("an abrupt edge is judged by where it stands") {
  CHECK(distance_to(trace_of(jump(0.601)), trace_of(jump(0.600)), sweep, {}).distance < 1.0);
  CHECK(distance_to(trace_of(jump(0.606)), trace_of(jump(0.600)), sweep, {}).distance > 1.5);
  CHECK(distance_to(trace_of(jump(0.600)), trace_of(jump(0.606)), sweep, {}).distance > 1.5);
}

TEST_CASE("an offset of the current at 0 V counts as a voltage: 10 nA in 10 uS are 1 mV") {
  const auto offset = [](double i0) { return trace_of([i0](double v, double t) { return ohmic(v, t) + (std::abs(v) < 1.5e-3 ? i0 : 0.0); }); };
  CHECK(distance_to(offset(10e-9), trace_of(ohmic), sweep, {}).distance < 1.0);
  CHECK(distance_to(offset(100e-9), trace_of(ohmic), sweep, {}).distance > 1.5);
}

TEST_CASE("the rms distance is that of every point: none for equal curves, the worst at most, half of it for half of the points") {
  CHECK(rms_distance(trace_of(ohmic), trace_of(ohmic), sweep, {}) < 1e-9);
  const DeviceTrace line = trace_of(ohmic, 5e-3);
  const auto off = [](double gain, bool all) {
    return trace_of([=](double v, double t) { return (all || v > 0.0 ? gain : 1.0) * ohmic(v, t); }, 5e-3);
  };
  const double both = rms_distance(off(1.02, true), line, sweep, {}), half = rms_distance(off(1.02, false), line, sweep, {});
  CHECK(both > 0.0);
  CHECK(both < distance_to(off(1.02, true), line, sweep, {}).distance);
  // Both halves of the sweep are alike, so half of the squares are left.
  CHECK(half == doctest::Approx(both / std::sqrt(2.0)).epsilon(0.02).scale(1e-30));
}
