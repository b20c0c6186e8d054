#include "chip/operators/operator.hpp"

#include <fmt/format.h>

namespace mho::chip {

ConfigError NodeReader::error(const std::string& what) const {
  return {model_.path, 0, fmt::format("node '{}' ({})", node_.name, node_.type), what};
}

const ValueInfo& NodeReader::codes_input() const {
  if (!input().is_codes() || !input().dequantised) {
    throw error(
        "its input is not in integer codes; put Clip, QuantizeLinear and DequantizeLinear before "
        "it");
  }
  return input();
}

const ValueInfo& NodeReader::floats_input() const {
  if (input().is_codes())
    throw error("its input is already in integer codes; it must come before QuantizeLinear");
  return input();
}

const OnnxTensor* NodeReader::constant(size_t index) const {
  if (index >= node_.inputs.size() || node_.inputs[index].empty()) return nullptr;
  const auto found = model_.constants.find(node_.inputs[index]);
  if (found == model_.constants.end())
    throw error(fmt::format("input {} ('{}') must be a constant", index, node_.inputs[index]));
  return &found->second;
}

const OnnxTensor& NodeReader::required_constant(size_t index, std::string_view meaning,
                                                size_t size) const {
  const OnnxTensor* tensor = constant(index);
  if (!tensor) throw error(fmt::format("lacks input {}, {}", index, meaning));
  if (size != 0 && tensor->size() != size)
    throw error(fmt::format("input {}, {}, holds {} values instead of {}", index, meaning,
                            tensor->size(), size));
  return *tensor;
}

const std::vector<float>& NodeReader::floats(size_t index, std::string_view meaning,
                                             size_t size) const {
  const OnnxTensor& tensor = required_constant(index, meaning, size);
  if (tensor.type != ElementType::float32)
    throw error(fmt::format("input {}, {}, is not float", index, meaning));
  return tensor.floats;
}

namespace {

template <class T>
T attribute(const NodeReader& reader, std::string_view name, const T& fallback) {
  const auto found = reader.node().attributes.find(std::string(name));
  if (found == reader.node().attributes.end()) return fallback;
  const T* value = std::get_if<T>(&found->second);
  if (!value) throw reader.error(fmt::format("attribute '{}' is of the wrong kind", name));
  return *value;
}

}  // namespace

std::int64_t NodeReader::integer(std::string_view name, std::int64_t fallback) const {
  return attribute(*this, name, fallback);
}
float NodeReader::number(std::string_view name, float fallback) const {
  return attribute(*this, name, fallback);
}
std::string NodeReader::text(std::string_view name, const std::string& fallback) const {
  return attribute(*this, name, fallback);
}
std::vector<std::int64_t> NodeReader::integers(std::string_view name,
                                               const std::vector<std::int64_t>& fallback) const {
  return attribute(*this, name, fallback);
}

size_t NodeReader::add_matrix(Eigen::MatrixXf weights, Eigen::VectorXf bias, int positions) {
  const ValueInfo& in = codes_input();
  if (!weights.allFinite() || !bias.allFinite()) throw error("a weight or bias is not finite");
  matrices_.push_back({.spec = {.name = node_.name,
                                .weights = std::move(weights),
                                .bias = std::move(bias),
                                .input_bits = in.bits,
                                .input_signed = in.is_signed,
                                .input_lsb = in.lsb},
                       .positions = positions});
  return matrices_.size() - 1;
}

}  // namespace mho::chip
