// How one ONNX operator is built from its node and runs on a chunk of images. Each operator has a
// file of its own and one line in operators.cpp.
#pragma once
#include <Eigen/Core>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "chip/matrix_engine.hpp"
#include "chip/onnx_model.hpp"
#include "core/errors.hpp"

namespace mho::chip {

// What is known of a value of the graph before any image is seen. A value is either floats or
// integer codes times `lsb`.
struct ValueInfo {
  int channels = 0, height = 1, width = 1;              // of one image
  float low = -std::numeric_limits<float>::infinity();  // bounds that hold for every element
  float high = std::numeric_limits<float>::infinity();
  int bits = 0;  // bits of a code, sign included when signed; 0: floats
  bool is_signed = false;
  float lsb = 0.0f;  // value of code 1
  // False between QuantizeLinear and DequantizeLinear, where codes stand for themselves.
  bool dequantised = false;
  // Dimensions of the tensor in ONNX, outermost first: N images, C channels, H height (of a sequence: its
  // frames), W width, 1 a dimension of size 1. The data lie as Value says, whatever the order here.
  std::string axes = "NCHW";

  bool is_codes() const { return bits > 0; }
  bool is_sequence() const { return axes.find('H') != axes.npos && axes.find('W') == axes.npos; }
  // Size of a dimension of `axes`; 0 for N.
  int size(char axis) const;
  std::string shape_text() const;  // e.g. "images × 8 × 4 × 4"
  int positions() const { return height * width; }
  int elements() const { return channels * height * width; }
};

// A value for a chunk of images: channels × (images · height · width), column (image · height + y)
// · width + x. Only the member that its ValueInfo says is filled.
struct Value {
  Eigen::MatrixXf floats;
  InputCodes codes;
};

// The value of each element: floats as they are, codes times lsb in `scratch`.
const Eigen::MatrixXf& numbers_of(const ValueInfo& info, const Value& value,
                                  Eigen::MatrixXf& scratch);

// Called after each multiplication, from many threads: number of the chunk's first image, index of
// the matrix, its input codes (K × images · positions, column order as in Value) and its outputs.
using Observer = std::function<void(size_t first_image, size_t matrix, const InputCodes& codes,
                                    const Eigen::MatrixXf& out)>;

// What a kernel gets beside its inputs.
struct Run {
  const MatrixEngine& engine;
  Eigen::Index images;  // in this chunk
  size_t first_image;
  const Observer& observe;  // may be empty
};

using Kernel =
    std::function<void(std::span<const Value* const> inputs, Value& output, const Run& run)>;

// An operator ready to run. Without a kernel the output is the first input under another
// description.
struct BuiltOperator {
  ValueInfo result;
  Kernel kernel;
};

// A matrix of the network and how often one image uses it.
struct MatrixUse {
  MatrixSpec spec;
  int positions = 1;  // columns of input codes per image
};

// A node with its constants and inputs, as its builder sees it. Every error names file, node and
// operator.
class NodeReader {
 public:
  NodeReader(const OnnxModel& model, const OnnxNode& node, std::vector<ValueInfo> inputs,
             std::vector<MatrixUse>& matrices)
      : model_(model), node_(node), inputs_(std::move(inputs)), matrices_(matrices) {}

  const OnnxNode& node() const { return node_; }
  // Inputs that are not constants, in order; there is at least one, but for Constant.
  const ValueInfo& input(size_t i = 0) const { return inputs_[i]; }
  size_t input_count() const { return inputs_.size(); }
  // An input of a kind: codes_input throws unless it is codes followed by DequantizeLinear,
  // numbers_input unless it is that or floats, image_input unless its axes are NCHW.
  const ValueInfo& codes_input() const;
  const ValueInfo& numbers_input(size_t i = 0) const;
  const ValueInfo& image_input() const;
  bool is_constant(size_t index) const;
  // Constant at position `index`; nullptr when it is absent. required_constant throws instead, also
  // when its size is not `size` (0: any).
  const OnnxTensor* constant(size_t index) const;
  const OnnxTensor& required_constant(size_t index, std::string_view meaning,
                                      size_t size = 0) const;
  // Values of a required constant of floats.
  const std::vector<float>& floats(size_t index, std::string_view meaning, size_t size) const;
  std::int64_t integer(std::string_view attribute, std::int64_t fallback) const;
  float number(std::string_view attribute, float fallback) const;
  std::string text(std::string_view attribute, const std::string& fallback) const;
  std::vector<std::int64_t> integers(std::string_view attribute,
                                     const std::vector<std::int64_t>& fallback) const;
  std::int64_t opset() const { return model_.opset; }
  // Of the file's metadata; nullptr when it has no such key.
  const std::string* metadata(std::string_view key) const;
  ConfigError error(const std::string& what) const;

  // Adds a matrix and returns its index for MatrixEngine::multiply; name and input format are
  // filled in from node and input. The second form takes them as they are, but for the name, which
  // it puts behind the node's.
  size_t add_matrix(Eigen::MatrixXf weights, Eigen::VectorXf bias, int positions);
  size_t add_matrix(MatrixSpec spec, int positions);

 private:
  const OnnxModel& model_;
  const OnnxNode& node_;
  std::vector<ValueInfo> inputs_;
  std::vector<MatrixUse>& matrices_;
};

struct OperatorEntry {
  std::string_view type;
  BuiltOperator (*build)(NodeReader& node);
};

// All operators that a network may contain.
std::span<const OperatorEntry> operators();

// Changes of the model before anything is built, for operators that fold into others, in the order in
// which they must run: a later one finds what an earlier one leaves.
using Rewrite = void (*)(OnnxModel& model);
std::span<const Rewrite> rewrites();

}  // namespace mho::chip
