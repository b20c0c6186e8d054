#include "devices/fit/sweep_features.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mho::devices {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

double median(std::vector<double>& x) {
  if (x.empty()) return none;
  const auto middle = x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2);
  std::nth_element(x.begin(), middle, x.end());
  if (x.size() % 2 == 1) return *middle;
  return 0.5 * (*middle + *std::max_element(x.begin(), middle));
}

double peak_of(std::span<const double> v) {
  double peak = 0.0;
  for (double x : v) peak = std::max(peak, std::abs(x));
  return peak;
}

void measure(Excursion& e, std::span<const double> v, std::span<const double> i, double floor,
             double min_ratio) {
  const double top = std::abs(v[e.peak]);
  std::vector<double> way;
  const auto level = [&](size_t from, size_t to) {
    way.clear();
    for (size_t k = from; k <= to; ++k)
      if (std::abs(v[k]) >= 0.1 * top && std::abs(v[k]) <= 0.5 * top && std::abs(i[k]) > floor)
        way.push_back(std::log(std::abs(i[k] / v[k])));
    return median(way);
  };
  e.ln_before = level(e.first, e.peak);
  e.ln_after = level(e.peak, e.last);
  e.v_switch = none;
  if (!(e.ratio() >= min_ratio)) return;
  const double middle = 0.5 * (e.ln_before + e.ln_after), sign = e.rises() ? 1.0 : -1.0;
  double before = none, v_before = 0.0;
  for (size_t k = e.first; k <= e.last; ++k) {
    if (std::abs(i[k]) <= floor || std::abs(v[k]) < 0.1 * top) continue;
    const double now = sign * (std::log(std::abs(i[k] / v[k])) - middle);
    if (now >= 0.0 && before < 0.0) {
      e.v_switch = v_before + (v[k] - v_before) * before / (before - now);
      e.at = k;
      return;
    }
    before = now;
    v_before = v[k];
  }
}

}  // namespace

double Excursion::ratio() const {
  return std::isfinite(ln_after - ln_before) ? std::exp(std::abs(ln_after - ln_before)) : 1.0;
}

std::vector<Excursion> excursions(std::span<const double> v, std::span<const double> i,
                                  double floor, double min_ratio) {
  std::vector<Excursion> all;
  const double threshold = 0.05 * peak_of(v);
  for (size_t k = 0; k < v.size();) {
    if (std::abs(v[k]) < threshold || v[k] == 0.0) {
      ++k;
      continue;
    }
    Excursion e;
    e.first = e.peak = k;
    for (; k < v.size() && std::abs(v[k]) >= threshold && v[k] * v[e.first] > 0.0; ++k)
      if (std::abs(v[k]) > std::abs(v[e.peak])) e.peak = k;
    e.last = k - 1;
    measure(e, v, i, floor, min_ratio);
    all.push_back(e);
  }
  return all;
}

double switching_ratio(std::span<const double> v, std::span<const double> i, double floor) {
  double ratio = 1.0;
  const double threshold = 0.1 * peak_of(v);
  std::vector<double> run;  // ln G along one excursion
  for (const Excursion& e : excursions(v, i, floor)) {
    ratio = std::max(ratio, e.ratio());
    run.clear();
    for (size_t k = e.first; k <= e.last; ++k)
      if (std::abs(v[k]) >= threshold)
        run.push_back(std::log(std::max(std::abs(i[k]), floor) / std::abs(v[k])));
    // A jump holds for three points on either side: a spike is none.
    const auto middle = [&](size_t k) {
      return std::max(std::min(run[k], run[k + 1]),
                      std::min(std::max(run[k], run[k + 1]), run[k + 2]));
    };
    for (size_t k = 0; k + 5 < run.size(); ++k)
      ratio = std::max(ratio, std::exp(std::abs(middle(k + 3) - middle(k))));
  }
  return ratio;
}

}  // namespace mho::devices
