#include "train/rbm_options.hpp"

#include <fmt/format.h>

#include <charconv>

namespace mho::train {
namespace {

std::vector<double> noise_levels(TomlFile& file, std::string_view key, const std::vector<std::string>& fallback) {
  std::vector<double> levels;
  for (const std::string& text : file.text_list(key, fallback)) {
    double level = -1;
    if (std::from_chars(text.data(), text.data() + text.size(), level).ptr != text.data() + text.size() || !(level >= 0 && level <= 10))
      throw file.error(key, fmt::format("'{}' is not a noise level; expected numbers from 0 to 10 as text", text));
    levels.push_back(level);
  }
  return levels;
}

}  // namespace

RbmOptions read_rbm_options(TomlFile& file) {
  RbmOptions o;
  const auto whole = [&](std::string_view key, int fallback, int min, int max) { return static_cast<int>(file.integer(key, fallback, min, max)); };
  file.choice("task", "rbm", {"rbm"});
  o.hidden = whole("network.hidden", o.hidden, 1, 10000);
  o.visible_bits = whole("network.visible_bits", o.visible_bits, 1, 7);
  o.sample_visible = file.boolean("network.sample_visible", o.sample_visible);
  o.seed = static_cast<std::uint64_t>(file.integer("training.seed", 1, 0, 1ll << 62));
  o.epochs = whole("training.epochs", o.epochs, 1, 10000);
  o.batch = whole("training.batch", o.batch, 1, 100000);
  o.steps = whole("training.steps", o.steps, 1, 1000);
  o.learning_rate = file.number("training.learning_rate", o.learning_rate, "1", 0, 1);
  o.first_momentum = file.number("training.first_momentum", o.first_momentum, "1", 0, 0.999);
  o.momentum = file.number("training.momentum", o.momentum, "1", 0, 0.999);
  o.momentum_epoch = whole("training.momentum_epoch", o.momentum_epoch, 0, 10000);
  o.weight_decay = file.number("training.weight_decay", o.weight_decay, "1", 0, 1);
  o.weight_limit = file.number("training.weight_limit", o.weight_limit, "1", 1e-3, 1e3);
  o.noise = file.number("training.noise", o.noise, "1", 0, 10);
  o.validation_images = whole("training.validation_images", o.validation_images, 1, 1000000);
  o.threads = whole("training.threads", o.threads, 1, 256);
  o.grid_training_noise = noise_levels(file, "grid.training_noise", {"0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.35", "0.4"});
  o.grid_test_noise = noise_levels(file, "grid.test_noise", {"0", "0.05", "0.1", "0.15", "0.2"});
  o.grid_epochs = whole("grid.epochs", o.grid_epochs, 1, 10000);
  o.grid_draws = whole("grid.draws", o.grid_draws, 1, 1000);
  file.finish();
  return o;
}

std::string RbmOptions::summary() const {
  return fmt::format(
      "hidden {}; visible_bits {}; sample_visible {}; seed {}; epochs {}; batch {}; steps {}; learning_rate {}; first_momentum {}; momentum {}; momentum_epoch {}; "
      "weight_decay {}; weight_limit {}; noise {}; validation_images {}; threads {}",
      hidden, visible_bits, sample_visible, seed, epochs, batch, steps, learning_rate, first_momentum, momentum, momentum_epoch, weight_decay, weight_limit, noise,
      validation_images, threads);
}

}  // namespace mho::train
