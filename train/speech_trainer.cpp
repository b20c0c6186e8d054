#include "train/speech_trainer.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <numbers>
#include <numeric>

#include "chip/onnx_writer.hpp"
#include "core/cache.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "core/progress.hpp"
#include "train/checkpoint.hpp"
#include "train/shuffle.hpp"

namespace mho::train {
namespace {

// Streams of random numbers, told apart by their first index.
enum Stream : std::uint32_t { order_stream = 1, shift_stream, noise_stream, validation_stream };

constexpr double least_deviation = 1e-6;  // a coefficient that never changes is divided by this

struct Batch {
  torch::Tensor clips;   // B × frames × channels, rounded to codes
  torch::Tensor labels;  // B
};

// Clips chosen[b], later by shifts[b] frames; the first or last frame fills up.
Batch make_batch(const chip::ImageSet& set, const FeatureScale& scale, std::span<const size_t> chosen, std::span<const int> shifts, const SpeechOptions& o) {
  const auto count = static_cast<std::int64_t>(chosen.size());
  Batch batch{torch::empty({count, set.height, set.channels}), torch::empty({count}, torch::kInt64)};
  float* to = batch.clips.data_ptr<float>();
  for (size_t b = 0; b < chosen.size(); ++b) {
    for (int t = 0; t < set.height; ++t, to += set.channels) {
      const int from = std::clamp(t - (shifts.empty() ? 0 : shifts[b]), 0, set.height - 1);
      const float* frame = set.sequence(chosen[b]) + from * set.channels;
      for (size_t c = 0; c < scale.mean.size(); ++c) to[c] = (frame[c] - scale.mean[c]) / scale.deviation[c];
    }
    batch.labels[static_cast<std::int64_t>(b)] = static_cast<std::int64_t>(set.labels[chosen[b]]);
  }
  batch.clips = quantize_signed(batch.clips, o.input_clip, o.input_bits);
  return batch;
}

struct Trainer {
  const SpeechOptions& options;
  chip::ImageSet training, validation;
  FeatureScale scale;
  SpeechLstm network;
  torch::optim::Adam optimizer;
  Progress progress;

  Trainer(const SpeechOptions& o, const chip::ImageSet& clips, int words)
      : options(o),
        training(clips.slice(0, clips.size() - static_cast<size_t>(o.validation_clips))),
        validation(clips.slice(training.size(), clips.size())),
        scale(feature_scale(training)),
        network(o, clips.channels, words),
        optimizer(network.parameters(), torch::optim::AdamOptions(o.learning_rate)),
        progress("train", batches_per_epoch() * static_cast<size_t>(o.epochs)) {}

  RandomStream stream(Stream kind, int epoch, size_t index) const {
    return {options.seed, kind, static_cast<std::uint32_t>(epoch), static_cast<std::uint32_t>(index), Purpose::training};
  }
  size_t batches_per_epoch() const {
    const auto size = static_cast<size_t>(options.batch);
    return (training.size() + size - 1) / size;
  }

  void run_epoch(int epoch, const std::string& note) {
    const std::vector<size_t> order = shuffled(training.size(), stream(order_stream, epoch, 0));
    const auto size = static_cast<size_t>(options.batch);
    const double warm = options.noise_warmup_epochs > 0 ? std::min(1.0, (epoch + 1.0) / (options.noise_warmup_epochs + 1.0)) : 1.0;
    for (size_t b = 0; b < batches_per_epoch(); ++b) {
      const double done = (epoch + static_cast<double>(b) / static_cast<double>(batches_per_epoch())) / options.epochs;
      const double rate = options.final_learning_rate + (options.learning_rate - options.final_learning_rate) * 0.5 * (1 + std::cos(std::numbers::pi * done));
      for (auto& group : optimizer.param_groups()) static_cast<torch::optim::AdamOptions&>(group.options()).lr(rate);
      const std::span<const size_t> chosen(order.data() + b * size, std::min(size, order.size() - b * size));
      std::vector<int> shifts(chosen.size());
      RandomStream moves = stream(shift_stream, epoch, b);
      for (int& s : shifts) s = static_cast<int>(moves.below(static_cast<std::uint32_t>(2 * options.shift + 1))) - options.shift;
      const Batch batch = make_batch(training, scale, chosen, shifts, options);
      RandomStream noise = stream(noise_stream, epoch, b);
      optimizer.zero_grad();
      const torch::Tensor loss = torch::cross_entropy_loss(network.forward(batch.clips, options.noise * warm, noise), batch.labels);
      loss.backward();
      torch::nn::utils::clip_grad_norm_(network.parameters(), options.gradient_limit);
      optimizer.step();
      network.limit_parameters(options.weight_clip);
      if (!std::isfinite(loss.item<double>()))
        throw NumericalError("training diverged: the loss is not finite; lower training.learning_rate");
      progress.advance(1, note);
      throw_if_interrupted();
    }
  }

