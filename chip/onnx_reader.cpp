#include "chip/onnx_reader.hpp"

#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <bit>
#include <cmath>
#include <cstring>

#include "core/errors.hpp"
#include "core/json_file.hpp"

namespace mho::chip {
namespace {

static_assert(std::endian::native == std::endian::little,
              "raw_data of ONNX tensors is little-endian");

constexpr std::int64_t largest_tensor = std::int64_t{1} << 28;  // [elements]
constexpr std::int64_t oldest_opset = 9;  // older ones give the same nodes another meaning

// Keeps protobuf from printing lines of its own while it parses.
class QuietProtobuf {
 public:
  QuietProtobuf() : previous_(google::protobuf::SetLogHandler(nullptr)) {}
  ~QuietProtobuf() { google::protobuf::SetLogHandler(previous_); }
  QuietProtobuf(const QuietProtobuf&) = delete;
  QuietProtobuf& operator=(const QuietProtobuf&) = delete;

 private:
  google::protobuf::LogHandler* previous_;
};

struct Reader {
  const std::string& path;

  ConfigError error(const std::string& key, const std::string& what) const {
    return {path, 0, key, what};
  }

  template <class T>
  static std::vector<T> raw_values(const std::string& raw, size_t count) {
    std::vector<T> values(count);
    std::memcpy(values.data(), raw.data(), count * sizeof(T));
    return values;
  }

  template <class T, class Field>
  std::vector<std::int64_t> integers(const onnx::TensorProto& proto, const Field& field,
                                     size_t count, const std::string& key) const {
    if (proto.has_raw_data()) {
      check_size(proto.raw_data().size(), count * sizeof(T), "bytes", key);
      const std::vector<T> values = raw_values<T>(proto.raw_data(), count);
      return {values.begin(), values.end()};
    }
    check_size(static_cast<size_t>(field.size()), count, "values", key);
    return {field.begin(), field.end()};
  }

  void check_size(size_t found, size_t expected, const char* unit, const std::string& key) const {
    if (found != expected)
      throw error(key, fmt::format("holds {} {}, its shape asks for {}", found, unit, expected));
  }

  std::vector<float> floats(const onnx::TensorProto& proto, size_t count,
                            const std::string& key) const {
    std::vector<float> values;
    if (proto.has_raw_data()) {
      check_size(proto.raw_data().size(), count * sizeof(float), "bytes", key);
      values = raw_values<float>(proto.raw_data(), count);
    } else {
      check_size(static_cast<size_t>(proto.float_data_size()), count, "values", key);
      values.assign(proto.float_data().begin(), proto.float_data().end());
    }
    for (size_t i = 0; i < count; ++i) {
      if (!std::isfinite(values[i]))
        throw error(key, fmt::format("element {} is {}; every value must be finite", i, values[i]));
    }
    return values;
  }

  OnnxTensor tensor(const onnx::TensorProto& proto, const std::string& key) const {
    if (proto.data_location() == onnx::TensorProto::EXTERNAL)
      throw error(key, "is stored in another file; save the model as one file");
    OnnxTensor result;
    std::int64_t count = 1;
    for (const std::int64_t d : proto.dims()) {
      if (d < 0 || d > largest_tensor || count * d > largest_tensor)
        throw error(key, fmt::format("has a damaged shape (dimension {})", d));
      count *= d;
      result.shape.push_back(d);
    }
    const auto size = static_cast<size_t>(count);
    switch (proto.data_type()) {
      case onnx::TensorProto::FLOAT:
        result.type = ElementType::float32;
        result.floats = floats(proto, size, key);
        return result;
      case onnx::TensorProto::UINT8:
        result.type = ElementType::uint8;
        result.integers = integers<std::uint8_t>(proto, proto.int32_data(), size, key);
        return result;
      case onnx::TensorProto::INT8:
        result.type = ElementType::int8;
        result.integers = integers<std::int8_t>(proto, proto.int32_data(), size, key);
        return result;
      case onnx::TensorProto::INT32:
        result.type = ElementType::int32;
        result.integers = integers<std::int32_t>(proto, proto.int32_data(), size, key);
        return result;
      case onnx::TensorProto::INT64:
        result.type = ElementType::int64;
        result.integers = integers<std::int64_t>(proto, proto.int64_data(), size, key);
        return result;
      default:
        throw error(
            key, fmt::format("has elements of type {}; supported: FLOAT, UINT8, INT8, INT32, INT64",
                             onnx::TensorProto::DataType_IsValid(proto.data_type())
                                 ? onnx::TensorProto::DataType_Name(
                                       static_cast<onnx::TensorProto::DataType>(proto.data_type()))
                                 : std::to_string(proto.data_type())));
    }
  }

