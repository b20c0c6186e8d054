#include "devices/fit/compare_cycle.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/statistics.hpp"

namespace mho::devices {
namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();

void summarise(CycleComparison& c, std::vector<double> difference) {
  c.points = difference.size();
  c.rms = c.median = nan;
  if (difference.empty()) return;
  for (double& d : difference) d = std::abs(d);
  c.rms = rms(difference);
  c.median = quantile(difference, 0.5);
}

}  // namespace

CycleComparison compare(const AnyMemristor& model, const Load& load, const SweepTarget& t,
                        const TransientOptions& options) {
  const SweepReplay r = replay(model, load, t, options);
  CycleComparison c{t.number,
                    false,
                    0,
                    nan,
                    nan,
                    {},
                    t.drive.t,
                    t.drive.v,
                    t.i,
                    r.i,
                    static_cast<bool>(r.outcome)};
  double peak = 0.0;
  for (double v : t.drive.v) peak = std::max(peak, std::abs(v));
  std::vector<double> difference;
  for (size_t k = 0; k < t.i.size(); ++k) {
    if (!(std::abs(t.i[k]) > 3.0 * t.floor) || std::abs(t.drive.v[k]) < 0.02 * peak ||
        !std::isfinite(r.i[k]))
      continue;
    difference.push_back(std::asinh(0.5 * r.i[k] / t.floor) - t.y[k]);
  }
  summarise(c, difference);
  for (size_t e = 0; e < t.events.size(); ++e) {
    const Excursion& m = t.events[e];
    if (!std::isfinite(m.v_switch)) continue;
    EventComparison event{m.rises(), m.v_switch, nan, m.ratio(), 1.0};
    if (e < r.events.size()) {
      event.ratio_model = r.events[e].ratio();
      if (r.events[e].rises() == m.rises()) event.v_model = r.events[e].v_switch;
    }
    c.events.push_back(event);
  }
  return c;
}

CycleComparison compare(const AnyMemristor& model, const Load& load, const PulseCycle& t,
                        const TransientOptions& options) {
  const TrainReplay r = replay(model, load, t, options);
  CycleComparison c{t.number, false, 0, nan, nan, {}, {}, {}, {}, r.g, r.finished};
  std::vector<double> difference;
  for (size_t k = 0; k < t.pulses.size(); ++k) {
    c.t.push_back(static_cast<double>(k));
    c.v.push_back(t.pulses[k].v);
    c.measured.push_back(t.pulses[k].g);
    if (k > 0 && std::isfinite(r.g[k]) && r.g[k] > 0.0)
      difference.push_back(std::log(r.g[k] / t.pulses[k].g));
  }
  summarise(c, difference);
  return c;
}

}  // namespace mho::devices
