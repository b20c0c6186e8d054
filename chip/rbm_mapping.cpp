#include "chip/rbm_mapping.hpp"

#include <fmt/format.h>

#include "chip/placement.hpp"
#include "core/errors.hpp"
#include "core/statistics.hpp"

namespace mho::chip {
namespace {

// The matrix with each output as a pair of lines +, −.
MatrixSpec paired(std::string name, const Eigen::MatrixXf& weights, const Eigen::VectorXf& bias, int bits, float lsb) {
  MatrixSpec spec;
  spec.name = std::move(name);
  spec.weights.resize(weights.rows(), 2 * weights.cols());
  spec.bias.resize(2 * bias.size());
  for (Eigen::Index j = 0; j < weights.cols(); ++j) {
    spec.weights.col(2 * j) = weights.col(j), spec.weights.col(2 * j + 1) = -weights.col(j);
    spec.bias[2 * j] = bias[j], spec.bias[2 * j + 1] = -bias[j];
  }
  spec.input_bits = bits;
  spec.input_lsb = lsb;
  return spec;
}

double weight_scale(const Rbm& rbm, double quantile_of_magnitude) {
  std::vector<double> magnitude;
  for (const float w : rbm.weights.reshaped()) magnitude.push_back(std::abs(static_cast<double>(w)));
  const double scale = quantile(magnitude, quantile_of_magnitude);
  return scale > 0 ? scale : std::max(quantile(std::move(magnitude), 1.0), 1e-12);
}

std::vector<std::pair<int, int>> equal_parts(int total, int parts) {  // first and size
  std::vector<std::pair<int, int>> ranges;
  for (int p = 0, first = 0; p < parts; ++p) {
    const int size = total / parts + (p < total % parts ? 1 : 0);
    ranges.emplace_back(first, size);
    first += size;
  }
  return ranges;
}

}  // namespace

RbmMapping map_rbm(const Rbm& rbm, const RbmLayout& layout, const ChipConfig& config, const BadRows& bad_rows) {
  const auto visible = static_cast<int>(rbm.visible()), hidden = static_cast<int>(rbm.hidden());
  if (visible < layout.groups || hidden < layout.parts)
    throw ConfigError("network", 0, "", fmt::format("has {} visible and {} hidden units, too few for {} groups and {} parts", visible, hidden, layout.groups, layout.parts));
  RbmMapping map;
  map.layout = layout;
  for (int g = 0; g < layout.groups; ++g)
    for (int i = g; i < visible; i += layout.groups) map.order.push_back(i);
  map.w_max = weight_scale(rbm, config.mapping.w_max_quantile);

  Eigen::MatrixXf ordered(visible, hidden);
  Eigen::VectorXf visible_bias(visible);
  for (int p = 0; p < visible; ++p) {
    const int unit = map.order[static_cast<size_t>(p)];
    ordered.row(p) = rbm.weights.row(unit), visible_bias[p] = rbm.visible_bias[unit];
  }
  map.specs = {paired("visible to hidden", ordered, rbm.hidden_bias, layout.visible_bits, 1.0f / static_cast<float>((1 << layout.visible_bits) - 1)),
               paired("hidden to visible", ordered.transpose(), visible_bias, 1, 1.0f)};

  const auto groups = equal_parts(visible, layout.groups), parts = equal_parts(hidden, layout.parts);
  for (int g = 0; g < layout.groups; ++g)
    for (int s = 0; s < layout.parts; ++s) {
      const auto [first_visible, visible_units] = groups[static_cast<size_t>(g)];
      const auto [first_hidden, hidden_units] = parts[static_cast<size_t>(s)];
      MappedBlock cells;
      cells.segment = s, cells.segments = layout.parts, cells.column_block = g;
      cells.first_input = first_hidden, cells.inputs = hidden_units;
      cells.first_output = 2 * first_visible, cells.outputs = 2 * (visible_units + layout.bias_lines);
      cells.bias_rows = layout.bias_lines, cells.w_max = map.w_max;
      map.cells.blocks.push_back(cells);
    }
  for (const MappedBlock& block : map.cells.blocks)
    if (block.outputs > config.columns || block.physical_rows() > config.rows)
      throw ConfigError("network", 0, "", fmt::format("needs blocks of {} rows × {} columns, but a core has {}×{}: {} rows and {} columns are missing; raise rbm.parts or rbm.groups",
                                                      block.physical_rows(), block.outputs, config.rows, config.columns, std::max(0, block.physical_rows() - config.rows), std::max(0, block.outputs - config.columns)));
  place_blocks(map.cells.blocks, config, bad_rows);

  for (const MappedBlock& cells : map.cells.blocks) {
    MappedBlock up = cells;
    up.matrix = 0, up.segment = cells.column_block, up.segments = layout.groups, up.column_block = cells.segment;
    up.first_input = cells.first_output / 2, up.inputs = cells.outputs / 2 - layout.bias_lines;
    up.first_output = 2 * cells.first_input, up.outputs = 2 * cells.inputs;
    map.directions.blocks.push_back(up);
  }
  for (const MappedBlock& cells : map.cells.blocks) {
    MappedBlock down = cells;
    down.matrix = 1, down.outputs = cells.outputs - 2 * layout.bias_lines;
    map.directions.blocks.push_back(down);
  }
  return map;
}

Eigen::MatrixXd RbmMapping::block_weights(const Rbm& rbm, size_t b) const {
  const MappedBlock& block = cells.blocks[b];
  const Eigen::Index hidden = block.inputs, visible = block.outputs / 2 - layout.bias_lines;
  const double visible_share = layout.parts * layout.bias_lines, hidden_share = layout.groups * layout.bias_lines;
  Eigen::MatrixXd weights = Eigen::MatrixXd::Zero(hidden + layout.bias_lines, visible + layout.bias_lines);
  for (Eigen::Index j = 0; j < visible; ++j) {
    const int unit = order[static_cast<size_t>(block.first_output / 2 + j)];
    weights.col(j).head(hidden) = rbm.weights.row(unit).segment(block.first_input, hidden).transpose().cast<double>();
    weights.col(j).tail(layout.bias_lines).setConstant(static_cast<double>(rbm.visible_bias[unit]) / visible_share);
  }
  for (Eigen::Index i = 0; i < hidden; ++i)
    weights.row(i).tail(layout.bias_lines).setConstant(static_cast<double>(rbm.hidden_bias[block.first_input + i]) / hidden_share);
  return weights;
}

Eigen::MatrixXd RbmMapping::targets(const Rbm& rbm, size_t block, const MappingRules& rules) const {
  const Eigen::MatrixXd weights = block_weights(rbm, block);
  Eigen::MatrixXd targets(2 * weights.rows(), 2 * weights.cols());
  for (Eigen::Index j = 0; j < weights.cols(); ++j)
    for (Eigen::Index i = 0; i < weights.rows(); ++i) {
      const double u = weights(i, j) / w_max, rest = rules.g_min;
      const double plus = u > 0 ? cell_conductance(u, rules) : rest, minus = u < 0 ? cell_conductance(-u, rules) : rest;
      targets(2 * i, 2 * j) = targets(2 * i + 1, 2 * j + 1) = plus;
      targets(2 * i, 2 * j + 1) = targets(2 * i + 1, 2 * j) = minus;
    }
  return targets;
}

std::vector<Eigen::MatrixXf> RbmMapping::by_direction(std::span<const Eigen::MatrixXf> conductance) const {
  MHO_ASSERT(conductance.size() == cells.blocks.size());
  const Eigen::Index bias = 2 * layout.bias_lines;
  std::vector<Eigen::MatrixXf> result;
  for (const Eigen::MatrixXf& g : conductance) result.push_back(g.topRows(g.rows() - bias).transpose());
  for (const Eigen::MatrixXf& g : conductance) result.push_back(g.leftCols(g.cols() - bias));
  return result;
}

size_t RbmMapping::saturated(const Rbm& rbm) const {
  size_t count = 0;
  for (size_t b = 0; b < cells.blocks.size(); ++b) count += static_cast<size_t>((block_weights(rbm, b).array().abs() > w_max * (1 + 1e-6)).count());
  return count;
}

std::string rbm_block_table(const RbmMapping& map, const ChipConfig& config) {
  std::string text = fmt::format("{:>6}{:>6}{:>10}{:>9}{:>9}{:>12}{:>10}{:>10}\n", "group", "part", "core", "visible", "hidden", "cells", "rows", "columns");
  for (const MappedBlock& b : map.cells.blocks)
    text += fmt::format("{:>6}{:>6}{:>10}{:>9}{:>9}{:>12}{:>10}{:>10}\n", b.column_block, b.segment, fmt::format("({},{})", b.core / config.core_grid_columns, b.core % config.core_grid_columns),
                        b.outputs / 2 - map.layout.bias_lines, b.inputs, fmt::format("{}×{}", b.physical_rows(), b.outputs), fmt::format("{}-{}", b.positive_rows.front(), b.positive_rows.back() + 1),
                        fmt::format("{}-{}", b.first_column, b.first_column + b.outputs - 1));
  return text + fmt::format("{} blocks in {} of {} cores, {} cells of {} on the chip; w_max {:.3f}\n", map.cells.blocks.size(), map.cells.cores_used(), config.cores(), map.cells.cells_used(),
                            static_cast<long long>(config.cores()) * config.rows * config.columns, map.w_max);
}

std::string rbm_block_csv(const RbmMapping& map, const ChipConfig& config) {
  std::string text = "group[1],part[1],core_row[1],core_column[1],visible[1],hidden[1],rows[1],columns[1],first_row[1],last_row[1],first_column[1],w_max[1]\n";
  for (const MappedBlock& b : map.cells.blocks)
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\n", b.column_block, b.segment, b.core / config.core_grid_columns, b.core % config.core_grid_columns,
                        b.outputs / 2 - map.layout.bias_lines, b.inputs, b.physical_rows(), b.outputs, b.positive_rows.front(), b.positive_rows.back() + 1, b.first_column, map.w_max);
  return text;
}

std::string rbm_place_csv(const RbmMapping& map) {
  std::string text = "layer,unit[1],group[1],part[1],core[1],line,first_line[1]\n";
  for (const MappedBlock& b : map.cells.blocks) {
    for (int i = 0; i < b.logical_rows(); ++i)
      text += fmt::format("hidden,{},{},{},{},row,{}\n", i < b.inputs ? b.first_input + i : -1, b.column_block, b.segment, b.core, b.positive_rows[static_cast<size_t>(i)]);
    const int visible = b.outputs / 2 - map.layout.bias_lines;
    for (int j = 0; j < b.outputs / 2; ++j)
      text += fmt::format("visible,{},{},{},{},column,{}\n", j < visible ? map.order[static_cast<size_t>(b.first_output / 2 + j)] : -1, b.column_block, b.segment, b.core, b.first_column + 2 * j);
  }
  return text;
}

}  // namespace mho::chip
