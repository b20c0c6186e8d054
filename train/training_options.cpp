#include "train/training_options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

namespace mho::train {

TrainingOptions read_training_options(TomlFile& file) {
  TrainingOptions o;
  o.data_set = chip::data_set(file.choice("data.set", "mnist", {"mnist", "cifar10"}));
  o.layers = file.text_list("network.layers", {});
  const auto whole = [&](std::string_view key, int fallback, int min, int max) {
    return static_cast<int>(file.integer(key, fallback, min, max));
  };
  o.input_bits = whole("network.input_bits", o.input_bits, 1, 7);
  o.activation_bits = whole("network.activation_bits", o.activation_bits, 1, 7);
  o.input_full_scale = file.number("network.input_full_scale", o.input_full_scale, "1", 1e-3, 1);
  o.average_bits = whole("network.average_bits", o.average_bits, 1, 7);
  o.batch_normalization = file.boolean("network.batch_normalization", o.batch_normalization);
  o.initial_clip = file.number("network.initial_clip", o.initial_clip, "1", 1e-3, 1e3);
  o.initial_average_clip = file.number("network.initial_average_clip", o.initial_clip, "1", 1e-3, 1e3);
  o.seed = static_cast<std::uint64_t>(file.integer("training.seed", 1, 0, 1ll << 62));
  o.epochs = whole("training.epochs", o.epochs, 1, 10000);
  o.batch = whole("training.batch", o.batch, 1, 100000);
  o.learning_rate = file.number("training.learning_rate", o.learning_rate, "1", 0, 1);
  o.final_learning_rate =
      file.number("training.final_learning_rate", o.final_learning_rate, "1", 0, 1);
  o.warmup_epochs = file.number("training.warmup_epochs", o.warmup_epochs, "1", 0, 10000);
  o.weight_decay = file.number("training.weight_decay", o.weight_decay, "1", 0, 1);
  o.folded_epochs = whole("training.folded_epochs", o.folded_epochs, 0, o.epochs);
  o.noise = file.number("training.noise", o.noise, "1", 0, 1);
  o.noise_by_column = file.choice("training.noise_scale", "layer", {"layer", "column"}) == "column";
  o.noise_warmup_epochs = whole("training.noise_warmup_epochs", o.noise_warmup_epochs, 0, 10000);
  o.weight_clip = file.number("training.weight_clip", o.weight_clip, "1", 0, 100);
  o.bias_rows = file.number("training.bias_rows", o.bias_rows, "1", 0.1, 100);
  o.flip = file.boolean("training.flip", o.flip);
  o.shift = whole("training.shift", o.shift, 0, 8);
  o.validation_images = whole("training.validation_images", o.validation_images, 1, 1000000);
  o.selection_noise = file.number("training.selection_noise", o.selection_noise, "1", 0, 1);
  o.selection_draws = whole("training.selection_draws", o.selection_draws, 1, 100);
  o.threads = whole("training.threads", o.threads, 1, 256);
  file.finish();
  parse_layers(o.layers, file.path());
  return o;
}

namespace {

// The number after `prefix`, or 0.
int number_after(std::string_view text, std::string_view prefix) {
  int value = 0;
  if (!text.starts_with(prefix)) return 0;
  const char* end = text.data() + text.size();
  return std::from_chars(text.data() + prefix.size(), end, value).ptr == end ? std::max(value, 0) : 0;
}

// A layer of no kind's outputs is one that was not understood.
std::optional<Layer> parse_layer(std::string_view text) {
  if (text == "pool") return Layer{Layer::Kind::pool};
  if (text == "average") return Layer{Layer::Kind::average};
  if (const int n = number_after(text, "dense "); n > 0) return Layer{Layer::Kind::dense, n};
  int stride = 1;
  if (const size_t slash = text.find(" /"); slash != std::string_view::npos) {
    stride = number_after(text.substr(slash), " /");
    text = text.substr(0, slash);
  }
  if (const int n = number_after(text, "conv "); n > 0 && stride > 0) return Layer{Layer::Kind::conv, n, stride};
  if (const int n = number_after(text, "block "); n > 0 && stride > 0) return Layer{Layer::Kind::block, n, stride};
  return std::nullopt;
}

bool flattens(Layer::Kind kind) { return kind == Layer::Kind::dense || kind == Layer::Kind::average; }

}  // namespace

std::vector<Layer> parse_layers(const std::vector<std::string>& layers, const std::string& file) {
  std::vector<Layer> result;
  const auto error = [&](const std::string& what) { return ConfigError(file, 0, "network.layers", what); };
  for (const std::string& text : layers) {
    const std::optional<Layer> layer = parse_layer(text);
    if (!layer)
      throw error(fmt::format("'{}' is not a layer; expected \"conv N\", \"conv N /STRIDE\", \"block N\", \"block N /STRIDE\", \"pool\", \"average\" or \"dense N\"", text));
    if (!result.empty() && flattens(result.back().kind) && layer->kind != Layer::Kind::dense)
      throw error(fmt::format("'{}' follows a dense layer or an average; only dense layers may", text));
    result.push_back(*layer);
  }
  const auto has_matrix = [](const Layer& layer) { return layer.kind == Layer::Kind::conv || layer.kind == Layer::Kind::dense; };
  if (result.empty() || !has_matrix(result.front()) || result.back().kind != Layer::Kind::dense)
    throw error("expected a list that begins with \"conv N\" or \"dense N\" and ends with \"dense N\"");
  return result;
}

std::string TrainingOptions::summary() const {
  std::string text = fmt::format(
      "layers {}; input_bits {}; activation_bits {}; initial_clip {}; seed {}; epochs {}; batch "
      "{}; learning_rate {} to {}; noise {}; "
      "noise_warmup_epochs {}; weight_clip {}; shift {}; validation_images {}; selection_noise {}; "
      "selection_draws {}; threads {}",
      fmt::join(layers, ", "), input_bits, activation_bits, initial_clip, seed, epochs, batch,
      learning_rate, final_learning_rate, noise, noise_warmup_epochs, weight_clip, shift,
      validation_images, selection_noise, selection_draws, threads);
  // Options that a network does without are left out, so that its text, and with it the file, stays the same when there are new ones.
  const TrainingOptions plain;
  const auto add = [&](std::string_view name, const auto& value, const auto& without) {
    if (value != without) text += fmt::format("; {} {}", name, value);
  };
  add("data_set", chip::data_set_names[static_cast<size_t>(data_set)], chip::data_set_names[0]);
  add("input_full_scale", input_full_scale, plain.input_full_scale);
  add("initial_average_clip", initial_average_clip, initial_clip);
  add("average_bits", average_bits, plain.average_bits);
  add("batch_normalization", batch_normalization, false);
  add("warmup_epochs", warmup_epochs, 0.0);
  add("weight_decay", weight_decay, 0.0);
  add("folded_epochs", folded_epochs, 0);
  add("noise_scale", noise_by_column ? "column" : "layer", std::string_view("layer"));
  add("bias_rows", bias_rows, plain.bias_rows);
  add("flip", flip, false);
  return text;
}

}  // namespace mho::train
