#include "train/trainer.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <array>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>
#include <numbers>
#include <numeric>

#include "chip/onnx_writer.hpp"
#include "core/cache.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "core/progress.hpp"
#include "train/checkpoint.hpp"
#include "train/export_onnx.hpp"
#include "train/quantized_cnn.hpp"
#include "train/shuffle.hpp"

namespace mho::train {
namespace {

// Streams of random numbers, told apart by their first index.
enum Stream : std::uint32_t { order_stream = 1, shift_stream, noise_stream, validation_stream };

// Values of a pixel after Clip and QuantizeLinear of the exported network.
std::array<float, 256> pixel_values(const TrainingOptions& options) {
  const auto limit = static_cast<float>(options.input_full_scale);
  const float lsb = limit / static_cast<float>((1 << options.input_bits) - 1);
  std::array<float, 256> values{};
  for (size_t p = 0; p < values.size(); ++p)
    values[p] = std::nearbyint(std::min(static_cast<float>(p) / 255.0f, limit) / lsb) * lsb;
  return values;
}

// How a training image is changed.
struct Change {
  int rows = 0, columns = 0;  // [pixels] by which it moves; background comes in at the edges
  bool mirrored = false;      // left to right, before it moves
};

struct Batch {
  torch::Tensor images;  // B × channels × height × width
  torch::Tensor labels;  // B
};

// The chosen images, image b changed by changes[b]; no changes: as they are.
Batch make_batch(const chip::ImageSet& set, std::span<const size_t> chosen,
                 std::span<const Change> changes, const TrainingOptions& options) {
  const std::array<float, 256> values = pixel_values(options);
  const int h = set.height, w = set.width, c = set.channels;
  const auto count = static_cast<std::int64_t>(chosen.size());
  torch::Tensor pixels = torch::zeros({count, h, w, c});
  // Convolutions of colour images are faster with the channels of a pixel side by side; for grey ones libtorch's own order says the same.
  Batch batch{c == 1 ? pixels.reshape({count, 1, h, w}) : pixels.permute({0, 3, 1, 2}), torch::empty({count}, torch::kInt64)};
  float* to = pixels.data_ptr<float>();
  for (size_t b = 0; b < chosen.size(); ++b, to += set.elements()) {
    const std::uint8_t* from = set.image(chosen[b]);
    const Change change = changes.empty() ? Change{} : changes[b];
    for (int y = std::max(0, change.rows); y < std::min(h, h + change.rows); ++y) {
      for (int x = std::max(0, change.columns); x < std::min(w, w + change.columns); ++x) {
        const int column = change.mirrored ? w - 1 - (x - change.columns) : x - change.columns;
        for (int k = 0; k < c; ++k)
          to[(y * w + x) * c + k] = values[from[((y - change.rows) * w + column) * c + k]];
      }
    }
    batch.labels[static_cast<std::int64_t>(b)] = static_cast<std::int64_t>(set.labels[chosen[b]]);
  }
  return batch;
}

double share_right(const QuantizedCnn& network, const chip::ImageSet& set, double noise,
                   RandomStream& random, const TrainingOptions& options) {
  constexpr size_t batch_size = 500;
  const torch::NoGradGuard guard;
  std::int64_t right = 0;
  // One draw of noise for all images, as one die: the same stream from its start in each batch.
  const RandomStream start = random;
  std::vector<size_t> chosen(batch_size);
  for (size_t first = 0; first < set.size(); first += batch_size) {
    chosen.resize(std::min(batch_size, set.size() - first));
    std::iota(chosen.begin(), chosen.end(), first);
    const Batch batch = make_batch(set, chosen, {}, options);
    random = start;
    right += network.forward(batch.images, noise, random)
                 .argmax(1)
                 .eq(batch.labels)
                 .sum()
                 .item<std::int64_t>();
    throw_if_interrupted();
  }
  return static_cast<double>(right) / static_cast<double>(set.size());
}

// Grows over the warm-up, then falls on a half cosine; `epochs_done` counts parts of epochs.
double learning_rate(const TrainingOptions& options, double epochs_done) {
  if (epochs_done < options.warmup_epochs)
    return options.learning_rate * std::max(epochs_done / options.warmup_epochs, 0.01);
  const double progress = (epochs_done - options.warmup_epochs) / (options.epochs - options.warmup_epochs);
  return options.final_learning_rate + (options.learning_rate - options.final_learning_rate) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

torch::optim::AdamW new_optimizer(const QuantizedCnn& network, const TrainingOptions& options) {
  return torch::optim::AdamW(network.parameters(), torch::optim::AdamWOptions(options.learning_rate).weight_decay(options.weight_decay));
}

struct Trainer {
  const TrainingOptions& options;
  chip::ImageSet training, validation;
  QuantizedCnn network;
  std::unique_ptr<torch::optim::AdamW> optimizer;
  Progress progress;

  Trainer(const TrainingOptions& o, const chip::ImageSet& images)
      : options(o),
        training(images.slice(0, images.size() - static_cast<size_t>(o.validation_images))),
        validation(images.slice(training.size(), images.size())),
        network(o, images.channels, images.height, images.width),
        optimizer(std::make_unique<torch::optim::AdamW>(new_optimizer(network, o))),
        progress("train", batches_per_epoch() * static_cast<size_t>(o.epochs)) {}

  RandomStream stream(Stream kind, int epoch, size_t index) const {
    return {options.seed, kind, static_cast<std::uint32_t>(epoch),
            static_cast<std::uint32_t>(index), Purpose::training};
  }
  size_t batches_per_epoch() const {
    return (training.size() + static_cast<size_t>(options.batch) - 1) /
           static_cast<size_t>(options.batch);
  }

  // From the first of the folded epochs on, the network has no batch normalisation.
  bool folded_at(int epoch) const { return options.folded_epochs > 0 && epoch >= options.epochs - options.folded_epochs; }
  void fold_for(int epoch) {
    if (!folded_at(epoch) || !network.normalised()) return;
    network.fold();
    optimizer = std::make_unique<torch::optim::AdamW>(new_optimizer(network, options));  // the moments were of weights of another scale
  }

  void run_epoch(int epoch, const std::string& note) {
    const std::vector<size_t> order = shuffled(training.size(), stream(order_stream, epoch, 0));
    const auto size = static_cast<size_t>(options.batch);
    const double warm = options.noise_warmup_epochs > 0
                            ? std::min(1.0, (epoch + 1.0) / (options.noise_warmup_epochs + 1.0))
                            : 1.0;
    for (size_t b = 0; b < batches_per_epoch(); ++b) {
      const double rate = learning_rate(options, epoch + static_cast<double>(b) / static_cast<double>(batches_per_epoch()));
      for (auto& group : optimizer->param_groups())
        static_cast<torch::optim::AdamWOptions&>(group.options()).lr(rate);
      const std::span<const size_t> chosen(order.data() + b * size,
                                           std::min(size, order.size() - b * size));
      std::vector<Change> changes(chosen.size());
      RandomStream moves = stream(shift_stream, epoch, b);
      const auto range = static_cast<std::uint32_t>(2 * options.shift + 1);
      for (Change& change : changes) {
        change.rows = static_cast<int>(moves.below(range)) - options.shift;
        change.columns = static_cast<int>(moves.below(range)) - options.shift;
        change.mirrored = options.flip && moves.below(2) == 1;
      }
      const Batch batch = make_batch(training, chosen, changes, options);
      RandomStream noise = stream(noise_stream, epoch, b);
      optimizer->zero_grad();
      const torch::Tensor loss = torch::cross_entropy_loss(
          network.forward(batch.images, options.noise * warm, noise, Pass::training), batch.labels);
      loss.backward();
      optimizer->step();
      network.limit_parameters(options.weight_clip, options.bias_rows);
      if (!std::isfinite(loss.item<double>()))
        throw NumericalError(
            "training diverged: the loss is not finite; lower training.learning_rate");
      progress.advance(1, note);
      throw_if_interrupted();
    }
  }

  // Keeps the parameters when they are the best so far under noise.
  TrainingResult validate(int epoch) const {
    TrainingResult now{.epoch = epoch + 1};
    RandomStream unused = stream(validation_stream, 0, 0);
    now.validation_accuracy = share_right(network, validation, 0.0, unused, options);
    for (int draw = 0; draw < options.selection_draws; ++draw) {
      RandomStream random = stream(validation_stream, 1,
                                   static_cast<size_t>(draw));  // the same draws for every epoch
      now.noisy_accuracy +=
          share_right(network, validation, options.selection_noise, random, options) /
          options.selection_draws;
    }
    return now;
  }
};

std::string checkpoint_key(const TrainingOptions& options, const chip::ImageSet& images) {
  return CacheKey("training")
      .add("options", options.summary())
      .add_bytes("pixels", images.pixels.data(), images.pixels.size())
      .add_bytes("labels", images.labels.data(), images.labels.size())
      .hex();
}

}  // namespace

TrainingResult train_network(const TrainingOptions& options, const chip::ImageSet& images,
                             const std::string& out, int epochs_now) {
  const auto started = std::chrono::steady_clock::now();
  if (images.size() <= static_cast<size_t>(options.validation_images)) {
    throw ConfigError(
        images.source, 0, "",
        fmt::format(
            "holds {} images, but {} are set aside for validation (training.validation_images)",
            images.size(), options.validation_images));
  }
  const std::filesystem::path folder = std::filesystem::absolute(out).parent_path();
  make_output_folder(folder.string());  // now, not after the first epoch
  at::set_num_threads(options.threads);
  at::globalContext().setDeterministicAlgorithms(true, false);
  const std::string key = checkpoint_key(options, images), checkpoint = out + ".checkpoint";
  TrainingState state;
  Trainer trainer(options, images);
  if (const auto done = checkpointed_epochs(checkpoint, key)) {
    trainer.fold_for(*done);
    load_checkpoint(checkpoint, state, trainer.network.state(), *trainer.optimizer);
    trainer.progress.advance(trainer.batches_per_epoch() * static_cast<size_t>(state.epochs_done),
                             "resumed");
  }
  const int last =
      epochs_now > 0 ? std::min(options.epochs, state.epochs_done + epochs_now) : options.epochs;
  std::string note;
  for (int epoch = state.epochs_done; epoch < last; ++epoch) {
    trainer.run_epoch(epoch, note);
    trainer.fold_for(epoch + 1);
    const TrainingResult now = trainer.validate(epoch);
    if (now.noisy_accuracy > state.chosen.noisy_accuracy || state.best.empty()) {
      state.chosen = now;
      state.best = trainer.network.folded();
    }
    state.epochs_done = epoch + 1;
    save_checkpoint(checkpoint, key, state, trainer.network.state(), *trainer.optimizer);
    note = fmt::format("epoch {}: validation {:.2f} %, with {:.0f} % noise {:.2f} %", epoch + 1,
                       100 * now.validation_accuracy, 100 * options.selection_noise,
                       100 * now.noisy_accuracy);
  }
  if (last == options.epochs) {
    trainer.network.fold();
    trainer.network.set_state(state.best);
    chip::write_onnx(to_onnx(trainer.network, options, state.chosen, images), out);
  }
  trainer.progress.finish(note);
  state.chosen.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return state.chosen;
}

}  // namespace mho::train
