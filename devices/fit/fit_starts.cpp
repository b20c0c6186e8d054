#include "devices/fit/fit_starts.hpp"

#include <algorithm>
#include <numeric>

#include "core/random.hpp"

namespace mho::devices {

std::vector<Eigen::VectorXd> hypercube_starts(const Eigen::VectorXd& card,
                                              const Eigen::VectorXd& width,
                                              const Eigen::VectorXd& lower,
                                              const Eigen::VectorXd& upper, int count,
                                              std::uint64_t seed) {
  std::vector<Eigen::VectorXd> starts{card};
  const size_t n = static_cast<size_t>(std::max(0, count));
  std::vector<Eigen::VectorXd> cube(n, Eigen::VectorXd::Zero(card.size()));
  for (Eigen::Index d = 0; d < card.size(); ++d) {
    RandomStream stream(seed, 0, 0, static_cast<std::uint32_t>(d), Purpose::fit_starts);
    std::vector<size_t> layer(n);
    std::iota(layer.begin(), layer.end(), size_t{0});
    for (size_t k = n; k > 1; --k)
      std::swap(layer[k - 1], layer[stream.below(static_cast<std::uint32_t>(k))]);
    for (size_t k = 0; k < n; ++k)
      cube[k][d] =
          2.0 * (static_cast<double>(layer[k]) + stream.uniform()) / static_cast<double>(n) - 1.0;
  }
  for (size_t k = 0; k < n; ++k)
    starts.push_back((card + (k % 2 == 0 ? 1.0 : 1.0 / 3.0) * width.cwiseProduct(cube[k]))
                         .cwiseMax(lower)
                         .cwiseMin(upper));
  return starts;
}

}  // namespace mho::devices
