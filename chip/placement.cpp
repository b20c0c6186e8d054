#include "chip/placement.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "core/errors.hpp"

namespace mho::chip {
namespace {

// Occupation of one core.
struct CoreState {
  std::vector<std::uint8_t> bad;          // [row]
  std::vector<std::vector<bool>> taken;   // [row][column]
  std::vector<std::size_t> matrices;      // with a block here
  std::vector<int> edges{0};              // columns where a block can begin: the first, and those behind the others

  int next_column() const { return *std::max_element(edges.begin(), edges.end()); }

  bool empty() const { return matrices.empty(); }
  bool holds(std::size_t matrix) const { return std::find(matrices.begin(), matrices.end(), matrix) != matrices.end(); }
};

// Upper rows of disjoint adjacent pairs, top to bottom, whose cells in [column, column + width) are good and free.
std::vector<int> free_pairs(const CoreState& core, int column, int width) {
  const auto usable = [&](std::size_t row) {
    if (core.bad[row]) return false;
    const auto first = core.taken[row].begin() + column;
    return std::find(first, first + width, true) == first + width;
  };
  std::vector<int> pairs;
  for (std::size_t row = 0; row + 1 < core.bad.size(); ++row)
    if (usable(row) && usable(row + 1)) {
      pairs.push_back(static_cast<int>(row));
      ++row;
    }
  return pairs;
}

struct Place {
  int core, column;
  std::vector<int> pairs;
};

class Placer {
 public:
  Placer(const ChipConfig& config, const BadRows& bad_rows) : columns_(config.columns) {
    for (const auto& bad : bad_rows)
      cores_.push_back({bad, std::vector<std::vector<bool>>(bad.size(), std::vector<bool>(static_cast<size_t>(columns_), false)), {}, {0}});
  }

  std::optional<Place> find(const MappedBlock& block) const {
    if (auto place = in_empty_core(block)) return place;
    for (const bool same_matrix : {false, true})
      if (auto place = on_own_rows(block, same_matrix)) return place;
    for (const bool same_matrix : {false, true})
      if (auto place = beside_others(block, same_matrix)) return place;
    return std::nullopt;
  }

  void put(MappedBlock& block, const Place& place) {
    block.core = place.core;
    block.first_column = place.column;
    block.positive_rows.assign(place.pairs.begin(), place.pairs.begin() + block.logical_rows());
    CoreState& core = cores_[static_cast<size_t>(place.core)];
    for (const int row : block.positive_rows)
      for (const int r : {row, row + 1})
        std::fill_n(core.taken[static_cast<size_t>(r)].begin() + place.column, block.outputs, true);
    core.matrices.push_back(block.matrix);
    core.edges.push_back(place.column + block.outputs);
  }

 private:
  bool fits(const std::vector<int>& pairs, const MappedBlock& block) const {
    return static_cast<int>(pairs.size()) >= block.logical_rows() && block.outputs <= columns_;
  }

  std::optional<Place> in_empty_core(const MappedBlock& block) const {
    std::optional<Place> best;
    for (size_t c = 0; c < cores_.size(); ++c) {
      if (!cores_[c].empty()) continue;
      auto pairs = free_pairs(cores_[c], 0, columns_);
      if (fits(pairs, block) && (!best || pairs.size() < best->pairs.size())) best = Place{static_cast<int>(c), 0, std::move(pairs)};
    }
    return best;
  }

  std::optional<Place> on_own_rows(const MappedBlock& block, bool same_matrix) const {
    for (size_t c = 0; c < cores_.size(); ++c) {
      if (cores_[c].holds(block.matrix) != same_matrix) continue;
      auto pairs = free_pairs(cores_[c], 0, columns_);
      if (!fits(pairs, block)) continue;
      const int next = cores_[c].next_column();
      return Place{static_cast<int>(c), next + block.outputs <= columns_ ? next : 0, std::move(pairs)};
    }
    return std::nullopt;
  }

  std::optional<Place> beside_others(const MappedBlock& block, bool same_matrix) const {
    for (size_t c = 0; c < cores_.size(); ++c) {
      if (cores_[c].holds(block.matrix) != same_matrix) continue;
      for (const int column : cores_[c].edges) {
        if (column + block.outputs > columns_) continue;
        auto pairs = free_pairs(cores_[c], column, block.outputs);
        if (fits(pairs, block)) return Place{static_cast<int>(c), column, std::move(pairs)};
      }
    }
    return std::nullopt;
  }

  int columns_;
  std::vector<CoreState> cores_;
};

}  // namespace

void place_blocks(std::vector<MappedBlock>& blocks, const ChipConfig& config, const BadRows& bad_rows) {
  MHO_ASSERT(bad_rows.size() == static_cast<size_t>(config.cores()));
  std::vector<size_t> order(blocks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const auto size = [&](size_t i) { return std::pair(blocks[i].logical_rows(), blocks[i].outputs); };
    return size(a) > size(b);
  });
  Placer placer(config, bad_rows);
  size_t missing = 0, missing_cells = 0, total_cells = 0;
  for (const size_t i : order) {
    const size_t cells = static_cast<size_t>(blocks[i].physical_rows()) * static_cast<size_t>(blocks[i].outputs);
    total_cells += cells;
    if (const auto place = placer.find(blocks[i])) {
      placer.put(blocks[i], *place);
    } else {
      ++missing;
      missing_cells += cells;
    }
  }
  if (missing == 0) return;
  const size_t core_cells = static_cast<size_t>(config.rows) * static_cast<size_t>(config.columns);
  throw ConfigError("network", 0, "",
                    fmt::format("does not fit {} cores of {}×{}: {} of its {} blocks ({} of {} cells, at least {} more cores) find no place "
                                "on the good rows",
                                config.cores(), config.rows, config.columns, missing, blocks.size(), missing_cells, total_cells,
                                (missing_cells + core_cells - 1) / core_cells));
}

}  // namespace mho::chip
