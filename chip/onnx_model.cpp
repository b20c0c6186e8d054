#include "chip/onnx_model.hpp"

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

}  // namespace mho::chip
