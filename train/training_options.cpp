#include "train/training_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace mho::train {

TrainingOptions read_training_options(TomlFile& file) {
  TrainingOptions o;
  o.layers = file.text_list("network.layers", {});
  const auto whole = [&](std::string_view key, int fallback, int min, int max) {
    return static_cast<int>(file.integer(key, fallback, min, max));
  };
  o.input_bits = whole("network.input_bits", o.input_bits, 1, 7);
  o.activation_bits = whole("network.activation_bits", o.activation_bits, 1, 7);
  o.initial_clip = file.number("network.initial_clip", o.initial_clip, "1", 1e-3, 1e3);
  o.seed = static_cast<std::uint64_t>(file.integer("training.seed", 1, 0, 1ll << 62));
  o.epochs = whole("training.epochs", o.epochs, 1, 10000);
  o.batch = whole("training.batch", o.batch, 1, 100000);
  o.learning_rate = file.number("training.learning_rate", o.learning_rate, "1", 0, 1);
  o.final_learning_rate =
      file.number("training.final_learning_rate", o.final_learning_rate, "1", 0, 1);
  o.noise = file.number("training.noise", o.noise, "1", 0, 1);
  o.noise_warmup_epochs = whole("training.noise_warmup_epochs", o.noise_warmup_epochs, 0, 10000);
  o.weight_clip = file.number("training.weight_clip", o.weight_clip, "1", 0, 100);
  o.shift = whole("training.shift", o.shift, 0, 8);
  o.validation_images = whole("training.validation_images", o.validation_images, 1, 1000000);
  o.selection_noise = file.number("training.selection_noise", o.selection_noise, "1", 0, 1);
  o.selection_draws = whole("training.selection_draws", o.selection_draws, 1, 100);
  o.threads = whole("training.threads", o.threads, 1, 256);
  file.finish();
  parse_layers(o.layers, file.path());
  return o;
}

std::vector<Layer> parse_layers(const std::vector<std::string>& layers, const std::string& file) {
  std::vector<Layer> result;
  for (const std::string& text : layers) {
    const size_t space = std::min(text.find(' '), text.size());
    const std::string kind = text.substr(0, space);
    const char* end = text.data() + text.size();
    int outputs = 0;
    if (space < text.size() && std::from_chars(text.data() + space + 1, end, outputs).ptr != end)
      outputs = 0;
    if (text == "pool") {
      result.push_back({Layer::Kind::pool, 0});
    } else if (kind == "conv" && outputs > 0) {
      result.push_back({Layer::Kind::conv, outputs});
    } else if (kind == "dense" && outputs > 0) {
      result.push_back({Layer::Kind::dense, outputs});
    } else {
      throw ConfigError(
          file, 0, "network.layers",
          fmt::format("'{}' is not a layer; expected \"conv N\", \"pool\" or \"dense N\"", text));
    }
    const size_t n = result.size();
    if (n > 1 && result[n - 2].kind == Layer::Kind::dense &&
        result[n - 1].kind != Layer::Kind::dense) {
      throw ConfigError(file, 0, "network.layers",
                        fmt::format("'{}' follows a dense layer; only dense layers may", text));
    }
  }
  if (result.empty() || result.front().kind == Layer::Kind::pool ||
      result.back().kind != Layer::Kind::dense) {
    throw ConfigError(
        file, 0, "network.layers",
        "expected a list that begins with \"conv N\" or \"dense N\" and ends with \"dense N\"");
  }
  return result;
}

std::string TrainingOptions::summary() const {
  return fmt::format(
      "layers {}; input_bits {}; activation_bits {}; initial_clip {}; seed {}; epochs {}; batch "
      "{}; learning_rate {} to {}; noise {}; "
      "noise_warmup_epochs {}; weight_clip {}; shift {}; validation_images {}; selection_noise {}; "
      "selection_draws {}; threads {}",
      fmt::join(layers, ", "), input_bits, activation_bits, initial_clip, seed, epochs, batch,
      learning_rate, final_learning_rate, noise, noise_warmup_epochs, weight_clip, shift,
      validation_images, selection_noise, selection_draws, threads);
}

}  // namespace mho::train
