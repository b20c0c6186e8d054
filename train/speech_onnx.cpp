#include <fmt/format.h>

#include "chip/speech/mfcc.hpp"
#include "train/onnx_graph.hpp"
#include "train/speech_trainer.hpp"

namespace mho::train {

using chip::ElementType;
using chip::OnnxTensor;

chip::OnnxModel to_onnx(const SpeechLstm& network, const SpeechOptions& options, const FeatureScale& scale, const TrainingResult& result,
                        const chip::ImageSet& clips, const std::vector<std::string>& words) {
  GraphWriter graph;
  const std::vector<std::int64_t> channels{network.inputs};
  graph.model.inputs = {{"features", {-1, clips.height, network.inputs}}};
  std::string x = graph.add("centre", "Sub", {"features", graph.constant("mean", OnnxTensor::of_floats(channels, scale.mean))});
  x = graph.add("normalise", "Div", {x, graph.constant("deviation", OnnxTensor::of_floats(channels, scale.deviation))});
  const auto clip = static_cast<float>(network.input_clip);
  x = graph.add("input_clip", "Clip", {x, graph.constant("low", OnnxTensor::of_floats({}, {-clip})), graph.constant("high", OnnxTensor::of_floats({}, {clip}))});
  x = graph.quantizer("input", x, clip, options.input_bits, true);
  x = graph.add("frames_first", "Transpose", {x}, {{"perm", std::vector<std::int64_t>{1, 0, 2}}});
  const std::string first = graph.constant("first", OnnxTensor::of_integers(ElementType::int64, {1}, {0}));
  std::string sum;
  for (int cell = 0; cell < network.cells; ++cell) {
    const std::string name = fmt::format("lstm{}", cell + 1), dense = fmt::format("dense{}", cell + 1);
    const auto part = [&](const torch::Tensor& t) { return constant_of(t.narrow(0, cell, 1)); };
    const std::string w = graph.constant(name + "_w", part(network.input_weights)), r = graph.constant(name + "_r", part(network.hidden_weights));
    const std::string b = graph.constant(name + "_b", constant_of(torch::cat({network.input_bias.narrow(0, cell, 1), network.hidden_bias.narrow(0, cell, 1)}, 1)));
    graph.add(name, "LSTM", {x, w, r, b}, {{"hidden_size", std::int64_t{network.hidden}}});
    graph.model.nodes.back().outputs = {"", name + "_h"};
    std::string h = graph.add(name + "_squeeze", "Squeeze", {name + "_h", first});
    h = graph.quantizer(name, h, 1.0f, options.hidden_bits, true);
    const std::string weights = graph.constant(dense + "_weights", constant_of(network.output_weights[cell]));
    const std::string logits = graph.add(dense, "Gemm", {h, weights, graph.constant(dense + "_bias", constant_of(network.output_bias[cell]))}, {{"transB", std::int64_t{1}}});
    sum = cell == 0 ? logits : graph.add(fmt::format("sum{}", cell + 1), "Add", {sum, logits});
  }
  graph.model.outputs = {{sum, {-1, network.outputs}}};
  graph.model.metadata = {
      {"mho.input", chip::MfccOptions().summary()},
      {"mho.classes", fmt::format("{}", fmt::join(words, ", "))},
      {"mho.hidden_bits", std::to_string(options.hidden_bits)},
      {"mho.data_set", fmt::format("{} training and {} validation clips of {} words", clips.size() - static_cast<size_t>(options.validation_clips),
                                   options.validation_clips, words.size())},
      {"mho.training", options.summary()},
      {"mho.epoch", fmt::format("{}", result.epoch)},
      {"mho.validation_accuracy", fmt::format("{:.4f}", result.validation_accuracy)},
      {"mho.validation_accuracy_with_noise", fmt::format("{:.4f} at {}", result.noisy_accuracy, options.selection_noise)},
  };
  return graph.model;
}

}  // namespace mho::train
