// Nodes of a trained network, written one after another.
#pragma once
#include <torch/torch.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "chip/onnx_model.hpp"

namespace mho::train {

inline chip::OnnxTensor constant_of(const torch::Tensor& tensor) {
  const torch::Tensor t = tensor.detach().contiguous();
  return chip::OnnxTensor::of_floats(t.sizes().vec(), {t.data_ptr<float>(), t.data_ptr<float>() + t.numel()});
}

struct GraphWriter {
  chip::OnnxModel model;

  // Returns the name of the node's output, name_out.
  std::string add(const std::string& name, const std::string& type, std::vector<std::string> inputs, std::map<std::string, chip::OnnxAttribute> attributes = {}) {
    model.nodes.push_back({name, type, std::move(inputs), {name + "_out"}, std::move(attributes)});
    return name + "_out";
  }
  std::string constant(const std::string& name, chip::OnnxTensor tensor) {
    model.constants[name] = std::move(tensor);
    return name;
  }
  // Codes whose largest is worth `limit`, and back. Limits are not set: a Clip before it does.
  std::string quantizer(const std::string& name, const std::string& value, float limit, int bits, bool is_signed) {
    const std::string zero = constant("zero_point", chip::OnnxTensor::of_integers(is_signed ? chip::ElementType::int8 : chip::ElementType::uint8, {}, {0}));
    const std::string lsb = constant(name + "_lsb", chip::OnnxTensor::of_floats({}, {limit / static_cast<float>((1 << (is_signed ? bits - 1 : bits)) - 1)}));
    return add(name + "_dequantize", "DequantizeLinear", {add(name + "_quantize", "QuantizeLinear", {value, lsb, zero}), lsb, zero});
  }
};

}  // namespace mho::train
