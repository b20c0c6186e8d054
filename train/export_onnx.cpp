#include "train/export_onnx.hpp"

#include <fmt/format.h>

#include <filesystem>

namespace mho::train {
namespace {

using chip::ElementType;
using chip::OnnxNode;
using chip::OnnxTensor;

OnnxTensor constant_of(const torch::Tensor& tensor) {
  const torch::Tensor t = tensor.detach().contiguous();
  const float* values = t.data_ptr<float>();
  return OnnxTensor::of_floats(t.sizes().vec(), std::vector<float>(values, values + t.numel()));
}

// Appends nodes one after the other, each reading the last one's output.
struct GraphWriter {
  chip::OnnxModel model;
  std::string last;

  void add(OnnxNode node) {
    node.inputs.insert(node.inputs.begin(), last);
    last = node.name + "_out";
    node.outputs = {last};
    model.nodes.push_back(std::move(node));
  }
  // Clip to 0 … limit, then codes of limit / (2^bits − 1) and back.
  void add_quantizer(const std::string& name, float limit, int bits) {
    model.constants["zero"] = OnnxTensor::of_floats({}, {0.0f});
    model.constants["zero_point"] = OnnxTensor::of_integers(ElementType::uint8, {}, {0});
    model.constants[name + "_limit"] = OnnxTensor::of_floats({}, {limit});
    model.constants[name + "_lsb"] =
        OnnxTensor::of_floats({}, {limit / static_cast<float>((1 << bits) - 1)});
    add({.name = name + "_clip",
         .type = "Clip",
         .inputs = {"zero", name + "_limit"},
         .outputs = {},
         .attributes = {}});
    for (const std::string type : {"QuantizeLinear", "DequantizeLinear"}) {
      add({.name = name + (type[0] == 'Q' ? "_quantize" : "_dequantize"),
           .type = type,
           .inputs = {name + "_lsb", "zero_point"},
           .outputs = {},
           .attributes = {}});
    }
  }
};

using Integers = std::vector<std::int64_t>;

}  // namespace

chip::OnnxModel to_onnx(const QuantizedCnn& network, const TrainingOptions& options,
                        const TrainingResult& result, const chip::ImageSet& images) {
  GraphWriter graph;
  graph.last = "image";
  graph.model.inputs = {{"image", {-1, 1, network.height, network.width}}};
  graph.add_quantizer("image", 1.0f, options.input_bits);
  size_t m = 0;
  int convs = 0, pools = 0, denses = 0;
  for (const Layer& layer : network.layers) {
    if (layer.kind == Layer::Kind::pool) {
      graph.add({.name = fmt::format("pool{}", ++pools),
                 .type = "MaxPool",
                 .inputs = {},
                 .outputs = {},
                 .attributes = {{"kernel_shape", Integers{2, 2}},
                                {"strides", Integers{2, 2}},
                                {"ceil_mode", std::int64_t{1}}}});
      continue;
    }
    const bool conv = layer.kind == Layer::Kind::conv;
    const std::string name =
        conv ? fmt::format("conv{}", ++convs) : fmt::format("dense{}", ++denses);
    if (denses == 1)
      graph.add({.name = "flatten",
                 .type = "Flatten",
                 .inputs = {},
                 .outputs = {},
                 .attributes = {{"axis", std::int64_t{1}}}});
    graph.model.constants[name + "_weights"] = constant_of(network.weights[m]);
    graph.model.constants[name + "_bias"] = constant_of(network.biases[m]);
    OnnxNode node{.name = name,
                  .type = conv ? "Conv" : "Gemm",
                  .inputs = {name + "_weights", name + "_bias"},
                  .outputs = {},
                  .attributes = {}};
    if (conv) {
      node.attributes = {{"kernel_shape", Integers{3, 3}},
                         {"pads", Integers{1, 1, 1, 1}},
                         {"strides", Integers{1, 1}}};
    } else {
      node.attributes = {{"transB", std::int64_t{1}}};
    }
    graph.add(std::move(node));
    if (m < network.clips.size())
      graph.add_quantizer(name, network.clips[m].item<float>(), options.activation_bits);
    ++m;
  }
  graph.model.outputs = {{graph.last, {-1, network.layers.back().outputs}}};
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