  // One draw of noise for all clips, as one die.
  double share_right(double noise, RandomStream random) const {
    const torch::NoGradGuard guard;
    std::vector<size_t> all(validation.size());
    std::iota(all.begin(), all.end(), size_t{0});
    const Batch batch = make_batch(validation, scale, all, {}, options);
    const auto right = network.forward(batch.clips, noise, random).argmax(1).eq(batch.labels).sum().item<std::int64_t>();
    return static_cast<double>(right) / static_cast<double>(validation.size());
  }

  TrainingResult validate(int epoch) const {
    TrainingResult now{.epoch = epoch + 1};
    now.validation_accuracy = share_right(0.0, stream(validation_stream, 0, 0));
    for (int draw = 0; draw < options.selection_draws; ++draw)  // the same draws for every epoch
      now.noisy_accuracy += share_right(options.selection_noise, stream(validation_stream, 1, static_cast<size_t>(draw))) / options.selection_draws;
    return now;
  }
};

std::string checkpoint_key(const SpeechOptions& options, const chip::ImageSet& clips) {
  return CacheKey("speech training")
      .add("options", options.summary())
      .add_bytes("features", clips.features.data(), clips.features.size() * sizeof(float))
      .add_bytes("labels", clips.labels.data(), clips.labels.size())
      .hex();
}

std::vector<torch::Tensor> copies(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> result;
  for (const torch::Tensor& t : tensors) result.push_back(t.detach().clone());
  return result;
}

}  // namespace

FeatureScale feature_scale(const chip::ImageSet& clips) {
  const auto channels = static_cast<size_t>(clips.channels);
  std::vector<double> sum(channels, 0.0), squares(channels, 0.0);
  const double count = static_cast<double>(clips.features.size() / channels);
  for (size_t i = 0; i < clips.features.size(); ++i) sum[i % channels] += static_cast<double>(clips.features[i]);
  for (size_t i = 0; i < clips.features.size(); ++i) squares[i % channels] += std::pow(static_cast<double>(clips.features[i]) - sum[i % channels] / count, 2);
  FeatureScale scale;
  for (size_t c = 0; c < channels; ++c) {
    scale.mean.push_back(static_cast<float>(sum[c] / count));
    scale.deviation.push_back(static_cast<float>(std::max(std::sqrt(squares[c] / count), least_deviation)));
  }
  return scale;
}

TrainingResult train_speech(const SpeechOptions& options, const chip::ImageSet& clips, const std::vector<std::string>& words, const std::string& out,
                            int epochs_now) {
  const auto started = std::chrono::steady_clock::now();
  if (clips.size() <= static_cast<size_t>(options.validation_clips))
    throw ConfigError(clips.source, 0, "",
                      fmt::format("holds {} clips, but {} are set aside for validation (training.validation_clips)", clips.size(), options.validation_clips));
  make_output_folder(std::filesystem::absolute(out).parent_path().string());  // now, not after the first epoch
  at::set_num_threads(options.threads);
  at::globalContext().setDeterministicAlgorithms(true, false);
  const std::string key = checkpoint_key(options, clips), checkpoint = out + ".checkpoint";
  TrainingState state;
  Trainer trainer(options, clips, static_cast<int>(words.size()));
  if (checkpointed_epochs(checkpoint, key)) {
    load_checkpoint(checkpoint, state, trainer.network.parameters(), trainer.optimizer);
    trainer.progress.advance(trainer.batches_per_epoch() * static_cast<size_t>(state.epochs_done), "resumed");
  }
  const int last = epochs_now > 0 ? std::min(options.epochs, state.epochs_done + epochs_now) : options.epochs;
  std::string note;
  for (int epoch = state.epochs_done; epoch < last; ++epoch) {
    trainer.run_epoch(epoch, note);
    const TrainingResult now = trainer.validate(epoch);
    // Of equals the later one, which has seen more.
    if (now.noisy_accuracy >= state.chosen.noisy_accuracy || state.best.empty()) {
      state.chosen = now;
      state.best = copies(trainer.network.parameters());
    }
    state.epochs_done = epoch + 1;
    save_checkpoint(checkpoint, key, state, trainer.network.parameters(), trainer.optimizer);
    note = fmt::format("epoch {}: validation {:.2f} %, with {:.0f} % noise {:.2f} %", epoch + 1, 100 * now.validation_accuracy,
                       100 * options.selection_noise, 100 * now.noisy_accuracy);
  }
  if (last == options.epochs) {
    trainer.network.set_parameters(state.best);
    chip::write_onnx(to_onnx(trainer.network, options, trainer.scale, state.chosen, clips, words), out);
  }
  trainer.progress.finish(note);
  state.chosen.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return state.chosen;
}

}  // namespace mho::train
