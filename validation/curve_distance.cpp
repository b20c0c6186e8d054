#include "validation/curve_distance.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace mho::validation {
namespace {

// One straight piece of a run: place along it (drive [V] on a ramp, time since its start [s] on a
// flat piece), current on a scale that is logarithmic above the floor and keeps the sign.
struct PieceCurve {
  std::vector<double> place, scaled;
};

class Pieces {
 public:
  Pieces(const devices::DeviceTrace& trace, const devices::Drive& drive, double floor) {
    curves.resize(drive.t.size() - 1);
    for (size_t p = 0; p < curves.size(); ++p) {
      const double begin = drive.t[p], end = drive.t[p + 1], slack = 1e-9 * (end - begin);
      const bool flat = drive.v[p] == drive.v[p + 1];
      const auto first =
          std::lower_bound(trace.t.begin(), trace.t.end(), begin - slack) - trace.t.begin();
      for (size_t i = static_cast<size_t>(first); i < trace.t.size() && trace.t[i] <= end + slack;
           ++i) {
        // Places from the time: both engines follow the same drive, and its corners are common.
        const double share = std::clamp((trace.t[i] - begin) / (end - begin), 0.0, 1.0);
        add(curves[p],
            flat ? share * (end - begin) : drive.v[p] + share * (drive.v[p + 1] - drive.v[p]),
            trace.current[i], floor, !flat);
      }
    }
  }
  std::vector<PieceCurve> curves;

 private:
  // Close to 0 V a current is proportional to the voltage, and a straight line on the logarithmic
  // scale would not be.
  static void add(PieceCurve& c, double place, double current, double floor, bool ramp) {
    constexpr double ohmic = 0.06;  // [V]
    constexpr int parts = 32;
    if (ramp && !c.place.empty() && std::min(std::abs(place), std::abs(c.place.back())) < ohmic) {
      const double from = c.place.back(), i_from = floor * std::sinh(c.scaled.back());
      for (int k = 1; k < parts; ++k) {
        const double share = static_cast<double>(k) / parts;
        c.place.push_back(from + share * (place - from));
        c.scaled.push_back(std::asinh((i_from + share * (current - i_from)) / floor));
      }
    }
    c.place.push_back(place);
    c.scaled.push_back(std::asinh(current / floor));
  }
};

// The other curve at a place between its points; the places rise or fall along a piece.
double value_at(const PieceCurve& c, size_t right, double place) {
  const double a = c.place[right - 1], b = c.place[right];
  const double share = b == a ? 0.0 : (place - a) / (b - a);
  return c.scaled[right - 1] + share * (c.scaled[right] - c.scaled[right - 1]);
}

struct Nearest {
  double distance, shift, error;  // [1], in units of the place, [1]
};

// Nearest place on one straight line between points: the larger of two distances that are each
// linear has its minimum at an end, at a zero of one of them, or where both are equal.
void approach(Nearest& best, double x0, double x1, double y0, double y1, double width,
              double height) {
  const auto zero = [](double a, double b) { return a == b ? 0.0 : a / (a - b); };
  const double p0 = x0 / width, p1 = x1 / width, q0 = y0 / height, q1 = y1 / height;
  for (const double at :
       {0.0, 1.0, zero(p0, p1), zero(q0, q1), zero(p0 - q0, p1 - q1), zero(p0 + q0, p1 + q1)}) {
    const double u = std::clamp(at, 0.0, 1.0), p = std::abs(p0 + u * (p1 - p0)),
                 q = std::abs(q0 + u * (q1 - q0));
    if (std::max(p, q) < best.distance) best = {std::max(p, q), p * width, q * height};
  }
}

// `offset` is added to the places of the curve.
Nearest nearest_place(const PieceCurve& c, double place, double value, double width, double height,
                      double offset = 0.0) {
  Nearest best{std::numeric_limits<double>::infinity(), 0.0, 0.0};
  for (size_t i = 1; i < c.place.size(); ++i)
    approach(best, c.place[i - 1] + offset - place, c.place[i] + offset - place,
             c.scaled[i - 1] - value, c.scaled[i] - value, width, height);
  return best;
}

// Small-signal conductance [S] of a ramp at its end at 0 V, 0 when it has none there.
double conductance_at_zero(const PieceCurve& c, double floor, double volts) {
  double nearest = std::numeric_limits<double>::infinity(), g = 0.0;
  for (size_t i = 0; i < c.place.size(); ++i) {
    const double v = c.place[i];
    // A point about `volts` from zero: nearer ones are small differences of large numbers.
    if (v == 0.0 || std::abs(std::abs(v) - volts) >= nearest) continue;
    nearest = std::abs(std::abs(v) - volts);
    g = floor * std::sinh(c.scaled[i]) / v;
  }
  return nearest <= volts ? g : 0.0;
}

}  // namespace

