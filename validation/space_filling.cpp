#include "validation/space_filling.hpp"

#include <algorithm>
#include <boost/random/sobol.hpp>
#include <cmath>
#include <limits>

namespace mho::validation {
namespace {

std::uint32_t reversed(std::uint32_t x) {
  x = (x >> 16) | (x << 16);
  x = ((x & 0xff00ff00u) >> 8) | ((x & 0x00ff00ffu) << 8);
  x = ((x & 0xf0f0f0f0u) >> 4) | ((x & 0x0f0f0f0fu) << 4);
  x = ((x & 0xccccccccu) >> 2) | ((x & 0x33333333u) << 2);
  return ((x & 0xaaaaaaaau) >> 1) | ((x & 0x55555555u) << 1);
}

// Each bit is flipped by a hash of the bits above it: Laine and Karras' permutation, Burley's listing 2.
std::uint32_t scrambled(std::uint32_t x, std::uint32_t key) {
  x = reversed(x) + key;
  x ^= x * 0x6c50b47cu;
  x ^= x * 0xb82f1e52u;
  x ^= x * 0xc7afe638u;
  x ^= x * 0x8d22f6e6u;
  return reversed(x);
}

}  // namespace

UnitPoint sobol_point(std::uint64_t seed, std::uint32_t stream, std::uint32_t index, size_t axes, Purpose purpose) {
  boost::random::sobol_engine<std::uint32_t, 32> engine(axes);
  if (index > 0) engine.seed(index - 1);  // Boost leaves out the first point, the origin
  UnitPoint point;
  for (size_t a = 0; a < axes; ++a) {
    const std::uint32_t x = index > 0 ? engine() : 0;
    RandomStream key(seed, 1, stream, static_cast<std::uint32_t>(a), purpose);
    point.push_back((scrambled(x, key.next_u32()) + 0.5) * 0x1p-32);
  }
  return point;
}

double centred_discrepancy(const std::vector<UnitPoint>& points) {
  const double n = static_cast<double>(points.size());
  const auto from_centre = [](double x) { return std::abs(x - 0.5); };
  double single = 0.0, pairs = 0.0;
  for (const UnitPoint& p : points) {
    double product = 1.0;
    for (const double x : p) product *= 1.0 + 0.5 * from_centre(x) - 0.5 * from_centre(x) * from_centre(x);
    single += product;
    for (const UnitPoint& q : points) {
      product = 1.0;
      for (size_t a = 0; a < p.size(); ++a) product *= 1.0 + 0.5 * (from_centre(p[a]) + from_centre(q[a]) - std::abs(p[a] - q[a]));
      pairs += product;
    }
  }
  return std::sqrt(std::max(std::pow(13.0 / 12.0, static_cast<double>(points.front().size())) - 2.0 * single / n + pairs / (n * n), 0.0));
}

double smallest_distance(const std::vector<UnitPoint>& points) {
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < points.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      double sum = 0.0;
      for (size_t a = 0; a < points[i].size(); ++a) sum += (points[i][a] - points[j][a]) * (points[i][a] - points[j][a]);
      least = std::min(least, std::sqrt(sum));
    }
  return least;
}

}  // namespace mho::validation
