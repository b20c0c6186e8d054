#include "core/intervals.hpp"

#include <algorithm>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

#include "core/statistics.hpp"

namespace mho {
namespace {
constexpr double infinite = std::numeric_limits<double>::infinity();
}

Interval mean_interval(std::span<const double> x, double confidence) {
  if (x.size() < 2) return {-infinite, infinite};
  const double n = static_cast<double>(x.size());
  const double t = boost::math::quantile(boost::math::students_t(n - 1.0), 0.5 + 0.5 * confidence);
  const double half = t * standard_deviation(x) / std::sqrt(n), middle = mean(x);
  return {middle - half, middle + half};
}

Interval sigma_interval(std::span<const double> x, double confidence) {
  if (x.size() < 2) return {0.0, infinite};
  const double degrees = static_cast<double>(x.size()) - 1.0, s = standard_deviation(x);
  const boost::math::chi_squared law(degrees);
  return {s * std::sqrt(degrees / boost::math::quantile(law, 0.5 + 0.5 * confidence)),
          s * std::sqrt(degrees / boost::math::quantile(law, 0.5 - 0.5 * confidence))};
}

Interval share_interval(size_t passed, size_t count, double confidence) {
  const double n = static_cast<double>(count), p = static_cast<double>(passed) / n;
  const double z = boost::math::quantile(boost::math::normal(), 0.5 + 0.5 * confidence),
               z2 = z * z / n;
  const double middle = (p + 0.5 * z2) / (1.0 + z2),
               half = z * std::sqrt(p * (1.0 - p) / n + 0.25 * z2 / n) / (1.0 + z2);
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

}  // namespace mho
