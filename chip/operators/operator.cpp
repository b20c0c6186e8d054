#include "chip/operators/operator.hpp"

#include <fmt/format.h>

namespace mho::chip {

int ValueInfo::size(char axis) const {
  return axis == 'C' ? channels : axis == 'H' ? height : axis == 'W' ? width : axis == 'N' ? 0 : 1;
}

std::string ValueInfo::shape_text() const {
  std::string text;
  for (const char axis : axes)
    text += (text.empty() ? "" : " × ") + (axis == 'N' ? "images" : std::to_string(size(axis)));
  return text;
}

const Eigen::MatrixXf& numbers_of(const ValueInfo& info, const Value& value,
                                  Eigen::MatrixXf& scratch) {
  if (!info.is_codes()) return value.floats;
  scratch = value.codes.cast<float>() * info.lsb;
  return scratch;
}

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

const ValueInfo& NodeReader::numbers_input(size_t i) const {
  if (input(i).is_codes() && !input(i).dequantised)
    throw error("its input is in bare codes; put DequantizeLinear before it");
  return input(i);
}

const ValueInfo& NodeReader::image_input() const {
  if (input().axes != "NCHW")
    throw error(fmt::format(
        "its input is {}; expected images, [images, channels, height, width]", input().shape_text()));
  return input();
}

bool NodeReader::is_constant(size_t index) const {
  return index < node_.inputs.size() && model_.constants.contains(node_.inputs[index]);
}

const std::string* NodeReader::metadata(std::string_view key) const {
  for (const auto& [k, v] : model_.metadata)
    if (k == key) return &v;
  return nullptr;
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
  return add_matrix({.name = {},
                     .weights = std::move(weights),
                     .bias = std::move(bias),
                     .input_bits = in.bits,
                     .input_signed = in.is_signed,
                     .input_lsb = in.lsb},
                    positions);
}

size_t NodeReader::add_matrix(MatrixSpec spec, int positions) {
  if (!spec.weights.allFinite() || !spec.bias.allFinite())
    throw error("a weight or bias is not finite");
  spec.name.insert(0, node_.name);
  matrices_.push_back({.spec = std::move(spec), .positions = positions});
  return matrices_.size() - 1;
}

}  // namespace mho::chip
