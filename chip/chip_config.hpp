// Wan et al. 2022 is Nature 608, 504 (doi:10.1038/s41586-022-04992-8) throughout this folder.
//
// The chip as numbers: its cores, how weights are mapped, which rows are bad, how operating points are chosen. Nothing here is a
// compile-time constant; examples/chips/neurram.toml lists every key.
#pragma once
#include <string>
#include <vector>

#include "core/params.hpp"
#include "core/toml_file.hpp"
#include "devices/array_programming.hpp"

namespace mho::chip {

// How |w| becomes the conductance of the cell of its sign; the other cell of the pair rests at g_min.
//   affine:       G = g_min + (g_max − g_min)·|w|/w_max      G+ − G− is exactly proportional to w
//   proportional: G = max(g_max·|w|/w_max, g_min)            the chip's rule (Wan et al. 2022): weights below w_max·g_min/g_max vanish
enum class Encoding { affine, proportional };

// Weights that share a w_max: those of a block, as on the chip, or those of a column. Columns are normalised one by one in any case, so that a scale of their own costs
// nothing; it suits networks whose columns differ in size, as those of folded batch normalisation do.
enum class WeightScale { block, column };

// A matrix is cut into ceil(K/max_logical_rows) row segments and ceil(N/max_columns) column blocks of equal size (Wan et al. 2022).
struct MappingRules {
  int max_logical_rows = 100;        // [1] weights of a column in one segment, bias rows not counted
  int max_columns = 128;             // [1] outputs of one block; wide blocks load the row drivers (Wan et al. 2022)
  int bias_rows = 1;                 // [1] logical rows that carry the bias, at least
  int max_bias_rows = 4;             // [1] at most; more than bias_rows are used only where the bias exceeds w_max
  Encoding encoding = Encoding::affine;
  double g_min = 1e-6;               // [S] conductance of a zero
  double g_max = 40e-6;              // [S] conductance of w_max
  double g_limit = 40e-6;            // [S] highest target that is programmed; larger weights saturate there
  double w_max_quantile = 0.95;      // [1] w_max of a block, or of a column, is this quantile of its |w|
  WeightScale scale = WeightScale::block;
};

// Fraction of bad rows of a core: f = minimum + (maximum − minimum)·(1 − u^(1/b)), u uniform in (0, 1), b such that the mean over cores is
// `mean`; each row is then bad with probability f. Range and mean as seen on one chip (notebooks of Wan et al. 2022).
struct BadRowRules {
  double mean = 0.062;     // [1]
  double minimum = 0.01;   // [1]
  double maximum = 0.15;   // [1]
};

// The rule that chooses each layer's operating point on training images (chip/operating_point.hpp, docs/chip.md).
struct OperatingRules {
  double quantile = 0.999;           // [1] this quantile of |integrated voltage| fills the ADC range
  double swing = 0.4;                // [V] and reaches this voltage: the linear range of the neuron
  double v_read_min = 0.05;          // [V] range of the read amplitude
  double v_read_max = 0.5;           // [V]
  double v_decrement_min = 0.03;     // [V] range of the charge decrement level
  double v_decrement_max = 0.08;     // [V]
  int max_multiplier = 2;            // [1] sample-integrate cycles of the least significant bit, at most
  int max_code = 63;                 // [1] unary steps of the ADC
  int samples = 4000;                // [1] input vectors per layer, evenly taken from those recorded on training images
};

struct ChipConfig {
  std::string name = "neurram";
  int core_grid_rows = 8, core_grid_columns = 6;   // [1] cores of the chip
  int rows = 256, columns = 256;                   // [1] cells of a core
  MappingRules mapping;
  BadRowRules bad_rows;
  OperatingRules operating;
  devices::ProgrammingSetup programming;           // card, write policy, relaxation and passes

  int cores() const { return core_grid_rows * core_grid_columns; }
  // Conductance difference of a weight equal to w_max [S].
  double full_scale_conductance() const;
};

// Reads `path`; each of `overrides` is "key=value". Throws IoError, ConfigError{file, line, key}.
ChipConfig load_chip_config(const std::string& path, const std::vector<std::string>& overrides = {});
// Reads from an open file without calling its finish(), for files that hold more than the chip. Throws ConfigError.
ChipConfig read_chip_config(TomlFile& file);
// What the map and the programming of a die depend on; operating rules are left out.
void add_to_key(CacheKey& key, const ChipConfig& config);

}  // namespace mho::chip

namespace mho {
template <>
struct ParameterTable<chip::MappingRules> {
  using S = chip::MappingRules;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"g_min", &S::g_min, "S", 1e-9, 1e-3, "conductance of a zero"},
      {"g_max", &S::g_max, "S", 1e-9, 1e-3, "conductance of w_max"},
      {"g_limit", &S::g_limit, "S", 1e-9, 1e-3, "highest target that is programmed"},
      {"w_max_quantile", &S::w_max_quantile, "1", 0.5, 1.0, "quantile of |w| that maps to g_max"},
  });
};
template <>
struct ParameterTable<chip::BadRowRules> {
  using S = chip::BadRowRules;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"mean", &S::mean, "1", 0, 1, "mean fraction of bad rows over cores"},
      {"minimum", &S::minimum, "1", 0, 1, "smallest fraction of a core"},
      {"maximum", &S::maximum, "1", 0, 1, "largest fraction of a core"},
  });
};
template <>
struct ParameterTable<chip::OperatingRules> {
  using S = chip::OperatingRules;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"quantile", &S::quantile, "1", 0.5, 1.0, "quantile of |integrated voltage| that fills the range"},
      {"swing", &S::swing, "V", 1e-3, 2, "voltage that this quantile reaches"},
      {"v_read_min", &S::v_read_min, "V", 1e-3, 2, "smallest read amplitude"},
      {"v_read_max", &S::v_read_max, "V", 1e-3, 2, "largest read amplitude"},
      {"v_decrement_min", &S::v_decrement_min, "V", 1e-4, 2, "smallest charge decrement level"},
      {"v_decrement_max", &S::v_decrement_max, "V", 1e-4, 2, "largest charge decrement level"},
  });
};
}  // namespace mho
