#include "chip/onnx_writer.hpp"

#include <onnx/onnx_pb.h>

#include "core/errors.hpp"
#include "core/json_file.hpp"

namespace mho::chip {
namespace {

int proto_type(ElementType type) {
  switch (type) {
    case ElementType::float32:
      return onnx::TensorProto::FLOAT;
    case ElementType::uint8:
      return onnx::TensorProto::UINT8;
    case ElementType::int8:
      return onnx::TensorProto::INT8;
    case ElementType::int32:
      return onnx::TensorProto::INT32;
    case ElementType::int64:
      return onnx::TensorProto::INT64;
  }
  return onnx::TensorProto::UNDEFINED;
}

void fill_tensor(const OnnxTensor& tensor, onnx::TensorProto& proto) {
  proto.set_data_type(proto_type(tensor.type));
  for (const std::int64_t d : tensor.shape) proto.add_dims(d);
  for (const float x : tensor.floats) proto.add_float_data(x);
  for (const std::int64_t x : tensor.integers) {
    if (tensor.type == ElementType::int64) {
      proto.add_int64_data(x);
    } else {
      proto.add_int32_data(static_cast<std::int32_t>(x));
    }
  }
}

// One overload for each alternative of OnnxAttribute.
struct FillAttribute {
  onnx::AttributeProto& proto;
  void operator()(std::int64_t x) const {
    proto.set_type(onnx::AttributeProto::INT);
    proto.set_i(x);
  }
  void operator()(float x) const {
    proto.set_type(onnx::AttributeProto::FLOAT);
    proto.set_f(x);
  }
  void operator()(const std::string& x) const {
    proto.set_type(onnx::AttributeProto::STRING);
    proto.set_s(x);
  }
  void operator()(const std::vector<std::int64_t>& xs) const {
    proto.set_type(onnx::AttributeProto::INTS);
    for (const std::int64_t x : xs) proto.add_ints(x);
  }
  void operator()(const std::vector<float>& xs) const {
    proto.set_type(onnx::AttributeProto::FLOATS);
    for (const float x : xs) proto.add_floats(x);
  }
  void operator()(const OnnxTensor& x) const {
    proto.set_type(onnx::AttributeProto::TENSOR);
    fill_tensor(x, *proto.mutable_t());
  }
};

void fill_value(const OnnxValue& value, onnx::ValueInfoProto& proto) {
  proto.set_name(value.name);
  onnx::TypeProto::Tensor& tensor = *proto.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(onnx::TensorProto::FLOAT);
  for (const std::int64_t d : value.shape) {
    onnx::TensorShapeProto::Dimension& dimension = *tensor.mutable_shape()->add_dim();
    if (d < 0) {
      dimension.set_dim_param("images");
    } else {
      dimension.set_dim_value(d);
    }
  }
}

}  // namespace

void write_onnx(const OnnxModel& model, const std::string& path) {
  onnx::ModelProto proto;
  proto.set_ir_version(7);  // the version that goes with opset 13
  proto.set_producer_name("mho");
  onnx::OperatorSetIdProto& opset = *proto.add_opset_import();
  opset.set_domain("");
  opset.set_version(model.opset);
  onnx::GraphProto& graph = *proto.mutable_graph();
  graph.set_name("network");
  for (const OnnxNode& node : model.nodes) {
    onnx::NodeProto& to = *graph.add_node();
    to.set_name(node.name);
    to.set_op_type(node.type);
    for (const std::string& input : node.inputs) to.add_input(input);
    for (const std::string& output : node.outputs) to.add_output(output);
    for (const auto& [name, value] : node.attributes) {
      onnx::AttributeProto& attribute = *to.add_attribute();
      attribute.set_name(name);
      std::visit(FillAttribute{attribute}, value);
    }
  }
  for (const auto& [name, tensor] : model.constants) {
    onnx::TensorProto& to = *graph.add_initializer();
    to.set_name(name);
    fill_tensor(tensor, to);
  }
  for (const OnnxValue& value : model.inputs) fill_value(value, *graph.add_input());
  for (const OnnxValue& value : model.outputs) fill_value(value, *graph.add_output());
  for (const auto& [key, value] : model.metadata) {
    onnx::StringStringEntryProto& entry = *proto.add_metadata_props();
    entry.set_key(key);
    entry.set_value(value);
  }
  std::string bytes;
  if (!proto.SerializeToString(&bytes))
    throw IoError(path, "cannot be written: the model is larger than protobuf allows");
  write_text_file(path, bytes);
}

}  // namespace mho::chip
