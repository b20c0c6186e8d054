#include "train/speech_options.hpp"

#include <fmt/format.h>

namespace mho::train {

SpeechOptions read_speech_options(TomlFile& file) {
  SpeechOptions o;
  const auto whole = [&](std::string_view key, int fallback, int min, int max) { return static_cast<int>(file.integer(key, fallback, min, max)); };
  o.cells = whole("network.cells", o.cells, 1, 64);
  o.hidden = whole("network.hidden", o.hidden, 1, 4096);
  o.input_bits = whole("network.input_bits", o.input_bits, 2, 7);
  o.hidden_bits = whole("network.hidden_bits", o.hidden_bits, 2, 7);
  o.input_clip = file.number("network.input_clip", o.input_clip, "1", 0.1, 100);
  o.seed = static_cast<std::uint64_t>(file.integer("training.seed", 1, 0, 1ll << 62));
  o.epochs = whole("training.epochs", o.epochs, 1, 10000);
  o.batch = whole("training.batch", o.batch, 1, 100000);
  o.learning_rate = file.number("training.learning_rate", o.learning_rate, "1", 0, 1);
  o.final_learning_rate = file.number("training.final_learning_rate", o.final_learning_rate, "1", 0, 1);
  o.gradient_limit = file.number("training.gradient_limit", o.gradient_limit, "1", 1e-6, 1e6);
  o.noise = file.number("training.noise", o.noise, "1", 0, 1);
  o.noise_warmup_epochs = whole("training.noise_warmup_epochs", o.noise_warmup_epochs, 0, 10000);
  o.weight_clip = file.number("training.weight_clip", o.weight_clip, "1", 1e-3, 100);
  o.shift = whole("training.shift", o.shift, 0, 25);
  o.validation_clips = whole("training.validation_clips", o.validation_clips, 1, 1000000);
  o.selection_noise = file.number("training.selection_noise", o.selection_noise, "1", 0, 1);
  o.selection_draws = whole("training.selection_draws", o.selection_draws, 1, 100);
  o.threads = whole("training.threads", o.threads, 1, 256);
  file.finish();
  return o;
}

std::string SpeechOptions::summary() const {
  return fmt::format(
      "cells {}; hidden {}; input_bits {}; hidden_bits {}; input_clip {}; seed {}; epochs {}; batch {}; learning_rate {} to {}; gradient_limit {}; "
      "noise {}; noise_warmup_epochs {}; weight_clip {}; shift {}; validation_clips {}; selection_noise {}; selection_draws {}; threads {}",
      cells, hidden, input_bits, hidden_bits, input_clip, seed, epochs, batch, learning_rate, final_learning_rate, gradient_limit, noise,
      noise_warmup_epochs, weight_clip, shift, validation_clips, selection_noise, selection_draws, threads);
}

}  // namespace mho::train
