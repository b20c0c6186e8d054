#include "train/rbm_trainer.hpp"

#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>
#include <torch/torch.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <sstream>

#include "chip/image_recovery.hpp"
#include "chip/onnx_writer.hpp"
#include "core/cache.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "core/progress.hpp"
#include "core/random.hpp"
#include "train/shuffle.hpp"

namespace mho::train {
namespace {

// Streams of random numbers, told apart by their first index.
enum Stream : std::uint32_t { order_stream = 17, chain_stream, start_stream };

struct State {
  int epochs_done = 0;
  std::array<torch::Tensor, 3> values, velocities;  // visible × hidden weights, visible biases, hidden biases
};

struct Trainer {
  const RbmOptions& options;
  chip::ImageSet training, validation;
  torch::Tensor data;  // images × visible
  State state;
  Progress progress;

  Trainer(const RbmOptions& o, const chip::ImageSet& images)
      : options(o),
        training(images.slice(0, images.size() - static_cast<size_t>(o.validation_images))),
        validation(images.slice(training.size(), images.size())),
        progress("train", batches() * static_cast<size_t>(o.epochs)) {
    const chip::InputCodes codes = chip::visible_codes(training, o.visible_bits);
    data = torch::empty({codes.cols(), codes.rows()});
    Eigen::Map<Eigen::MatrixXf>(data.data_ptr<float>(), codes.rows(), codes.cols()) = codes.cast<float>() / static_cast<float>((1 << o.visible_bits) - 1);
    const std::int64_t visible = codes.rows(), hidden = o.hidden;
    state.values = {torch::empty({visible, hidden}), torch::zeros({visible}), torch::zeros({hidden})};
    RandomStream random = stream(start_stream, 0, 0);
    float* w = state.values[0].data_ptr<float>();
    for (std::int64_t i = 0; i < state.values[0].numel(); ++i) w[i] = static_cast<float>(0.01 * random.normal());
    for (size_t i = 0; i < 3; ++i) state.velocities[i] = torch::zeros_like(state.values[i]);
  }

  RandomStream stream(Stream kind, int epoch, size_t index) const {
    return {options.seed, kind, static_cast<std::uint32_t>(epoch), static_cast<std::uint32_t>(index), Purpose::training};
  }
  size_t batches() const { return (training.size() + static_cast<size_t>(options.batch) - 1) / static_cast<size_t>(options.batch); }

  void step(const torch::Tensor& v0, int epoch, at::Generator generator) {
    const double momentum = epoch < options.momentum_epoch ? options.first_momentum : options.momentum;
    const auto count = static_cast<double>(v0.size(0));
    constexpr std::array<double, 3> rows_of{1, 2, 4};
    std::array<torch::Tensor, 3> noisy;
    for (size_t i = 0; i < 3; ++i)
      noisy[i] = options.noise > 0 ? at::empty_like(state.values[i]).normal_(0.0, options.noise * rows_of[i], generator).add_(state.values[i]) : state.values[i];
    const torch::Tensor transposed = noisy[0].t();
    const auto sample = [&](const torch::Tensor& p) { return p.gt(at::empty_like(p).uniform_(0, 1, generator)).to(torch::kFloat32); };
    const auto hidden = [&](const torch::Tensor& v) { return at::addmm(noisy[2], v, noisy[0]).sigmoid_(); };
    const torch::Tensor p0 = hidden(v0);
    torch::Tensor v = v0, p = p0;
    for (int k = 0; k < options.steps; ++k) {
      v = at::addmm(noisy[1], sample(p), transposed).sigmoid_();
      if (options.sample_visible) v = sample(v);
      p = hidden(v);
    }
    const std::array<torch::Tensor, 3> ascent{at::mm(v0.t(), p0).sub_(at::mm(v.t(), p)), (v0 - v).sum(0), (p0 - p).sum(0)};
    for (size_t i = 0; i < 3; ++i) {
      state.velocities[i].mul_(momentum).add_(ascent[i], options.learning_rate / count);
      if (i == 0) state.velocities[0].sub_(state.values[0], options.learning_rate * options.weight_decay);
      const double limit = options.weight_limit * rows_of[i] * rows_of[i];
      state.values[i].add_(state.velocities[i]).clamp_(-limit, limit);
    }
  }

