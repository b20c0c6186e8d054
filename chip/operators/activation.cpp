// Relu and Clip, on floats.
#include <fmt/format.h>

#include <algorithm>

#include "chip/operators/operator.hpp"

namespace mho::chip {
namespace {

BuiltOperator build_limits(const NodeReader& node, float low, float high) {
  ValueInfo result = node.floats_input();
  result.low = std::clamp(result.low, low, high);
  result.high = std::clamp(result.high, low, high);
  const auto kernel = [low, high](std::span<const Value* const> inputs, Value& output, const Run&) {
    output.floats = inputs[0]->floats.cwiseMax(low).cwiseMin(high);
  };
  return {.result = result, .kernel = kernel};
}

}  // namespace

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
