// An ONNX model as plain structs: what onnx_reader fills, onnx_writer writes and Network is built
// from. Free of protobuf.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace mho::chip {

enum class ElementType { float32, uint8, int8, int32, int64 };

// A constant tensor, row-major. `floats` holds the elements of float32, `integers` those of the
// other types.
struct OnnxTensor {
  ElementType type = ElementType::float32;
  std::vector<std::int64_t> shape;  // empty: a scalar
  std::vector<float> floats;
  std::vector<std::int64_t> integers;

  static OnnxTensor of_floats(std::vector<std::int64_t> shape, std::vector<float> values);
  static OnnxTensor of_integers(ElementType type, std::vector<std::int64_t> shape,
                                std::vector<std::int64_t> values);
  size_t size() const;  // number of elements that the shape asks for
  bool operator==(const OnnxTensor&) const = default;
};

using OnnxAttribute = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>,
                                   std::vector<float>, OnnxTensor>;

struct OnnxNode {
  std::string name, type;  // type: ONNX operator, e.g. "Conv"
  std::vector<std::string> inputs,
      outputs;  // names of values; an empty input is an absent optional one
  std::map<std::string, OnnxAttribute> attributes;
};

struct OnnxValue {
  std::string name;
  std::vector<std::int64_t> shape;  // −1: any, as the number of images
};

struct OnnxModel {
  std::string path;  // file, for messages
  std::int64_t opset = 13;
  std::vector<OnnxNode> nodes;  // in an order in which they can run
  std::map<std::string, OnnxTensor> constants;
  std::vector<OnnxValue> inputs, outputs;
  std::vector<std::pair<std::string, std::string>> metadata;  // metadata_props, in file order
};

// How often nodes and outputs of the model read a value.
int reader_count(const OnnxModel& model, const std::string& value);
// The node that writes a value; nullptr for constants and inputs.
const OnnxNode* writer_of(const OnnxModel& model, const std::string& value);
// Takes out the node that writes `value`, and those before it, as far as nobody reads them.
void erase_unread(OnnxModel& model, const std::string& value);

}  // namespace mho::chip
