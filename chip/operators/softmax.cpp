// Softmax over classes: exp(x − max) / Σ exp(x − max), of which the largest is the network's answer as before.
#include <fmt/format.h>

#include "chip/operators/operator.hpp"

namespace mho::chip {

BuiltOperator build_softmax(NodeReader& node) {
  const ValueInfo in = node.numbers_input();
  const std::int64_t axis = node.integer("axis", node.opset() < 13 ? 1 : -1);
  if (in.axes != "NC" || (axis != 1 && axis != -1))
    throw node.error(fmt::format("acts on axis {} of {}; expected axis 1 or -1 of [images, channels]", axis, in.shape_text()));
  const auto kernel = [in](std::span<const Value* const> inputs, Value& output, const Run&) {
    Eigen::MatrixXf scratch;
    const Eigen::MatrixXf& from = numbers_of(in, *inputs[0], scratch);
    output.floats = (from.rowwise() - from.colwise().maxCoeff()).array().exp();
    for (Eigen::Index p = 0; p < from.cols(); ++p) output.floats.col(p) /= output.floats.col(p).sum();
  };
  return {.result = {.channels = in.channels, .low = 0.0f, .high = 1.0f, .axes = in.axes}, .kernel = kernel};
}

}  // namespace mho::chip