CurveDistance distance_to(const devices::DeviceTrace& a, const devices::DeviceTrace& b,
                          const devices::Drive& drive, const CurveLimits& limits) {
  const Pieces mine(a, drive, limits.floor), other(b, drive, limits.floor);
  CurveDistance worst;
  size_t points = 0;
  for (size_t p = 0; p + 1 < drive.t.size(); ++p) {
    const PieceCurve &from = mine.curves[p], &to = other.curves[p];
    if (to.place.size() < 2) continue;
    const double dv = drive.v[p + 1] - drive.v[p], dt = drive.t[p + 1] - drive.t[p];
    const bool flat = dv == 0.0, rising = flat || dv > 0.0;
    // A shift on the ramp before a flat piece delays what follows.
    const double before =
        p > 0 ? std::abs(drive.v[p] - drive.v[p - 1]) / (drive.t[p] - drive.t[p - 1]) : 0.0;
    const double least = before > 0.0 ? limits.volts / before : 1e-12 * dt;
    size_t right = 1;
    for (size_t i = 0; i < from.place.size(); ++i) {
      ++points;
      const double place = from.place[i], value = from.scaled[i];
      while (right + 1 < to.place.size() &&
             (rising ? to.place[right] < place : to.place[right] > place))
        ++right;
      const double here = std::abs(value - value_at(to, right, place));
      if (here / limits.current <= worst.distance) continue;  // the nearest place is not farther
      const double width = flat ? std::max(limits.time * place, least) : limits.volts;
      Nearest n = nearest_place(to, place, value, width, limits.current);
      // A jump at a corner may fall on its ramp in one run and on the flat piece after it in the
      // other: places there count by their time, at the slope of the ramp.
      if (!flat && p + 2 < drive.t.size() && drive.v[p + 2] == drive.v[p + 1]) {
        const double slope = std::abs(dv / dt);
        Nearest after = nearest_place(other.curves[p + 1], 0.0, value, limits.volts / slope,
                                      limits.current, std::abs(drive.v[p + 1] - place) / slope);
        after.shift *= slope;
        if (after.distance < n.distance) n = after;
      }
      if (flat && before > 0.0) {  // the other way round: the ramp is continued beyond its corner
        const double beyond = std::copysign(place * before, drive.v[p] - drive.v[p - 1]);
        Nearest earlier = nearest_place(other.curves[p - 1], drive.v[p] + beyond, value,
                                        limits.volts, limits.current);
        earlier.shift /= before;
        if (earlier.distance < n.distance) n = earlier;
      }
      // The curve goes through the origin: beside it a current is as far off as the voltage that
      // drives it through the conductance there, which may lie on the other side of zero.
      const double at = flat ? drive.v[p] : place;
      if (std::abs(at) <= limits.volts) {
        double g = 0.0;
        for (const size_t q : {p, p > 0 ? p - 1 : p, p + 2 < drive.t.size() ? p + 1 : p})
          if (g == 0.0 && drive.v[q] != drive.v[q + 1]) g = conductance_at_zero(other.curves[q], limits.floor, limits.volts);
        const double here_i = limits.floor * std::sinh(value), volts = g > 0.0 ? std::abs(here_i / g - at) : limits.volts * n.distance;
        if (volts / limits.volts < n.distance) n = {volts / limits.volts, flat ? 0.0 : volts, here};
      }
      if (n.distance > worst.distance)
        worst = {n.distance,
                 drive.t[p] + (flat ? place : (place - drive.v[p]) / dv * dt),
                 flat ? drive.v[p] : place,
                 limits.floor * std::sinh(value),
                 here,
                 n.error,
                 flat ? n.shift / std::max(place, 1e-12 * dt) : n.shift,
                 flat,
                 0};
    }
  }
  worst.points = points;
  return worst;
}

double rms_distance(const devices::DeviceTrace& a, const devices::DeviceTrace& b, const devices::Drive& drive, const CurveLimits& limits) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    devices::DeviceTrace point;
    point.t = {a.t[i]};
    point.current = {a.current[i]};
    const double d = distance_to(point, b, drive, limits).distance;
    sum += d * d;
  }
  return std::sqrt(sum / static_cast<double>(std::max<size_t>(a.size(), 1)));
}

}  // namespace mho::validation
