#include "chip/image_recovery.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "core/random.hpp"

namespace mho::chip {
namespace {

constexpr size_t chunk_images = 64;  // per product; fixed, so that chunks are the same for any number of threads
constexpr double flipped_share = 0.2, flip_threshold = 0.7;  // Wan et al. 2022

double logistic(double a) { return 1.0 / (1.0 + std::exp(-a)); }

double uniform(std::uint32_t random) { return (static_cast<double>(random) + 0.5) * 0x1p-32; }

enum Layer : std::uint32_t { hidden_layer, visible_layer, layers };

RandomStream stream(const GibbsOptions& options, size_t image, int cycle, Layer layer) {
  return {options.seed, options.die, static_cast<std::uint32_t>(image), static_cast<std::uint32_t>(cycle) * layers + layer, Purpose::gibbs};
}

// One chunk of images, all its cycles.
class Chain {
 public:
  Chain(const RbmMachine& machine, const HiddenSampler& sampler, const CorruptedImages& images, const GibbsOptions& options, size_t first, size_t count)
      : machine_(machine), sampler_(sampler), images_(images), options_(options), first_(static_cast<Eigen::Index>(first)), count_(static_cast<Eigen::Index>(count)) {
    visible_.setZero(machine.visible(), count_);
    hidden_.resize(machine.hidden(), count_);
    state_ = images.corrupted.middleCols(first_, count_);
    for (Eigen::Index n = 0; n < count_; ++n)
      for (Eigen::Index i = 0; i < pixels(); ++i) visible_(i, n) = visible_code(state_(i, n), options.visible_bits);
    if (options.known_label) hold_labels();
  }

  void run_cycle(int cycle) {
    machine_.to_hidden(visible_, log_odds_);
    for (Eigen::Index n = 0; n < count_; ++n) {
      RandomStream random = stream(options_, static_cast<size_t>(first_ + n), cycle, hidden_layer);
      for (Eigen::Index j = 0; j < hidden_.rows(); ++j) hidden_(j, n) = sampler_.sample(log_odds_(j, n), random.next_u32()) ? 1 : 0;
    }
    machine_.to_visible(hidden_, log_odds_);
    const int full_scale = (1 << options_.visible_bits) - 1;
    for (Eigen::Index n = 0; n < count_; ++n) {
      RandomStream random = stream(options_, static_cast<size_t>(first_ + n), cycle, visible_layer);
      for (Eigen::Index i = 0; i < visible_.rows(); ++i) {
        const double p = logistic(log_odds_(i, n)), u = uniform(random.next_u32());
        std::int8_t code = options_.sample_visible ? static_cast<std::int8_t>(u < p ? full_scale : 0) : visible_code(static_cast<float>(p), options_.visible_bits);
        if (i < pixels()) {
          const bool known = images_.known(i, first_ + n);
          state_(i, n) = known ? images_.original(i, first_ + n) : static_cast<float>(code) / static_cast<float>(full_scale);
          if (known) code = visible_code(state_(i, n), options_.visible_bits);
        }
        visible_(i, n) = code;
      }
    }
    if (options_.known_label) hold_labels();
  }

  double error(Eigen::Index n) const { return (state_.col(n) - images_.original.col(first_ + n)).cast<double>().norm(); }
  const Eigen::MatrixXf& state() const { return state_; }

 private:
  Eigen::Index pixels() const { return images_.original.rows(); }
  void hold_labels() {
    visible_.bottomRows(Rbm::labels).setZero();
    for (Eigen::Index n = 0; n < count_; ++n)
      visible_(pixels() + images_.labels[static_cast<size_t>(first_ + n)], n) = static_cast<std::int8_t>((1 << options_.visible_bits) - 1);
  }

