// Order in which samples are seen.
#pragma once
#include <numeric>
#include <utility>
#include <vector>

#include "core/random.hpp"

namespace mho::train {

// 0 … count − 1 in random order (Fisher and Yates).
inline std::vector<size_t> shuffled(size_t count, RandomStream random) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = count; i > 1; --i) std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
  return order;
}

}  // namespace mho::train
