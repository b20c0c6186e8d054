// Where the weights of a Boltzmann machine lie, so that one set of cells serves both directions (Wan et al. 2022).
//
// Visible units are dealt round-robin to `groups` (unit i → group i mod groups), hidden units are cut into `parts`: groups × parts blocks, one core each. A hidden unit takes a pair
// of adjacent good rows, a visible unit a pair of adjacent columns. The cells of a weight w at rows (r, r+1) and columns (c, c+1) are a difference along both:
//
//             c    c+1                 hidden → visible: rows get +h, −h; column c settles towards +Σ h w, column c+1 towards −Σ h w
//     r       +     −                  visible → hidden: columns get +v, −v; row r settles towards +Σ v w, row r+1 towards −Σ v w
//     r+1     −     +
//
// Both lines of a pair are converted and half their difference is taken. A visible bias lies in `bias_lines` row pairs of each part and a hidden bias in `bias_lines` column
// pairs of each group, driven at full scale; each pair holds its share of it. Word lines belong to rows, so a bad row is left out of both directions: it is never switched on.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "chip/mapping.hpp"
#include "chip/rbm.hpp"

namespace mho::chip {

struct RbmLayout {
  int groups = 8;      // [1] of visible units
  int parts = 2;       // [1] of hidden units
  int bias_lines = 2;  // [1] row pairs and column pairs of a block that hold biases
  int visible_bits = 3;
};

struct RbmMapping {
  RbmLayout layout;
  std::vector<int> order;          // visible units, group by group
  double w_max = 0;                // [weight] that maps to g_max
  Mapping cells;                   // blocks part by part within each group; rows are hidden lines, columns visible lines
  std::vector<MatrixSpec> specs;   // 0: visible → hidden, 1: hidden → visible; outputs in pairs +, −; visible units in `order`
  Mapping directions;              // blocks of both matrices; block b and b + groups · parts of it are the two directions of cells.blocks[b]

  // Weights of a block as its cells hold them, (hidden + bias) × (visible + bias) [weight].
  Eigen::MatrixXd block_weights(const Rbm& rbm, size_t block) const;
  // Targets of its cells, physical_rows × outputs [S].
  Eigen::MatrixXd targets(const Rbm& rbm, size_t block, const MappingRules& rules) const;
  // One matrix for each block of `directions` [S], inputs' lines × outputs' lines, from those of `cells`.
  std::vector<Eigen::MatrixXf> by_direction(std::span<const Eigen::MatrixXf> cells_conductance) const;
  // Weights, and shares of biases, beyond w_max: they saturate.
  size_t saturated(const Rbm& rbm) const;
};

// Throws ConfigError in one line naming how much is missing when the good rows or the columns do not suffice, or when the machine has fewer units than groups or parts.
RbmMapping map_rbm(const Rbm& rbm, const RbmLayout& layout, const ChipConfig& config, const BadRows& bad_rows);

std::string rbm_block_table(const RbmMapping& mapping, const ChipConfig& config);    // text, with cores and cells used
std::string rbm_block_csv(const RbmMapping& mapping, const ChipConfig& config);
// CSV of places: one line for each pair of lines of each block, with the unit that it holds (bias lines: −1).
std::string rbm_place_csv(const RbmMapping& mapping);

}  // namespace mho::chip
