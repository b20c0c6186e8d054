#include "chip/mapping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "chip/placement.hpp"
#include "core/errors.hpp"
#include "core/statistics.hpp"

namespace mho::chip {
namespace {

struct Range {
  int first, size;
};

// `total` in `parts` contiguous ranges whose sizes differ by at most one.
std::vector<Range> equal_parts(int total, int parts) {
  std::vector<Range> ranges;
  for (int p = 0, first = 0; p < parts; ++p) {
    const int size = total / parts + (p < total % parts ? 1 : 0);
    ranges.push_back({first, size});
    first += size;
  }
  return ranges;
}

int parts_of(Eigen::Index total, int at_most) { return static_cast<int>((total + at_most - 1) / at_most); }

void check(const MatrixSpec& spec) {
  const auto fail = [&](const std::string& what) { throw ConfigError("network", 0, spec.name, what); };
  if (spec.weights.size() == 0) fail("has an empty weight matrix");
  if (spec.bias.size() != spec.weights.cols())
    fail(fmt::format("has {} outputs but {} biases", spec.weights.cols(), spec.bias.size()));
  if (!spec.weights.allFinite() || !spec.bias.allFinite()) fail("has a weight or bias that is not finite");
  if (spec.input_bits < 1 || spec.input_bits > 8 || (spec.input_signed && spec.input_bits == 8))
    fail(fmt::format("has {}-bit inputs; 1 to 8 unsigned or 1 to 7 signed bits are possible", spec.input_bits));
  if (!(spec.input_lsb > 0)) fail("has an input step that is not positive");
}

// Fewest bias rows whose weight stays within w_max in every column of the block.
int bias_rows_needed(const MatrixSpec& spec, const MappedBlock& block, const MappingRules& rules) {
  double rows = rules.bias_rows;
  for (int j = 0; j < block.outputs; ++j) {
    const double bias = std::abs(static_cast<double>(spec.bias[block.first_output + j]));
    const double weight = bias / (full_scale_code(spec) * double(spec.input_lsb) * block.segments);
    rows = std::max(rows, std::ceil(weight / block.column_w_max(j) - 1e-9));
  }
  return static_cast<int>(std::min(rows, double(rules.max_bias_rows)));
}

// w_max of a block and, if columns have scales of their own, of its columns.
void set_scale(MappedBlock& block, const Eigen::MatrixXf& weights, const MappingRules& rules) {
  if (rules.scale == WeightScale::block) {
    block.w_max = weight_scale(weights, rules.w_max_quantile);
    return;
  }
  for (Eigen::Index j = 0; j < weights.cols(); ++j) block.column_scale.push_back(weight_scale(weights.col(j), rules.w_max_quantile));
  block.w_max = *std::max_element(block.column_scale.begin(), block.column_scale.end());
  for (double& s : block.column_scale) s /= block.w_max;
}

std::vector<MappedBlock> cut(std::size_t matrix, const MatrixSpec& spec, const MappingRules& rules) {
  std::vector<MappedBlock> blocks;
  const int segments = parts_of(spec.weights.rows(), rules.max_logical_rows);
  const auto rows = equal_parts(static_cast<int>(spec.weights.rows()), segments);
  const auto columns = equal_parts(static_cast<int>(spec.weights.cols()), parts_of(spec.weights.cols(), rules.max_columns));
  for (int s = 0; s < segments; ++s)
    for (int c = 0; c < static_cast<int>(columns.size()); ++c) {
      MappedBlock block;
      block.matrix = matrix, block.segment = s, block.segments = segments, block.column_block = c;
      block.first_input = rows[static_cast<size_t>(s)].first, block.inputs = rows[static_cast<size_t>(s)].size;
      block.first_output = columns[static_cast<size_t>(c)].first, block.outputs = columns[static_cast<size_t>(c)].size;
      set_scale(block, spec.weights.block(block.first_input, block.first_output, block.inputs, block.outputs), rules);
      blocks.push_back(block);
    }
  int bias_rows = rules.bias_rows;
  for (const MappedBlock& block : blocks) bias_rows = std::max(bias_rows, bias_rows_needed(spec, block, rules));
  for (MappedBlock& block : blocks) block.bias_rows = bias_rows;
  return blocks;
}

}  // namespace

double weight_scale(const Eigen::MatrixXf& weights, double quantile_of_magnitude) {
  std::vector<double> magnitude;
  magnitude.reserve(static_cast<size_t>(weights.size()));
  for (const float w : weights.reshaped()) magnitude.push_back(std::abs(static_cast<double>(w)));
  const double largest = *std::max_element(magnitude.begin(), magnitude.end());
  const double scale = quantile(std::move(magnitude), quantile_of_magnitude);
  return scale > 0 ? scale : (largest > 0 ? largest : 1.0);
}

int full_scale_code(const MatrixSpec& spec) { return (1 << magnitude_bits(spec)) - 1; }
int magnitude_bits(const MatrixSpec& spec) { return std::max(1, spec.input_bits - (spec.input_signed ? 1 : 0)); }

BadRows no_bad_rows(const ChipConfig& config) {
  return BadRows(static_cast<size_t>(config.cores()), std::vector<std::uint8_t>(static_cast<size_t>(config.rows), 0));
}

std::size_t Mapping::cores_used() const {
  std::set<int> cores;
  for (const MappedBlock& block : blocks) cores.insert(block.core);
  return cores.size();
}

std::size_t Mapping::cells_used() const {
  std::size_t cells = 0;
  for (const MappedBlock& block : blocks) cells += static_cast<size_t>(block.physical_rows() * block.outputs);
  return cells;
}

Mapping map_network(std::span<const MatrixSpec> matrices, const ChipConfig& config, const BadRows& bad_rows) {
  Mapping mapping;
  for (size_t m = 0; m < matrices.size(); ++m) {
    check(matrices[m]);
    for (MappedBlock& block : cut(m, matrices[m], config.mapping)) mapping.blocks.push_back(std::move(block));
  }
  place_blocks(mapping.blocks, config, bad_rows);
  return mapping;
}

Eigen::MatrixXd block_weights(const MatrixSpec& spec, const MappedBlock& block) {
  Eigen::MatrixXd weights(block.logical_rows(), block.outputs);
  weights.topRows(block.inputs) =
      spec.weights.block(block.first_input, block.first_output, block.inputs, block.outputs).cast<double>();
  const double share = full_scale_code(spec) * double(spec.input_lsb) * block.segments * block.bias_rows;
  weights.bottomRows(block.bias_rows).rowwise() =
      spec.bias.segment(block.first_output, block.outputs).cast<double>().transpose() / share;
  return weights;
}

double cell_conductance(double u, const MappingRules& rules) {
  const double g = rules.encoding == Encoding::affine ? rules.g_min + (rules.g_max - rules.g_min) * u
                                                      : std::max(rules.g_max * u, rules.g_min);
  return std::min(g, rules.g_limit);
}

Eigen::MatrixXd target_conductance(const MatrixSpec& spec, const MappedBlock& block, const MappingRules& rules) {
  const Eigen::MatrixXd weights = block_weights(spec, block);
  Eigen::MatrixXd targets(block.physical_rows(), block.outputs);
  for (Eigen::Index j = 0; j < weights.cols(); ++j)
    for (Eigen::Index i = 0; i < weights.rows(); ++i) {
      const double w = weights(i, j);
      const double raised = cell_conductance(std::abs(w) / block.column_w_max(static_cast<int>(j)), rules);
      targets(2 * i, j) = w > 0 ? raised : rules.g_min;
      targets(2 * i + 1, j) = w < 0 ? raised : rules.g_min;
    }
  return targets;
}

std::vector<WeightPlace> weight_table(std::span<const MatrixSpec> matrices, const Mapping& mapping, const MappingRules& rules) {
  std::vector<WeightPlace> table;
  for (const MappedBlock& block : mapping.blocks) {
    const MatrixSpec& spec = matrices[block.matrix];
    const Eigen::MatrixXd weights = block_weights(spec, block), targets = target_conductance(spec, block, rules);
    for (int i = 0; i < block.logical_rows(); ++i)
      for (int j = 0; j < block.outputs; ++j)
        table.push_back({block.matrix, i < block.inputs ? block.first_input + i : block.inputs - i - 1, block.first_output + j,
                         block.segment, block.core, block.positive_rows[static_cast<size_t>(i)], block.first_column + j,
                         weights(i, j), targets(2 * i, j), targets(2 * i + 1, j)});
  }
  return table;
}

std::string weight_table_csv(std::span<const MatrixSpec> matrices, const std::vector<WeightPlace>& table) {
  std::string text = "matrix,input[1],output[1],segment[1],core[1],row[1],column[1],weight[1],g_plus[S],g_minus[S]\n";
  for (const WeightPlace& p : table)
    text += fmt::format("{},{},{},{},{},{},{},{},{},{}\n", matrices[p.matrix].name, p.input, p.output, p.segment, p.core, p.row,
                        p.column, p.weight, p.g_plus, p.g_minus);
  return text;
}

std::string block_table_csv(std::span<const MatrixSpec> matrices, const Mapping& mapping) {
  std::string text = "matrix,segment[1],column_block[1],core[1],first_row[1],last_row[1],rows[1],first_column[1],columns[1],w_max[1]\n";
  for (const MappedBlock& b : mapping.blocks)
    text += fmt::format("{},{},{},{},{},{},{},{},{},{}\n", matrices[b.matrix].name, b.segment, b.column_block, b.core,
                        b.positive_rows.front(), b.positive_rows.back() + 1, b.physical_rows(), b.first_column, b.outputs, b.w_max);
  return text;
}

}  // namespace mho::chip
