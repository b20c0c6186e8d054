#include "devices/drive.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"

namespace mho::devices {

double Drive::at(double time) const {
  if (time <= t.front()) return v.front();
  if (time >= t.back()) return v.back();
  const size_t i = static_cast<size_t>(std::upper_bound(t.begin(), t.end(), time) - t.begin());
  return v[i - 1] + (v[i] - v[i - 1]) * (time - t[i - 1]) / (t[i] - t[i - 1]);
}

Drive triangle(double v_first, double v_second, double rate, int cycles) {
  if (!(rate > 0.0) || !std::isfinite(rate))
    throw Error(fmt::format("sweep rate is {} V/s; wants a positive number", rate));
  if (cycles < 1) throw Error(fmt::format("{} sweep cycles; wants at least 1", cycles));
  Drive d{{0.0}, {0.0}};
  const auto to = [&](double v) {
    const double dt = std::abs(v - d.v.back()) / rate;
    if (dt == 0.0) return;
    d.t.push_back(d.t.back() + dt);
    d.v.push_back(v);
  };
  for (int c = 0; c < cycles; ++c)
    for (const double peak : {v_first, v_second}) {
      to(peak);
      to(0.0);
    }
  check(d);
  return d;
}

Drive pulse_train(const std::vector<PulseShape>& pulses, double gap) {
  Drive d{{0.0}, {0.0}};
  const auto add = [&](double dt, double v) {
    d.t.push_back(d.t.back() + dt);
    d.v.push_back(v);
  };
  for (const PulseShape& p : pulses) {
    if (gap > 0.0) add(gap, 0.0);
    add(p.edge, p.v);
    add(p.width, p.v);
    add(p.edge, 0.0);
  }
  if (gap > 0.0) add(gap, 0.0);
  check(d);
  return d;
}

void check(const Drive& d) {
  if (d.t.size() < 2 || d.t.size() != d.v.size())
    throw Error(fmt::format("a drive needs two corners or more, it has {}", d.t.size()));
  if (d.t[0] != 0.0) throw Error(fmt::format("a drive starts at 0 s, not at {} s", d.t[0]));
  for (size_t i = 0; i < d.t.size(); ++i) {
    if (!std::isfinite(d.t[i]) || !std::isfinite(d.v[i]))
      throw Error(fmt::format("corner {} of a drive is not a number", i));
    if (i > 0 && !(d.t[i] > d.t[i - 1]))
      throw Error(fmt::format("corner {} of a drive, at {} s, is not after the one before it, at {} s",
                              i, d.t[i], d.t[i - 1]));
  }
}

}  // namespace mho::devices
