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

}  // namespace mho::chip
