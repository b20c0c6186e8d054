// Recovery of corrupted images by Gibbs sampling, after Wan et al. 2022: each cycle samples the hidden units given the visible ones and the visible units given
// the hidden ones, then gives the pixels that are known not to be corrupted (and the label, if it is known) their values back.
//
// Every random number follows from seed, die, image, cycle and unit, so results do not depend on threads.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "chip/dataset.hpp"
#include "chip/rbm.hpp"

namespace mho::chip {

enum class Corruption { flips, bottom_third };
inline constexpr std::array<std::string_view, 2> corruption_names{"flips", "bottom_third"};

// N images of K pixels, values 0 … 1.
struct CorruptedImages {
  Corruption corruption = Corruption::flips;
  int height = 0, width = 0;
  Eigen::MatrixXf original, corrupted;                                    // K × N
  Eigen::Matrix<bool, Eigen::Dynamic, Eigen::Dynamic> known;              // K × N: not corrupted
  std::vector<std::uint8_t> labels;                                       // N
  double error = 0;                                                       // [1] mean over images of ‖corrupted − original‖₂
};

double mean_grey(const ImageSet& images);  // [1] of all pixels

// flips: round(0.2 K) pixels of each image, drawn without repetition, become 1 where the value is below 0.7 and else 0. bottom_third: rows whose middle lies below
// two thirds of the height become `grey`. Throws ConfigError for images of several channels.
CorruptedImages corrupt(const ImageSet& images, Corruption corruption, double grey, std::uint64_t seed);

// How a hidden unit is sampled.
class HiddenSampler {
 public:
  // The logistic function itself.
  HiddenSampler() = default;
  // A stochastic neuron that adds pulses ±weights[k] of random sign to its sum and compares (netlists/programs/stochastic.toml): P(1 | a) is the share of the sign patterns with
  // a + Σ ±w > 0, a in log-odds. At most 16 pulses.
  explicit HiddenSampler(std::span<const double> pulse_weights);
  double probability(double log_odds) const;
  // One sample. `random`: 32 random bits; the highest ones are the pulses' signs.
  bool sample(float log_odds, std::uint32_t random) const;
  double distance_from_logistic() const;  // [1] largest |P − logistic| on a grid of 0.01 over ±12

 private:
  std::vector<float> sums_;  // by pattern; empty: logistic
  int pulses_ = 0;
};

struct GibbsOptions {
  int cycles = 10;
  int visible_bits = 3;
  bool sample_visible = false; // visible units are 0 or 1 with their probability; else they take the probability, rounded to the code
  bool known_label = false;    // the label's units are held at the true label; else they start at 0 and are sampled as pixels
  std::uint64_t seed = 1;
  std::uint32_t die = 0;
  int threads = 1;
  bool progress = false;
  std::string_view title = "recover";
};

struct Recovery {
  Eigen::MatrixXf recovered;             // K × N, known pixels as in the original
  std::vector<double> error_of_image;    // [1] ‖recovered − original‖₂
  std::vector<double> error_of_cycle;    // [1] mean over images after each cycle; the last is the result
  double error() const { return error_of_cycle.back(); }
};

// Code of a value 0 … 1, half to even.
std::int8_t visible_code(float value, int bits);

Recovery recover(const RbmMachine& machine, const HiddenSampler& hidden_sampler, const CorruptedImages& images, const GibbsOptions& options);

// Visible codes of values 0 … 1 (pixels × N) and labels, visible × N.
InputCodes visible_codes(const Eigen::MatrixXf& values, std::span<const std::uint8_t> labels, int bits);
// The same of images, and one sample of the hidden units of each: what operating points are chosen on.
InputCodes visible_codes(const ImageSet& images, int bits);
InputCodes sampled_hidden(const RbmMachine& machine, const HiddenSampler& sampler, const InputCodes& visible, std::uint64_t seed);

}  // namespace mho::chip
