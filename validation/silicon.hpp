// Columns of one layer as measured on the chip beside what programming, relaxation and mismatch
// predict for them, with no constant fitted to the measurement: the part `silicon` of
// `mho validate solver`.
//
// The layer: weights in differential pairs on adjacent rows, G± = g_max·max(±w, 0)/w_max, read by
// voltage-mode sensing, V_j = Σ_i x_i G_ij v/Σ_i G_ij, and converted by unary charge decrement (Wan
// et al., Nature 608, 504 (2022)). Up to a factor that all columns share, the codes of column j per
// unit of its exact sum Σ w x are
//   gain_j = (1 + δ_j)/Σ_i G_ij                              δ_j the neuron's own
//   line_j = gain_j·Σ_i w_ij D_ij/Σ_i w_ij²                  D = (G⁺ − G⁻)·w_max/g_max
// line_j is the slope of the straight line through codes over exact sums when the inputs are
// independent and equally spread: it also falls where targets end at g_max and where cells deviate
// along their weights.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <string>
#include <vector>

#include "core/cache.hpp"
#include "validation/section.hpp"

namespace mho::validation {

struct SiliconLayer {
  Eigen::MatrixXd weights;  // [1] logical rows × columns; the last silicon_bias_rows carry the bias
  Eigen::VectorXd slope;    // [code per output unit] of the line through codes over exact sums
  Eigen::VectorXd residual;  // [output unit] rms of the outputs about that line
};
constexpr int silicon_bias_rows = 2;
constexpr double silicon_g_max = 40e-6;  // [S] of w_max, and the largest target
constexpr double silicon_clip = 5.866;   // [1] input value of the largest code, at the operating point of the measurement
constexpr int silicon_full_code = 7;     // [1] of unsigned 3-bit inputs

// `folder` holds weights.csv (a logical row a line, comments from '#') and measured.csv (a header
// with column, slope and residual). Throws IoError, and ConfigError with file, line and column.
SiliconLayer read_silicon_layer(const std::string& folder);

struct SiliconSettings {
  std::string data;  // folder of the layer; empty: skipped
  std::uint64_t seed = 1;
  int threads = 1;          // [1] results do not depend on it
  int dies = 100;           // [1] of programming, relaxation and neurons
  int neuron_dies = 60;     // [1] of the neuron in ngspice
  double tolerance = 1e-4;  // [1] reltol of ngspice
  int code_dies = 5;        // [1] of `dies`, for codes
  int inputs = 2000;        // [1] vectors per die, for codes
  Cache cache = Cache({}, true);
};

// Spread of the neuron's gain over dies in ngspice, at the chip's capacitors.
struct NeuronSpread {
  double integrated = 0.0;  // [1] relative σ of the integrated voltage over the line's
  double codes = 0.0;       // [1] of that over the charge decrement, which the same capacitors make
};

double silicon_w_max(const Eigen::MatrixXd& weights);             // 95th percentile of |w|
Eigen::MatrixXd silicon_targets(const Eigen::MatrixXd& weights);  // [S] rows 2i: +, 2i + 1: −

// One term more than the step before it; every vector has an entry per die.
struct SiliconFigures {
  std::vector<double> r;          // [1] Pearson's over columns, with the measured slopes
  std::vector<double> r_targets;  // [1] the same with 1/ΣG_j, G the targets
  std::vector<double> spread;     // [1] std/mean over columns of gain_j·ΣG_j, G the targets
};
struct SiliconGains {
  std::string name;
  SiliconFigures gain, line;  // of gain_j and of line_j
};
// [code] rms about each column's own line, mean over columns and dies.
struct SiliconResidual {
  std::string name;
  double analog, truncated, half;  // no ADC; trunc(v); ±(n − ½) for n − 1 ≤ |v| < n
};
struct SiliconPrediction {
  std::vector<SiliconGains> gains;
  std::vector<SiliconResidual> residuals;
  double programming_rms = 0.0, relaxed_rms = 0.0;  // [S] of all cells about their targets
};
SiliconPrediction predict_silicon(const SiliconLayer& layer, const NeuronSpread& neuron,
                                  const SiliconSettings& settings);

Section validate_silicon(const SiliconSettings& settings);

}  // namespace mho::validation
