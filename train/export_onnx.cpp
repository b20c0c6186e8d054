#include "train/export_onnx.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "core/errors.hpp"
#include "train/onnx_graph.hpp"

namespace mho::train {
namespace {

using chip::OnnxTensor;
using Integers = std::vector<std::int64_t>;

// Clip to 0 … limit, then codes of limit / (2^bits − 1) and back.
std::string add_codes(GraphWriter& graph, const std::string& name, const std::string& input, float limit, int bits) {
  const std::string zero = graph.constant("zero", OnnxTensor::of_floats({}, {0.0f})), most = graph.constant(name + "_limit", OnnxTensor::of_floats({}, {limit}));
  return graph.quantizer(name, graph.add(name + "_clip", "Clip", {input, zero, most}), limit, bits, false);
}

std::string add_matrix(GraphWriter& graph, const std::string& name, const Matrix& m, const std::string& input) {
  const std::vector<std::string> inputs{input, graph.constant(name + "_weights", constant_of(m.weights)), graph.constant(name + "_bias", constant_of(m.bias))};
  if (!m.is_conv()) return graph.add(name, "Gemm", inputs, {{"transB", std::int64_t{1}}});
  const std::int64_t side = m.weights.size(2), pad = side / 2, stride = m.stride;
  return graph.add(name, "Conv", inputs, {{"kernel_shape", Integers{side, side}}, {"pads", Integers{pad, pad, pad, pad}}, {"strides", Integers{stride, stride}}});
}

}  // namespace

chip::OnnxModel to_onnx(const QuantizedCnn& network, const TrainingOptions& options,
                        const TrainingResult& result, const chip::ImageSet& images) {
  MHO_ASSERT(!network.normalised());
  GraphWriter graph;
  graph.model.inputs = {{"image", {-1, network.channels, network.height, network.width}}};
  std::string x = add_codes(graph, "image", "image", static_cast<float>(options.input_full_scale), options.input_bits);
  size_t m = 0, clip = 0;
  int convs = 0, blocks = 0, pools = 0, denses = 0;
  const auto matrix = [&](const std::string& name, const std::string& input) { return add_matrix(graph, name, network.matrices[m++], input); };
  const auto codes = [&](const std::string& name, const std::string& input, int bits) {
    return add_codes(graph, name, input, network.clips[clip++].item<float>(), bits);
  };
  std::int64_t channels = network.channels;
  for (size_t i = 0; i < network.layers.size(); ++i) {
    const Layer& layer = network.layers[i];
    std::string name;
    switch (layer.kind) {
      case Layer::Kind::pool:
        x = graph.add(fmt::format("pool{}", ++pools), "MaxPool", {x},
                      {{"kernel_shape", Integers{2, 2}}, {"strides", Integers{2, 2}}, {"ceil_mode", std::int64_t{1}}});
        continue;
      case Layer::Kind::average:
        x = codes("average", graph.add("average", "GlobalAveragePool", {x}), network.average_bits);
        continue;
      case Layer::Kind::conv:
        name = fmt::format("conv{}", ++convs);
        x = matrix(name, x);
        break;
      case Layer::Kind::block: {
        name = fmt::format("block{}", ++blocks);
        const std::string inner = codes(name + "_conv1", matrix(name + "_conv1", x), network.activation_bits);
        const std::string sum = matrix(name + "_conv2", inner);
        const bool beside = layer.stride != 1 || channels != layer.outputs;
        x = graph.add(name + "_add", "Add", {sum, beside ? matrix(name + "_shortcut", x) : x});
        break;
      }
      case Layer::Kind::dense:
        name = fmt::format("dense{}", ++denses);
        if (denses == 1) x = graph.add("flatten", "Flatten", {x}, {{"axis", std::int64_t{1}}});
        x = matrix(name, x);
        break;
    }
    channels = layer.outputs;
    if (i + 1 < network.layers.size()) x = codes(name, x, network.activation_bits);
  }
  graph.model.outputs = {{x, {-1, network.layers.back().outputs}}};
  graph.model.metadata = {
      {"mho.input", "pixel / 255"},
      {"mho.data_set", fmt::format("{}: {} training and {} validation images",
                                   std::filesystem::path(images.source).filename().string(),
                                   images.size() - static_cast<size_t>(options.validation_images),
                                   options.validation_images)},
      {"mho.training", options.summary()},
      {"mho.epoch", fmt::format("{}", result.epoch)},
      {"mho.validation_accuracy", fmt::format("{:.4f}", result.validation_accuracy)},
      {"mho.validation_accuracy_with_noise",
       fmt::format("{:.4f} at {}", result.noisy_accuracy, options.selection_noise)},
  };
  return graph.model;
}

}  // namespace mho::train
