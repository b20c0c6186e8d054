// Intervals against tabulated quantiles.
#include "core/intervals.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "core/statistics.hpp"

using namespace mho;

TEST_CASE("intervals of mean and sigma use the tabulated quantiles of 9 degrees of freedom") {
  std::vector<double> x;
  for (int i = 0; i < 10; ++i) x.push_back(i);
  const double s = standard_deviation(x);
  const Interval m = mean_interval(x), v = sigma_interval(x);
  CHECK(m.high - 4.5 == doctest::Approx(2.2622 * s / std::sqrt(10.0)).scale(1e-30).epsilon(1e-4));  // t
  CHECK(m.high + m.low == doctest::Approx(9.0).scale(1e-30));
  CHECK(v.low == doctest::Approx(s * std::sqrt(9.0 / 19.0228)).scale(1e-30).epsilon(1e-5));  // chi squared
  CHECK(v.high == doctest::Approx(s * std::sqrt(9.0 / 2.70039)).scale(1e-30).epsilon(1e-5));
}

TEST_CASE("Wilson's interval of 8 of 10, and its ends") {
  const Interval i = share_interval(8, 10);
  CHECK(i.low == doctest::Approx(0.4902).scale(1e-30).epsilon(1e-3));
  CHECK(i.high == doctest::Approx(0.9433).scale(1e-30).epsilon(1e-3));
  CHECK(share_interval(0, 20).low == doctest::Approx(0.0));
  CHECK(share_interval(20, 20).high == doctest::Approx(1.0).scale(1e-30));
  CHECK(share_interval(20, 20).low == doctest::Approx(1.0 - share_interval(0, 20).high).scale(1e-30));
}
