#include "train/trainer.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <array>
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
#include "train/export_onnx.hpp"
#include "train/quantized_cnn.hpp"

namespace mho::train {
namespace {

// Streams of random numbers, told apart by their first index.
enum Stream : std::uint32_t { order_stream = 1, shift_stream, noise_stream, validation_stream };

// Values of a pixel after Clip and QuantizeLinear of the exported network.
std::array<float, 256> pixel_values(int bits) {
  const float lsb = 1.0f / static_cast<float>((1 << bits) - 1);
  std::array<float, 256> values{};
  for (size_t p = 0; p < values.size(); ++p)
    values[p] = std::nearbyint(static_cast<float>(p) / 255.0f / lsb) * lsb;
  return values;
}

struct Batch {
  torch::Tensor images;  // B × 1 × height × width
  torch::Tensor labels;  // B
};

// Images order[first …], image b moved by shifts[b] = {rows, columns}; background comes in at the
// edges.
Batch make_batch(const chip::ImageSet& set, std::span<const size_t> chosen,
                 std::span<const std::array<int, 2>> shifts, int bits) {
  const std::array<float, 256> values = pixel_values(bits);
  const int h = set.height, w = set.width;
  const auto count = static_cast<std::int64_t>(chosen.size());
  Batch batch{torch::zeros({count, 1, h, w}), torch::empty({count}, torch::kInt64)};
  float* to = batch.images.data_ptr<float>();
  for (size_t b = 0; b < chosen.size(); ++b, to += h * w) {
    const std::uint8_t* from = set.image(chosen[b]);
    const auto [dy, dx] = shifts.empty() ? std::array<int, 2>{0, 0} : shifts[b];
    for (int y = std::max(0, dy); y < std::min(h, h + dy); ++y) {
      for (int x = std::max(0, dx); x < std::min(w, w + dx); ++x)
        to[y * w + x] = values[from[(y - dy) * w + x - dx]];
    }
    batch.labels[static_cast<std::int64_t>(b)] = static_cast<std::int64_t>(set.labels[chosen[b]]);
  }
  return batch;
}

double share_right(const QuantizedCnn& network, const chip::ImageSet& set, double noise,
                   RandomStream& random, int bits) {
  constexpr size_t batch_size = 500;
  const torch::NoGradGuard guard;
  std::int64_t right = 0;
  // One draw of noise for all images, as one die: the same stream from its start in each batch.
  const RandomStream start = random;
  std::vector<size_t> chosen(batch_size);
  for (size_t first = 0; first < set.size(); first += batch_size) {
    chosen.resize(std::min(batch_size, set.size() - first));
    std::iota(chosen.begin(), chosen.end(), first);
    const Batch batch = make_batch(set, chosen, {}, bits);
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

std::vector<size_t> shuffled(size_t count, RandomStream random) {
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t i = count; i > 1; --i)
    std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
  return order;
}

double half_cosine(double from, double to, double progress) {
  return to + (from - to) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

struct Trainer {
  const TrainingOptions& options;
  chip::ImageSet training, validation;
  QuantizedCnn network;
  torch::optim::Adam optimizer;
  Progress progress;

  Trainer(const TrainingOptions& o, const chip::ImageSet& images)
      : options(o),
        training(images.slice(0, images.size() - static_cast<size_t>(o.validation_images))),
        validation(images.slice(training.size(), images.size())),
        network(o, images.height, images.width),
        optimizer(network.parameters(), torch::optim::AdamOptions(o.learning_rate)),
        progress("train", batches_per_epoch() * static_cast<size_t>(o.epochs)) {}

  RandomStream stream(Stream kind, int epoch, size_t index) const {
    return {options.seed, kind, static_cast<std::uint32_t>(epoch),
            static_cast<std::uint32_t>(index), Purpose::training};
  }
  size_t batches_per_epoch() const {
    return (training.size() + static_cast<size_t>(options.batch) - 1) /
           static_cast<size_t>(options.batch);
  }

  void run_epoch(int epoch, const std::string& note) {
    const std::vector<size_t> order = shuffled(training.size(), stream(order_stream, epoch, 0));
    const auto size = static_cast<size_t>(options.batch);
    const double warm = options.noise_warmup_epochs > 0
                            ? std::min(1.0, (epoch + 1.0) / (options.noise_warmup_epochs + 1.0))
                            : 1.0;
    for (size_t b = 0; b < batches_per_epoch(); ++b) {
      const double done =
          (epoch + static_cast<double>(b) / static_cast<double>(batches_per_epoch())) /
          options.epochs;
      const double rate = half_cosine(options.learning_rate, options.final_learning_rate, done);
      for (auto& group : optimizer.param_groups())
        static_cast<torch::optim::AdamOptions&>(group.options()).lr(rate);
      const std::span<const size_t> chosen(order.data() + b * size,
                                           std::min(size, order.size() - b * size));
      std::vector<std::array<int, 2>> shifts(chosen.size());
      RandomStream moves = stream(shift_stream, epoch, b);
      const auto range = static_cast<std::uint32_t>(2 * options.shift + 1);
      for (auto& s : shifts)
        s = {static_cast<int>(moves.below(range)) - options.shift,
             static_cast<int>(moves.below(range)) - options.shift};
      const Batch batch = make_batch(training, chosen, shifts, options.input_bits);
      RandomStream noise = stream(noise_stream, epoch, b);
      optimizer.zero_grad();
      const torch::Tensor loss = torch::cross_entropy_loss(
          network.forward(batch.images, options.noise * warm, noise), batch.labels);
      loss.backward();
      optimizer.step();
      network.limit_parameters(options.weight_clip);
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
    now.validation_accuracy = share_right(network, validation, 0.0, unused, options.input_bits);
    for (int draw = 0; draw < options.selection_draws; ++draw) {
      RandomStream random = stream(validation_stream, 1,
                                   static_cast<size_t>(draw));  // the same draws for every epoch
      now.noisy_accuracy +=
          share_right(network, validation, options.selection_noise, random, options.input_bits) /
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

std::vector<torch::Tensor> copies(const std::vector<torch::Tensor>& tensors) {
  std::vector<torch::Tensor> result;
  for (const torch::Tensor& t : tensors) result.push_back(t.detach().clone());
  return result;
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
  if (load_checkpoint(checkpoint, key, state, trainer.network.parameters(), trainer.optimizer)) {
    trainer.progress.advance(trainer.batches_per_epoch() * static_cast<size_t>(state.epochs_done),
                             "resumed");
  }
  const int last =
      epochs_now > 0 ? std::min(options.epochs, state.epochs_done + epochs_now) : options.epochs;
  std::string note;
  for (int epoch = state.epochs_done; epoch < last; ++epoch) {
    trainer.run_epoch(epoch, note);
    const TrainingResult now = trainer.validate(epoch);
    if (now.noisy_accuracy > state.chosen.noisy_accuracy || state.best.empty()) {
      state.chosen = now;
      state.best = copies(trainer.network.parameters());
    }
    state.epochs_done = epoch + 1;
    save_checkpoint(checkpoint, key, state, trainer.network.parameters(), trainer.optimizer);
    note = fmt::format("epoch {}: validation {:.2f} %, with {:.0f} % noise {:.2f} %", epoch + 1,
                       100 * now.validation_accuracy, 100 * options.selection_noise,
                       100 * now.noisy_accuracy);
  }
  if (last == options.epochs) {
    trainer.network.set_parameters(state.best);
    chip::write_onnx(to_onnx(trainer.network, options, state.chosen, images), out);
  }
  trainer.progress.finish(note);
  state.chosen.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return state.chosen;
}

}  // namespace mho::train
