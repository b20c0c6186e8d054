// Where each weight of a network lies on the chip: row segments, column blocks, cores, rows and columns.
//
// A matrix of K inputs × N outputs is cut into equal row segments and column blocks (MappingRules). A weight takes two cells of one column
// on adjacent good rows, + above −. The bias of a segment is b/(full_scale·input_lsb·segments·bias_rows) in each of its bias rows, which are
// driven with the full-scale input code (Wan et al. 2022). Blocks go to cores largest first: an empty core if there is one; else below or beside
// others in a core, preferring one without a block of the same matrix (those work in parallel), rows of its own and columns of its own.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "chip/chip_config.hpp"
#include "chip/matrix_engine.hpp"

namespace mho::chip {

// bad[core][row] != 0: the row is not used.
using BadRows = std::vector<std::vector<std::uint8_t>>;
BadRows no_bad_rows(const ChipConfig& config);

// One rectangle of weights in one core.
struct MappedBlock {
  std::size_t matrix = 0;              // index into the network's matrices
  int segment = 0, segments = 1;       // row segment of the matrix, and their number
  int column_block = 0;                // column block of the matrix
  int first_input = 0, inputs = 0;     // weights w(first_input … +inputs, first_output … +outputs)
  int first_output = 0, outputs = 0;
  int bias_rows = 0;                   // logical rows below the inputs
  double w_max = 0;                    // [weight] that maps to g_max; with WeightScale::column the largest of its columns
  std::vector<double> column_scale;    // [1] w_max of a column / w_max, by output; empty: 1
  int core = 0;
  std::vector<int> positive_rows;      // physical row of the + cell of each logical row; the − cell is in the next one
  int first_column = 0;                // physical column of first_output

  double column_w_max(int output) const { return column_scale.empty() ? w_max : w_max * column_scale[static_cast<size_t>(output)]; }
  int logical_rows() const { return inputs + bias_rows; }
  int physical_rows() const { return 2 * logical_rows(); }
};

struct Mapping {
  std::vector<MappedBlock> blocks;     // by matrix, segment, column block
  std::size_t cores_used() const;
  std::size_t cells_used() const;
};

// w_max of weights: their `quantile` of |w|, the largest if that is 0, 1 if all are.
double weight_scale(const Eigen::MatrixXf& weights, double quantile);
// Largest code of an input: 2^bits − 1, or 2^(bits−1) − 1 when one bit is the sign.
int full_scale_code(const MatrixSpec& spec);
// Magnitude bits of an input: input_bits without the sign, at least 1.
int magnitude_bits(const MatrixSpec& spec);

// Throws ConfigError naming how much is missing when the network does not fit the good rows of the chip, or when a matrix is not usable
// (empty, bias of another length, not finite).
Mapping map_network(std::span<const MatrixSpec> matrices, const ChipConfig& config, const BadRows& bad_rows);

// Weights of a block as the cells must realise them [weight], bias rows included: logical_rows × outputs.
Eigen::MatrixXd block_weights(const MatrixSpec& spec, const MappedBlock& block);
// Target conductance [S] of a cell whose weight is u · w_max, u ≥ 0.
double cell_conductance(double u, const MappingRules& rules);
// Target conductance of the cells, physical_rows × outputs [S]; rows alternate + and −.
Eigen::MatrixXd target_conductance(const MatrixSpec& spec, const MappedBlock& block, const MappingRules& rules);

// One line per weight: where its two cells are.
struct WeightPlace {
  std::size_t matrix;
  int input, output;                    // input −1 − r for bias row r
  int segment, core, row, column;       // row of the + cell; the − cell is in row + 1
  double weight, g_plus, g_minus;       // [weight], targets [S]
};
std::vector<WeightPlace> weight_table(std::span<const MatrixSpec> matrices, const Mapping& mapping, const MappingRules& rules);
// CSV with a header; columns as in WeightPlace with the matrix by name.
std::string weight_table_csv(std::span<const MatrixSpec> matrices, const std::vector<WeightPlace>& table);
// CSV of the blocks: matrix, segment, core, rows × columns.
std::string block_table_csv(std::span<const MatrixSpec> matrices, const Mapping& mapping);

}  // namespace mho::chip
