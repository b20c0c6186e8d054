// Flatten, and Reshape where it does the same: an image becomes one column, in ONNX order (channel,
// row, column).
#include <fmt/format.h>

#include "chip/operators/operator.hpp"

namespace mho::chip {
namespace {

// channels × (images · positions) to (channels · positions) × images.
template <class Matrix>
void flatten(const Matrix& from, int positions, Eigen::Index images, Matrix& to) {
  to.resize(from.rows() * positions, images);
  using Image = Eigen::Matrix<typename Matrix::Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  for (Eigen::Index i = 0; i < images; ++i) {
    Eigen::Map<Image>(to.col(i).data(), positions, from.rows()) =
        from.middleCols(i * positions, positions).transpose();
  }
}

BuiltOperator build(const NodeReader& node) {
  const ValueInfo in = node.input();
  if (in.axes != "NC") node.image_input();
  ValueInfo result = in;
  result.channels = in.elements();
  result.height = result.width = 1;
  result.axes = "NC";
  if (in.positions() == 1) return {.result = result, .kernel = {}};
  const auto kernel = [in](std::span<const Value* const> inputs, Value& output, const Run& run) {
    if (in.is_codes()) {
      flatten(inputs[0]->codes, in.positions(), run.images, output.codes);
    } else {
      flatten(inputs[0]->floats, in.positions(), run.images, output.floats);
    }
  };
  return {.result = result, .kernel = kernel};
}

}  // namespace

BuiltOperator build_flatten(NodeReader& node) {
  if (node.integer("axis", 1) != 1) throw node.error("attribute 'axis' is not supported unless 1");
  return build(node);
}

BuiltOperator build_reshape(NodeReader& node) {
  const OnnxTensor& shape = node.required_constant(1, "the shape", 2);
  if (shape.type != ElementType::int64) throw node.error("its shape is not int64");
  const std::int64_t rows = shape.integers[0], columns = shape.integers[1],
                     elements = node.input().elements();
  if ((columns != elements && columns != -1) ||
      (rows != -1 && rows != 0 && rows != 1) || rows == columns) {
    throw node.error(fmt::format(
        "its shape is [{}, {}]; only [-1, {}] or [0, -1], one row for each image, is supported",
        rows, columns, elements));
  }
  return build(node);
}

}  // namespace mho::chip
