// Operators that only name the dimensions of a value in another order, and Gather of one frame of a sequence: Squeeze,
// Unsqueeze, Transpose, Gather, as far as exports of LSTM need them. The data stay where they are.
#include <fmt/format.h>

#include <algorithm>

#include "chip/operators/operator.hpp"

namespace mho::chip {
namespace {

// `axes` as positions from 0 on, in an output or input of `rank` dimensions. Sorted.
std::vector<size_t> positions(const NodeReader& node, std::vector<std::int64_t> axes, size_t rank) {
  std::vector<size_t> result;
  for (std::int64_t axis : axes) {
    if (axis < 0) axis += static_cast<std::int64_t>(rank);
    if (axis < 0 || axis >= static_cast<std::int64_t>(rank))
      throw node.error(fmt::format("its axes [{}] do not fit an input of {}", fmt::join(axes, ", "), node.input().shape_text()));
    result.push_back(static_cast<size_t>(axis));
  }
  std::sort(result.begin(), result.end());
  if (std::adjacent_find(result.begin(), result.end()) != result.end()) throw node.error("names an axis twice");
  return result;
}

// Attribute 'axes' until operator set 12, input 1 from 13 on.
std::vector<std::int64_t> read_axes(const NodeReader& node) {
  if (const OnnxTensor* input = node.constant(1)) return input->integers;
  return node.integers("axes", {});
}

}  // namespace

BuiltOperator build_squeeze(NodeReader& node) {
  ValueInfo result = node.input();
  const std::vector<size_t> gone = positions(node, read_axes(node), result.axes.size());
  if (gone.empty()) throw node.error("names no axes");
  for (auto axis = gone.rbegin(); axis != gone.rend(); ++axis) {
    if (result.size(result.axes[*axis]) != 1 || result.axes[*axis] == 'C')
      throw node.error(fmt::format("takes axis {} out of {}; it must be of size 1", *axis, node.input().shape_text()));
    result.axes.erase(*axis, 1);
  }
  return {.result = result, .kernel = {}};
}

BuiltOperator build_unsqueeze(NodeReader& node) {
  ValueInfo result = node.input();
  const std::vector<std::int64_t> axes = read_axes(node);
  if (axes.empty()) throw node.error("names no axes");
  for (const size_t axis : positions(node, axes, result.axes.size() + axes.size())) result.axes.insert(axis, 1, '1');
  return {.result = result, .kernel = {}};
}

BuiltOperator build_transpose(NodeReader& node) {
  ValueInfo result = node.input();
  const std::vector<std::int64_t> order = node.integers("perm", {});
  if (order.size() != result.axes.size() || positions(node, order, result.axes.size()).size() != order.size())
    throw node.error(fmt::format("attribute 'perm' = [{}] is not an order of {}", fmt::join(order, ", "), result.shape_text()));
  for (size_t i = 0; i < order.size(); ++i)
    result.axes[i] = node.input().axes[static_cast<size_t>(order[i] < 0 ? order[i] + static_cast<std::int64_t>(order.size()) : order[i])];
  return {.result = result, .kernel = {}};
}

BuiltOperator build_gather(NodeReader& node) {
  const ValueInfo in = node.input();
  const OnnxTensor& index = node.required_constant(1, "the index");
  const size_t axis = positions(node, {node.integer("axis", 0)}, in.axes.size())[0];
  const char name = in.axes[axis];
  const int size = in.size(name);
  if (index.integers.size() != 1 || !index.shape.empty() || (name != 'H' && name != '1'))
    throw node.error("only one frame of a sequence can be taken: expected one index along the axis of the frames");
  const std::int64_t frame = index.integers[0] < 0 ? index.integers[0] + size : index.integers[0];
  if (frame < 0 || frame >= size) throw node.error(fmt::format("its index {} is outside of {}", index.integers[0], in.shape_text()));
  ValueInfo result = in;
  result.axes.erase(axis, 1);
  if (name == '1') return {.result = result, .kernel = {}};
  if (in.width != 1) throw node.error("takes a row of images; only a frame of a sequence can be taken");
  result.height = 1;
  const auto kernel = [in, frame](std::span<const Value* const> inputs, Value& output, const Run& run) {
    const auto columns = Eigen::seqN(frame, run.images, in.height);
    if (in.is_codes()) {
      output.codes = inputs[0]->codes(Eigen::all, columns);
    } else {
      output.floats = inputs[0]->floats(Eigen::all, columns);
    }
  };
  return {.result = result, .kernel = kernel};
}

}  // namespace mho::chip
