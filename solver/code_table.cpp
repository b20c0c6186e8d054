#include "solver/code_table.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mho::solver {

CodeTable::CodeTable(const std::vector<float>& up, const std::vector<float>& down) : lowest_(static_cast<int>(down.size())) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  edge_ = up;
  for (float d : down) edge_.push_back(std::nextafter(-d, infinity));
  std::sort(edge_.begin(), edge_.end());
  constexpr std::size_t bins_limit = 4096;
  std::size_t bins = 1;
  if (edge_.size() > 1) {
    float least = infinity;
    for (std::size_t k = 1; k < edge_.size(); ++k) least = std::min(least, edge_[k] - edge_[k - 1]);
    const float span = edge_.back() - edge_.front();
    bins = static_cast<std::size_t>(std::clamp(1.1f * span / std::max(least, span / bins_limit), 1.0f, static_cast<float>(bins_limit)));
    low_ = edge_.front();
    per_volt_ = span > 0.0f ? static_cast<float>(bins) / span : 0.0f;
  }
  top_ = static_cast<float>(bins - 1);
  std::vector<int> inside(bins, 0);
  for (float e : edge_) most_ = std::max(most_, ++inside[bin(e)]);
  first_.assign(bins, 0);
  for (std::size_t k = 1; k < bins; ++k) first_[k] = static_cast<std::int16_t>(first_[k - 1] + inside[k - 1]);
  edge_.insert(edge_.end(), static_cast<std::size_t>(most_) + 1, infinity);
}

}  // namespace mho::solver
