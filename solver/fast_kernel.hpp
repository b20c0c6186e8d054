// The elementwise part of a core: what one magnitude bit does to every column of one input, in single precision, without branches, over contiguous columns.
//
// Every element takes the same operations in the same order whatever stands beside it, and nothing is contracted: the bits depend neither on the batch nor on the width of the
// processor's registers. All voltages are relative to VREF.
#pragma once
#include <Eigen/Core>
#include <array>
#include <cstdint>

#include "solver/cubic.hpp"

namespace mho::solver::kernel {

using Eigen::ArrayXf;

// A sum over active rows that needs no product of its own, from sums that are there: Σ_i T_ij x_i ≈ count_j Σ x_i + share_j Σ_i s_ij x_i + line_j L_j, s the share of the falling
// word lines (fall_emulator.hpp) and L the line's sum, which only sums of x have.
struct Regression {
  ArrayXf count, share, line;
};

// Constants of the columns. Line of column j: the root u next to 0 of  L − σ u + κ u² + γ u³ + δ u⁴ = 0, all divided by the column's slope at inputs of zero.
struct Columns {
  ArrayXf line_count;                                                  // [V] what the digits of the line's sum leave out, per Σ x
  Regression even, slope_odd, slope_even, curve_odd, curve_even;       // [V], [1], [1/V] per row: odd follows x, even |x|
  Regression noise, cross;                                             // [V²] with |x|, [V] with x
  ArrayXf curve;                                                       // [1/V] κ of inputs of zero
  ArrayXf cubic, cubic_even, quartic, quartic_even;                    // [1/V²], [1/V³] γ and δ of inputs of zero, and per Σ |x|
  ArrayXf cubic_odd;                                                   // [1/V³] γ per volt of L
  ArrayXf still;                                                       // [1] of the read noise at inputs of zero
  ArrayXf rate;                                                        // [1] word line pulse over the line's time constant
  ArrayXf fall, fall_slope, fall_even, fall_both;                      // [V] of the falling word lines: constant, per 4 u, per share, per activity
  float fall_odd = 0, fall_odd2 = 0, fall_even2 = 0, fall_slope_even = 0, fall2 = 0, fall3 = 0;
  void resize(Eigen::Index columns);
};

// Sums over the rows of one input, one entry a column. One without a product of its own points to zeros.
enum Sum { line, even, slope_odd, slope_even, curve_odd, curve_even, share_odd, share_even, noise, cross, power, sum_count };
using Sums = std::array<const float*, sum_count>;

// What is one number for an input.
struct Activity {
  float odd, even;                   // Σ x, Σ |x|
  float fall, fall_slope, fall_both; // [V] of the falling word lines: from the counts alone, per 4 u, per column's activity
  float drive = 1, drive_even = 0;   // [1] of the read voltage: half the difference and half the sum of what the drivers' two supplies give
};

// The line's sum as its drivers' supplies leave it: of the sum with the levels, and of the sum with their magnitudes.
void feed(const Columns& c, const Activity& n, const float* odd, const float* even, float* fed);
// Load of the core on its drivers' supplies [S], from the sums of line and power with levels (odd) and magnitudes (even): positive, mutual, negative.
std::array<double, 3> load(const Columns& c, const Activity& n, float v_read, const float* line_odd, const float* line_even, const float* power_odd, const float* power_even);

// linear: L [V]; settled: the line that the sums settle to [V]; slope: σ [1].
void settle(const Columns& c, const Sums& sums, const Activity& n, float* linear, float* settled, float* slope);
// Variance of the settled line by read noise [V²].
void scatter(const Columns& c, const Sums& sums, const Activity& n, const float* linear, const float* settled, const float* slope, float* variance);
// v += root of the variance times a normal number of its own; `normal`: room for 4 ⌈columns/4⌉.
struct NoiseStream {
  std::array<std::uint32_t, 2> key;
  std::array<std::uint32_t, 3> counter;  // the counter's other three numbers, as RandomStream has them
};
void add_noise(const NoiseStream& stream, Eigen::Index columns, const float* variance, float* normal, float* v);
// Normal numbers 4 n, n = blocks, of the stream's counters first … first + n − 1 (Philox 4x32-10, Box-Muller): z[l n + q] comes from block first + q.
void normals(const NoiseStream& stream, std::uint32_t first, Eigen::Index blocks, float* z);
// before: held line before the pulse [V]; driven: at its end; held: after the word lines have fallen; gain: of `held` by `settled` [1].
void hold(const Columns& c, const Sums& sums, const Activity& n, const float* settled, const float* slope, const float* before, float* driven, float* held, float* gain);

// One bit's samples as cubics in single precision, clamped to the range that they were made for.
struct Samples {
  CubicOf<float> out, line;
  float v_trim, line_span, reach;
};
// Variance of v through the samples of a bit [V²], to first order: `total` was that of v before them, `settled` is that of the line, `gain` that of hold(). before: v as sample() kept it.
void carry(const Samples& s, Eigen::Index columns, const float* held, const float* gain, const float* before, const float* settled, float* total);

// Leakage of a held line through the off rows: line' = rate · exp(−line/e_fold).
struct Leakage {
  float e_fold;  // [V]
  float step;    // [1] rate/e_fold over one sample-integrate cycle
  float below;   // [V] lines at most this high before or after the samples leak so much that it counts
  float deep;    // [V] and at most this high a tenth of an e-fold or more in a cycle
};
// Whether any column leaks, not deeply and deeply.
struct Leaks {
  bool some, deep;
};
// v and the line `after` the samples of a bit without leakage; `before` keeps v.
Leaks sample(const Samples& s, Eigen::Index columns, const Leakage& leak, const float* held, float* v, float* after, float* before);
// The columns that leak, one sample-integrate cycle after the other, as the line rises between them. v, after: as sample() left them. Not deeply: rate and rise by short series.
void sample_leaking(const Samples& cycle, int cycles, const Leakage& leak, Eigen::Index columns, const float* held, const float* before, float* v, float* after, float* scratch_v,
                    float* scratch_line, float* scratch_rate);
void sample_leaking_deep(const Samples& cycle, int cycles, const Leakage& leak, Eigen::Index columns, const float* held, const float* before, float* v, float* after, float* scratch_v,
                    float* scratch_line);

// Loss in the cells and supplies [A V] and charge times voltage of the lines [V²], added up by column. v_read: times Activity::drive; current: Σ |I| of the active rows [A]; conductance: of the column [S].
void add_energy(Eigen::Index columns, float v_read, float v_ref, const float* current, const float* conductance, const float* linear, const float* driven, const float* held,
                const float* before, float* conduction, float* line_charge);

// What the ADC's codes of one input say about its events; distance [V]: integrated voltage from the sign decision.
struct CodeCounts {
  int decrements = 0, compares_up = 0, most = 0;  // of all columns; most: of one column
  float compare_volts = 0;                        // [V]
};
CodeCounts count_codes(Eigen::Index columns, float middle, float lsb, const float* v, const std::int16_t* code);

// Sums of the levels of one input and of their magnitudes.
struct LevelCounts {
  int odd = 0, even = 0;
};
LevelCounts count_levels(Eigen::Index rows, const std::int8_t* level);

}  // namespace mho::solver::kernel
