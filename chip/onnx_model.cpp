#include "chip/onnx_model.hpp"

#include <algorithm>

namespace mho::chip {

OnnxTensor OnnxTensor::of_floats(std::vector<std::int64_t> shape, std::vector<float> values) {
  return {.type = ElementType::float32,
          .shape = std::move(shape),
          .floats = std::move(values),
          .integers = {}};
}

OnnxTensor OnnxTensor::of_integers(ElementType type, std::vector<std::int64_t> shape,
                                   std::vector<std::int64_t> values) {
  return {.type = type, .shape = std::move(shape), .floats = {}, .integers = std::move(values)};
}

size_t OnnxTensor::size() const {
  size_t n = 1;
  for (const std::int64_t d : shape) n *= static_cast<size_t>(d);
  return n;
}

int reader_count(const OnnxModel& model, const std::string& value) {
  int count = 0;
  for (const OnnxNode& node : model.nodes)
    count += static_cast<int>(std::count(node.inputs.begin(), node.inputs.end(), value));
  for (const OnnxValue& output : model.outputs) count += output.name == value ? 1 : 0;
  return count;
}

const OnnxNode* writer_of(const OnnxModel& model, const std::string& value) {
  for (const OnnxNode& node : model.nodes)
    for (const std::string& output : node.outputs)
      if (output == value && !value.empty()) return &node;
  return nullptr;
}

void erase_unread(OnnxModel& model, const std::string& value) {
  const OnnxNode* node = writer_of(model, value);
  if (!node) return;
  for (const std::string& output : node->outputs)
    if (reader_count(model, output) > 0) return;
  const std::vector<std::string> inputs = node->inputs;
  model.nodes.erase(model.nodes.begin() + (node - model.nodes.data()));
  for (const std::string& input : inputs) erase_unread(model, input);
}

}  // namespace mho::chip