  void run_epoch(int epoch, const std::string& note) {
    const std::vector<size_t> shuffle = shuffled(training.size(), stream(order_stream, epoch, 0));
    const torch::Tensor order = torch::tensor(std::vector<std::int64_t>(shuffle.begin(), shuffle.end()));
    for (size_t b = 0; b < batches(); ++b) {
      RandomStream seeds = stream(chain_stream, epoch, b);
      const std::uint64_t high = seeds.next_u32();
      const at::Generator generator = at::detail::createCPUGenerator(high << 32 | seeds.next_u32());
      const auto first = static_cast<std::int64_t>(b) * options.batch;
      step(data.index_select(0, order.slice(0, first, first + options.batch)), epoch, generator);
      progress.advance(1, note);
      throw_if_interrupted();
    }
    if (!state.values[0].isfinite().all().item<bool>()) throw NumericalError("training diverged: a weight is not finite; lower training.learning_rate");
  }

  chip::Rbm machine() const {
    chip::Rbm rbm;
    const torch::Tensor &w = state.values[0], &b = state.values[1], &c = state.values[2];
    rbm.weights = Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(w.data_ptr<float>(), w.size(0), w.size(1));
    rbm.visible_bias = Eigen::Map<const Eigen::VectorXf>(b.data_ptr<float>(), b.size(0));
    rbm.hidden_bias = Eigen::Map<const Eigen::VectorXf>(c.data_ptr<float>(), c.size(0));
    return rbm;
  }
};

chip::CorruptedImages corrupted(const Trainer& trainer, chip::Corruption corruption) {
  return chip::corrupt(trainer.validation, corruption, chip::mean_grey(trainer.training), trainer.options.seed);
}

double recovery_error(const chip::Rbm& rbm, const RbmOptions& options, const chip::CorruptedImages& images) {
  return chip::recover(chip::SoftwareRbm(rbm, options.visible_bits), {}, images,
                       {.visible_bits = options.visible_bits, .sample_visible = options.sample_visible, .seed = options.seed, .threads = options.threads})
      .error();
}

std::string key_of(const RbmOptions& options, const chip::ImageSet& images) {
  return CacheKey("rbm training").add("options", options.summary()).add_bytes("pixels", images.pixels.data(), images.pixels.size()).add_bytes("labels", images.labels.data(), images.labels.size()).hex();
}

void save(const std::string& path, const std::string& key, const State& state) {
  torch::serialize::OutputArchive archive;
  archive.write("key", c10::IValue(key));
  archive.write("epochs_done", c10::IValue(static_cast<std::int64_t>(state.epochs_done)));
  for (size_t i = 0; i < 3; ++i) {
    archive.write(fmt::format("value{}", i), state.values[i]);
    archive.write(fmt::format("velocity{}", i), state.velocities[i]);
  }
  std::ostringstream bytes;
  archive.save_to(bytes);
  write_text_file(path, bytes.str());
}

// False when there is no checkpoint with this key.
bool load(const std::string& path, const std::string& key, State& state) {
  if (!std::filesystem::exists(path)) return false;
  try {
    torch::serialize::InputArchive archive;
    archive.load_from(path);
    c10::IValue value;
    archive.read("key", value);
    if (value.toStringRef() != key) return false;
    archive.read("epochs_done", value);
    state.epochs_done = static_cast<int>(value.toInt());
    for (size_t i = 0; i < 3; ++i) {
      archive.read(fmt::format("value{}", i), state.values[i]);
      archive.read(fmt::format("velocity{}", i), state.velocities[i]);
    }
    return true;
  } catch (const c10::Error&) {
    throw IoError(path, "is not a checkpoint of this program or is damaged; remove it to train from the start");
  }
}

}  // namespace

RbmResult train_rbm(const RbmOptions& options, const chip::ImageSet& images, const std::string& out, int epochs_now) {
  const auto started = std::chrono::steady_clock::now();
  if (images.size() <= static_cast<size_t>(options.validation_images))
    throw ConfigError(images.source, 0, "", fmt::format("holds {} images, but {} are set aside for validation (training.validation_images)", images.size(), options.validation_images));
  make_output_folder(std::filesystem::absolute(out).parent_path().string());  // now, not after the first epoch
  at::set_num_threads(options.threads);
  const torch::NoGradGuard guard;
  const std::string key = key_of(options, images), checkpoint = out + ".checkpoint";
  Trainer trainer(options, images);
  if (load(checkpoint, key, trainer.state)) trainer.progress.advance(trainer.batches() * static_cast<size_t>(trainer.state.epochs_done), "resumed");
  const int last = epochs_now > 0 ? std::min(options.epochs, trainer.state.epochs_done + epochs_now) : options.epochs;
  const chip::CorruptedImages flips = corrupted(trainer, chip::Corruption::flips), third = corrupted(trainer, chip::Corruption::bottom_third);
  RbmResult result{.initial_flips = flips.error, .initial_bottom_third = third.error};
  std::string note;
  for (int epoch = trainer.state.epochs_done; epoch < last; ++epoch) {
    trainer.run_epoch(epoch, note);
    trainer.state.epochs_done = epoch + 1;
    save(checkpoint, key, trainer.state);
    note = fmt::format("epoch {}: flips {:.2f} -> {:.3f}", epoch + 1, flips.error, recovery_error(trainer.machine(), options, flips));
  }
  chip::Rbm rbm = trainer.machine();
  result.error_flips = recovery_error(rbm, options, flips), result.error_bottom_third = recovery_error(rbm, options, third);
  if (last == options.epochs) {
    rbm.metadata = {{"mho.input", fmt::format("pixels / 255 as codes of {} bits / {}, then one of {} label units", options.visible_bits, (1 << options.visible_bits) - 1, chip::Rbm::labels)},
                    {"mho.data_set", fmt::format("{}: {} training and {} validation images", std::filesystem::path(images.source).filename().string(), trainer.training.size(), options.validation_images)},
                    {"mho.training", options.summary()},
                    {"mho.validation_error_flips", fmt::format("{:.3f} of {:.3f}", result.error_flips, result.initial_flips)},
                    {"mho.validation_error_bottom_third", fmt::format("{:.3f} of {:.3f}", result.error_bottom_third, result.initial_bottom_third)}};
    chip::write_onnx(chip::to_onnx(rbm), out);
  }
  trainer.progress.finish(note);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  return result;
}

void noise_grid(const RbmOptions& options, const chip::ImageSet& images, const std::string& out, const std::string& csv) {
  std::string text = "training_noise[1],test_noise[1],error_flips[1],draws[1],epochs[1],images[1]\n";
  for (const double level : options.grid_training_noise) {
    RbmOptions trained = options;
    trained.noise = level, trained.epochs = options.grid_epochs;
    const std::string file = fmt::format("{}.noise{}", out, level);
    train_rbm(trained, images, file);
    const Trainer trainer(trained, images);
    const chip::CorruptedImages flips = corrupted(trainer, chip::Corruption::flips);
    const chip::Rbm rbm = chip::read_rbm(file);
    std::string line = fmt::format("training noise {:.2f}:", level);
    for (const double test : options.grid_test_noise) {
      double error = 0;
      for (int draw = 0; draw < options.grid_draws; ++draw)
        error += recovery_error(chip::with_noise(rbm, test, options.seed, static_cast<std::uint32_t>(draw)), trained, flips) / options.grid_draws;
      text += fmt::format("{},{},{:.4f},{},{},{}\n", level, test, error, options.grid_draws, trained.epochs, trainer.validation.size());
      line += fmt::format(" {:.3f}", error);
      throw_if_interrupted();
    }
    fmt::print("{}\n", line);
    std::fflush(stdout);
    write_text_file(csv, text);  // what there is, after each row
  }
}

}  // namespace mho::train