  OnnxAttribute attribute(const onnx::AttributeProto& proto, const std::string& key) const {
    switch (proto.type()) {
      case onnx::AttributeProto::INT:
        return std::int64_t{proto.i()};
      case onnx::AttributeProto::FLOAT:
        return proto.f();
      case onnx::AttributeProto::STRING:
        return proto.s();
      case onnx::AttributeProto::INTS:
        return std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end());
      case onnx::AttributeProto::FLOATS:
        return std::vector<float>(proto.floats().begin(), proto.floats().end());
      case onnx::AttributeProto::TENSOR:
        return tensor(proto.t(), key);
      default:
        throw error(key,
                    fmt::format("attribute '{}' is of a kind that is not supported", proto.name()));
    }
  }

  OnnxValue value(const onnx::ValueInfoProto& proto) const {
    OnnxValue result{.name = proto.name(), .shape = {}};
    for (const auto& d : proto.type().tensor_type().shape().dim())
      result.shape.push_back(d.has_dim_value() ? d.dim_value() : -1);
    return result;
  }

  OnnxNode node(const onnx::NodeProto& proto, int index) const {
    OnnxNode result{
        .name = proto.name().empty() ? fmt::format("{}_{}", proto.op_type(), index) : proto.name(),
        .type = proto.op_type(),
        .inputs = {proto.input().begin(), proto.input().end()},
        .outputs = {proto.output().begin(), proto.output().end()},
        .attributes = {}};
    const std::string key = fmt::format("node '{}' ({})", result.name, result.type);
    if (!proto.domain().empty() && proto.domain() != "ai.onnx") {
      throw error(key,
                  fmt::format("is from the operator set '{}'; only the standard one is supported",
                              proto.domain()));
    }
    for (const auto& a : proto.attribute()) result.attributes.emplace(a.name(), attribute(a, key));
    return result;
  }
};

}  // namespace

OnnxModel read_onnx(const std::string& path) {
  const std::string bytes = read_text_file(path);
  const QuietProtobuf quiet;
  onnx::ModelProto proto;
  const Reader reader{path};
  if (bytes.empty()) throw reader.error("", "is empty; expected an ONNX model");
  if (!proto.ParseFromString(bytes))
    throw reader.error(
        "",
        fmt::format("is not an ONNX model, or is truncated or damaged ({} bytes)", bytes.size()));
  OnnxModel model;
  model.path = path;
  model.opset = 0;
  for (const auto& set : proto.opset_import()) {
    if (set.domain().empty() || set.domain() == "ai.onnx") model.opset = set.version();
  }
  if (!proto.has_graph() || model.opset == 0)
    throw reader.error("",
                       "is not an ONNX model or is truncated: it lacks a graph or an operator set");
  if (model.opset < oldest_opset)
    throw reader.error(
        "", fmt::format("uses operator set {}; expected {} or later", model.opset, oldest_opset));
  const onnx::GraphProto& graph = proto.graph();
  for (const auto& t : graph.initializer())
    model.constants[t.name()] = reader.tensor(t, fmt::format("tensor '{}'", t.name()));
  for (int i = 0; i < graph.node_size(); ++i) model.nodes.push_back(reader.node(graph.node(i), i));
  for (const auto& v : graph.input()) {
    if (!model.constants.contains(v.name())) model.inputs.push_back(reader.value(v));
  }
  for (const auto& v : graph.output()) model.outputs.push_back(reader.value(v));
  for (const auto& entry : proto.metadata_props())
    model.metadata.emplace_back(entry.key(), entry.value());
  return model;
}

}  // namespace mho::chip