  const RbmMachine& machine_;
  const HiddenSampler& sampler_;
  const CorruptedImages& images_;
  const GibbsOptions& options_;
  Eigen::Index first_, count_;
  InputCodes visible_, hidden_;
  Eigen::MatrixXf log_odds_, state_;  // state_: pixels × count, values
};

}  // namespace

double mean_grey(const ImageSet& images) {
  const double sum = std::accumulate(images.pixels.begin(), images.pixels.end(), 0.0);
  return images.pixels.empty() ? 0.0 : sum / (255.0 * static_cast<double>(images.pixels.size()));
}

CorruptedImages corrupt(const ImageSet& images, Corruption corruption, double grey, std::uint64_t seed) {
  if (images.channels != 1) throw ConfigError(images.source, 0, "", "holds images of several channels; recovery takes grey ones");
  CorruptedImages result;
  result.corruption = corruption, result.height = images.height, result.width = images.width, result.labels = images.labels;
  const auto pixels = static_cast<Eigen::Index>(images.elements()), count = static_cast<Eigen::Index>(images.size());
  result.original = Eigen::Map<const Eigen::Matrix<std::uint8_t, Eigen::Dynamic, Eigen::Dynamic>>(images.pixels.data(), pixels, count).cast<float>() / 255.0f;
  result.corrupted = result.original;
  result.known.setConstant(pixels, count, true);
  std::vector<Eigen::Index> order(static_cast<size_t>(pixels));
  for (Eigen::Index n = 0; n < count; ++n) {
    if (corruption == Corruption::bottom_third) {
      for (Eigen::Index i = 0; i < pixels; ++i)
        if (3.0 * (static_cast<double>(i / images.width) + 0.5) > 2.0 * images.height) result.known(i, n) = false, result.corrupted(i, n) = static_cast<float>(grey);
    } else {
      RandomStream random(seed, 0, static_cast<std::uint32_t>(n), 0, Purpose::corruption);
      std::iota(order.begin(), order.end(), Eigen::Index{0});
      const auto flips = static_cast<size_t>(std::lround(flipped_share * static_cast<double>(pixels)));
      for (size_t k = 0; k < flips; ++k) {
        std::swap(order[k], order[k + random.below(static_cast<std::uint32_t>(order.size() - k))]);
        float& value = result.corrupted(order[k], n);
        value = static_cast<double>(value) < flip_threshold ? 1.0f : 0.0f;
        result.known(order[k], n) = false;
      }
    }
    result.error += (result.corrupted.col(n) - result.original.col(n)).cast<double>().norm() / static_cast<double>(count);
  }
  return result;
}

HiddenSampler::HiddenSampler(std::span<const double> pulse_weights) : pulses_(static_cast<int>(pulse_weights.size())) {
  if (pulses_ < 1 || pulses_ > 16) throw Error("a stochastic neuron takes 1 to 16 pulses");
  sums_.resize(size_t{1} << pulses_);
  for (size_t pattern = 0; pattern < sums_.size(); ++pattern) {
    double sum = 0;
    for (size_t k = 0; k < pulse_weights.size(); ++k) sum += (pattern >> k) & 1 ? pulse_weights[k] : -pulse_weights[k];
    sums_[pattern] = static_cast<float>(sum);
  }
}

bool HiddenSampler::sample(float log_odds, std::uint32_t random) const {
  if (sums_.empty()) return uniform(random) < logistic(static_cast<double>(log_odds));
  return log_odds + sums_[random >> (32 - pulses_)] > 0;
}

double HiddenSampler::probability(double log_odds) const {
  if (sums_.empty()) return logistic(log_odds);
  const auto ones = std::count_if(sums_.begin(), sums_.end(), [&](float s) { return log_odds + static_cast<double>(s) > 0; });
  return static_cast<double>(ones) / static_cast<double>(sums_.size());
}

double HiddenSampler::distance_from_logistic() const {
  double worst = 0;
  for (int k = -1200; k <= 1200; ++k) worst = std::max(worst, std::abs(probability(0.01 * k) - logistic(0.01 * k)));
  return worst;
}

std::int8_t visible_code(float value, int bits) {
  const auto full_scale = static_cast<float>((1 << bits) - 1);
  return static_cast<std::int8_t>(std::nearbyint(std::clamp(value, 0.0f, 1.0f) * full_scale));
}

Recovery recover(const RbmMachine& machine, const HiddenSampler& hidden_sampler, const CorruptedImages& images, const GibbsOptions& options) {
  const auto count = static_cast<size_t>(images.original.cols());
  if (machine.visible() != images.original.rows() + Rbm::labels)
    throw Error("the machine has " + std::to_string(machine.visible()) + " visible units, the images need " + std::to_string(images.original.rows() + Rbm::labels));
  Recovery result;
  result.recovered.resize(images.original.rows(), images.original.cols());
  result.error_of_image.resize(count);
  Eigen::MatrixXd errors(static_cast<Eigen::Index>(count), options.cycles);
  const size_t chunks = (count + chunk_images - 1) / chunk_images;
  Progress progress(std::string(options.title), chunks * static_cast<size_t>(options.cycles), options.progress);
  parallel_for(chunks, options.threads, [&](size_t chunk) {
    const size_t first = chunk * chunk_images, size = std::min(chunk_images, count - first);
    Chain chain(machine, hidden_sampler, images, options, first, size);
    for (int cycle = 0; cycle < options.cycles; ++cycle) {
      chain.run_cycle(cycle);
      for (size_t n = 0; n < size; ++n) errors(static_cast<Eigen::Index>(first + n), cycle) = chain.error(static_cast<Eigen::Index>(n));
      progress.advance();
      throw_if_interrupted();
    }
    result.recovered.middleCols(static_cast<Eigen::Index>(first), static_cast<Eigen::Index>(size)) = chain.state();
  });
  progress.finish();
  for (int cycle = 0; cycle < options.cycles; ++cycle) result.error_of_cycle.push_back(errors.col(cycle).mean());
  for (size_t n = 0; n < count; ++n) result.error_of_image[n] = errors(static_cast<Eigen::Index>(n), options.cycles - 1);
  return result;
}

InputCodes visible_codes(const Eigen::MatrixXf& values, std::span<const std::uint8_t> labels, int bits) {
  MHO_ASSERT(values.cols() == static_cast<Eigen::Index>(labels.size()));
  InputCodes codes = InputCodes::Zero(values.rows() + Rbm::labels, values.cols());
  for (Eigen::Index n = 0; n < values.cols(); ++n) {
    for (Eigen::Index i = 0; i < values.rows(); ++i) codes(i, n) = visible_code(values(i, n), bits);
    codes(values.rows() + labels[static_cast<size_t>(n)], n) = static_cast<std::int8_t>((1 << bits) - 1);
  }
  return codes;
}

InputCodes visible_codes(const ImageSet& images, int bits) {
  const Eigen::Map<const Eigen::Matrix<std::uint8_t, Eigen::Dynamic, Eigen::Dynamic>> pixels(images.pixels.data(), static_cast<Eigen::Index>(images.elements()), static_cast<Eigen::Index>(images.size()));
  return visible_codes(Eigen::MatrixXf(pixels.cast<float>() / 255.0f), images.labels, bits);
}

InputCodes sampled_hidden(const RbmMachine& machine, const HiddenSampler& sampler, const InputCodes& visible, std::uint64_t seed) {
  Eigen::MatrixXf log_odds;
  machine.to_hidden(visible, log_odds);
  InputCodes hidden(log_odds.rows(), log_odds.cols());
  for (Eigen::Index n = 0; n < hidden.cols(); ++n) {
    RandomStream random = stream({.seed = seed, .die = ~0u}, static_cast<size_t>(n), 0, hidden_layer);
    for (Eigen::Index j = 0; j < hidden.rows(); ++j) hidden(j, n) = sampler.sample(log_odds(j, n), random.next_u32()) ? 1 : 0;
  }
  return hidden;
}

}  // namespace mho::chip
