// Flatten, and Reshape where it does the same: an image becomes one column, in ONNX order (channel,
// row, column).
#include <fmt/format.h>

#include <optional>

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

// A shape that nodes compute, as x.view(x.size(0), −1) is exported: constants and the number of images, which Reshape copies where
// the shape says 0.
std::optional<std::vector<std::int64_t>> shape_value(const OnnxModel& model, const std::string& value) {
  if (const auto constant = model.constants.find(value); constant != model.constants.end()) {
    if (constant->second.type != ElementType::int64) return std::nullopt;
    return constant->second.integers;
  }
  const OnnxNode* node = writer_of(model, value);
  if (!node || node->inputs.empty()) return std::nullopt;
  if (node->type == "Unsqueeze" || node->type == "Identity" || node->type == "Cast") return shape_value(model, node->inputs[0]);
  if (node->type == "Concat") {
    std::vector<std::int64_t> all;
    for (const std::string& input : node->inputs) {
      const auto part = shape_value(model, input);
      if (!part) return std::nullopt;
      all.insert(all.end(), part->begin(), part->end());
    }
    return all;
  }
  const OnnxNode* shape = node->type == "Gather" ? writer_of(model, node->inputs[0]) : nullptr;
  if (!shape || shape->type != "Shape" || node->inputs.size() < 2) return std::nullopt;
  const auto index = shape_value(model, node->inputs[1]);
  if (!index || index != std::vector<std::int64_t>{0}) return std::nullopt;
  return std::vector<std::int64_t>{0};
}

}  // namespace

void take_out_shapes(OnnxModel& model) {
  for (size_t n = 0; n < model.nodes.size(); ++n) {
    if (model.nodes[n].type != "Reshape" || model.nodes[n].inputs.size() != 2 || model.constants.contains(model.nodes[n].inputs[1])) continue;
    const std::string name = model.nodes[n].outputs.at(0), computed = model.nodes[n].inputs[1];
    const auto value = shape_value(model, computed);
    if (!value) continue;
    model.nodes[n].inputs[1] = name + "/shape";
    model.constants[name + "/shape"] = OnnxTensor::of_integers(ElementType::int64, {static_cast<std::int64_t>(value->size())}, *value);
    erase_unread(model, computed);
    while (n >= model.nodes.size() || model.nodes[n].outputs.at(0) != name) --n;  // nodes before it are gone
  }
}

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
