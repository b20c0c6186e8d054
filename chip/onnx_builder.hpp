// For tests: small ONNX models, node after node, with random weights.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "chip/dataset.hpp"
#include "chip/onnx_model.hpp"
#include "core/random.hpp"

namespace mho::chip {

class OnnxBuilder {
 public:
  using Integers = std::vector<std::int64_t>;

  OnnxBuilder(int height, int width, std::uint64_t seed, int channels = 1)
      : random_(seed, 0, 0, 0, Purpose::test), last_("image") {
    model.path = "test.onnx";
    model.inputs = {{"image", {-1, channels, height, width}}};
    model.outputs = {{last_, {-1, -1}}};
    quantize(1.0f, 3);
  }

  OnnxBuilder& node(const std::string& type, std::vector<std::string> constants = {},
                    std::map<std::string, OnnxAttribute> attributes = {}) {
    const std::string name = type + std::to_string(model.nodes.size());
    constants.insert(constants.begin(), last_);
    last_ = name + "_out";
    model.nodes.push_back({name, type, std::move(constants), {last_}, std::move(attributes)});
    model.outputs[0].name = last_;
    return *this;
  }
  OnnxBuilder& quantize(float limit, int bits, bool is_signed = false) {
    const float lsb = limit / static_cast<float>((1 << (is_signed ? bits - 1 : bits)) - 1);
    node("Clip", {number(is_signed ? -limit : 0.0f), number(limit)});
    const std::string zero =
        add(OnnxTensor::of_integers(is_signed ? ElementType::int8 : ElementType::uint8, {}, {0}));
    return node("QuantizeLinear", {number(lsb), zero})
        .node("DequantizeLinear", {number(lsb), zero});
  }
  OnnxBuilder& conv(int channels, int outputs, Integers kernel, Integers strides, Integers pads) {
    const std::string weights = normal({outputs, channels, kernel[0], kernel[1]}),
                      bias = normal({outputs});
    return node("Conv", {weights, bias},
                {{"kernel_shape", kernel}, {"strides", strides}, {"pads", pads}});
  }
  OnnxBuilder& pool(Integers kernel, Integers strides, Integers pads, bool ceil_mode) {
    return node("MaxPool", {},
                {{"kernel_shape", kernel},
                 {"strides", strides},
                 {"pads", pads},
                 {"ceil_mode", std::int64_t{ceil_mode}}});
  }
  OnnxBuilder& dense(int inputs, int outputs) {
    const std::string weights = normal({outputs, inputs}), bias = normal({outputs});
    return node("Gemm", {weights, bias}, {{"transB", std::int64_t{1}}});
  }

  // The value that the next node reads.
  const std::string& last() const { return last_; }
  OnnxBuilder& from(const std::string& value) {
    last_ = value;
    return *this;
  }
  std::string number(float x) { return add(OnnxTensor::of_floats({}, {x})); }
  std::string normal(Integers shape) {
    OnnxTensor t = OnnxTensor::of_floats(std::move(shape), {});
    for (size_t i = t.size(); i > 0; --i) t.floats.push_back(static_cast<float>(random_.normal()));
    return add(std::move(t));
  }
  std::string add(OnnxTensor tensor) {
    const std::string name = "constant" + std::to_string(model.constants.size());
    model.constants[name] = std::move(tensor);
    return name;
  }

  OnnxModel model;

 private:
  RandomStream random_;
  std::string last_;
};

// Sequences of normal features.
inline ImageSet random_sequences(int frames, int channels, size_t count, std::uint64_t seed) {
  RandomStream random(seed, 0, 0, 0, Purpose::inputs);
  ImageSet set{.channels = channels, .height = frames, .width = 1, .pixels = {}, .labels = std::vector<std::uint8_t>(count), .source = "random"};
  for (size_t i = 0; i < count * set.elements(); ++i) set.features.push_back(static_cast<float>(random.normal()));
  return set;
}

// Images of random pixels, a third of them 0.
inline ImageSet random_images(int height, int width, size_t count, std::uint64_t seed, int channels = 1) {
  RandomStream random(seed, 0, 0, 0, Purpose::inputs);
  ImageSet set{.channels = channels,
               .height = height,
               .width = width,
               .pixels = {},
               .labels = std::vector<std::uint8_t>(count),
               .source = "random"};
  for (size_t i = 0; i < count * set.elements(); ++i) {
    set.pixels.push_back(random.below(3) == 0 ? std::uint8_t{0}
                                              : static_cast<std::uint8_t>(random.below(256)));
  }
  return set;
}

}  // namespace mho::chip
