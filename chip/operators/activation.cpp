// Operators on each element by itself: Relu, Clip, Sigmoid, Tanh.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chip/operators/operator.hpp"

namespace mho::chip {
namespace {

// `function` of each element; it must not fall, so that bounds follow from bounds.
template <class Function>
BuiltOperator build_rising(const NodeReader& node, Function function) {
  const ValueInfo in = node.numbers_input();
  const ValueInfo result{.channels = in.channels,
                         .height = in.height,
                         .width = in.width,
                         .low = function(in.low),
                         .high = function(in.high),
                         .axes = in.axes};
  const auto kernel = [in, function](std::span<const Value* const> inputs, Value& output,
                                     const Run&) {
    Eigen::MatrixXf scratch;
    output.floats = numbers_of(in, *inputs[0], scratch).unaryExpr(function);
  };
  return {.result = result, .kernel = kernel};
}

BuiltOperator build_limits(const NodeReader& node, float low, float high) {
  return build_rising(node, [low, high](float x) { return std::min(std::max(x, low), high); });
}

}  // namespace

BuiltOperator build_sigmoid(NodeReader& node) {
  return build_rising(node, [](float x) { return 1.0f / (1.0f + std::exp(-x)); });
}

BuiltOperator build_tanh(NodeReader& node) {
  return build_rising(node, [](float x) { return std::tanh(x); });
}

BuiltOperator build_relu(NodeReader& node) {
  return build_limits(node, 0.0f, std::numeric_limits<float>::infinity());
}

BuiltOperator build_clip(NodeReader& node) {
  // Limits are attributes until operator set 10 and inputs from 11 on.
  const auto limit = [&](size_t index, std::string_view name, float fallback) {
    return node.constant(index) ? node.floats(index, name, 1)[0] : node.number(name, fallback);
  };
  const float low = limit(1, "min", std::numeric_limits<float>::lowest());
  const float high = limit(2, "max", std::numeric_limits<float>::max());
  if (!(low < high)) throw node.error(fmt::format("min {} is not below max {}", low, high));
  return build_limits(node, low, high);
}

}  // namespace mho::chip
