// Add, Sub, Mul and Div with a constant, one value or one for each channel, and Add and Sub of two computed values
// (residual connections). All digital; but an Add that gives a Conv, Gemm or MatMul its bias is folded
// into that.
#include <fmt/format.h>

#include <algorithm>

#include "chip/operators/operator.hpp"

namespace mho::chip {
namespace {

enum class Arithmetic { add, subtract, multiply, divide };

float apply(Arithmetic kind, float a, float b) {
  switch (kind) {
    case Arithmetic::add:
      return a + b;
    case Arithmetic::subtract:
      return a - b;
    case Arithmetic::multiply:
      return a * b;
    default:
      return a / b;
  }
}

// The constant as one number for each channel; its shape must spread over axes other than C.
Eigen::VectorXf channel_values(const NodeReader& node, const ValueInfo& in, size_t index) {
  const OnnxTensor& constant = *node.constant(index);
  const auto rank = in.axes.size(), channel = in.axes.find('C');
  bool fits = constant.type == ElementType::float32 && constant.shape.size() <= rank;
  for (size_t d = 0; fits && d < constant.shape.size(); ++d) {
    const bool is_channel = d + rank - constant.shape.size() == channel;
    fits = constant.shape[d] == 1 || (is_channel && constant.shape[d] == in.channels);
  }
  if (!fits)
    throw node.error(fmt::format(
        "its constant of shape [{}] does not fit an input of {}; expected floats, one or one for each channel",
        fmt::join(constant.shape, ", "), in.shape_text()));
  if (constant.floats.size() == 1) return Eigen::VectorXf::Constant(in.channels, constant.floats[0]);
  return Eigen::Map<const Eigen::VectorXf>(constant.floats.data(), in.channels);
}

BuiltOperator build_with_constant(const NodeReader& node, Arithmetic kind) {
  const ValueInfo in = node.numbers_input();
  const bool first = node.is_constant(0);  // constant ∘ x instead of x ∘ constant
  if (first && kind == Arithmetic::divide) throw node.error("divides by a computed value");
  const Eigen::VectorXf values = channel_values(node, in, first ? 0 : 1);
  if (!values.allFinite() || (kind == Arithmetic::divide && (values.array() == 0.0f).any()))
    throw node.error("its constant holds a value that is not finite, or divides by 0");
  const auto of = [kind, first](float x, float c) { return first ? apply(kind, c, x) : apply(kind, x, c); };
  ValueInfo result{.channels = in.channels, .height = in.height, .width = in.width, .axes = in.axes};
  result.low = std::numeric_limits<float>::infinity(), result.high = -result.low;
  for (const float c : values) {
    const bool nothing = kind == Arithmetic::multiply && c == 0.0f;  // 0 · ∞
    const float a = nothing ? 0.0f : of(in.low, c), b = nothing ? 0.0f : of(in.high, c);
    result.low = std::min({result.low, a, b});
    result.high = std::max({result.high, a, b});
  }
  const auto kernel = [in, values, of](std::span<const Value* const> inputs, Value& output, const Run&) {
    Eigen::MatrixXf scratch;
    const Eigen::MatrixXf& from = numbers_of(in, *inputs[0], scratch);
    output.floats.resize(from.rows(), from.cols());
    for (Eigen::Index p = 0; p < from.cols(); ++p)
      output.floats.col(p) = from.col(p).binaryExpr(values, of);
  };
  return {.result = result, .kernel = kernel};
}

BuiltOperator build_of_two(const NodeReader& node, Arithmetic kind) {
  const ValueInfo a = node.numbers_input(0), b = node.numbers_input(1);
  if (a.axes != b.axes || a.channels != b.channels || a.height != b.height || a.width != b.width)
    throw node.error(fmt::format("its inputs are {} and {}; two computed values must be of one shape",
                                 a.shape_text(), b.shape_text()));
  const bool add = kind == Arithmetic::add;
  const ValueInfo result{.channels = a.channels,
                         .height = a.height,
                         .width = a.width,
                         .low = add ? a.low + b.low : a.low - b.high,
                         .high = add ? a.high + b.high : a.high - b.low,
                         .axes = a.axes};
  const auto kernel = [a, b, add](std::span<const Value* const> inputs, Value& output, const Run&) {
    Eigen::MatrixXf scratch_a, scratch_b;
    const Eigen::MatrixXf &x = numbers_of(a, *inputs[0], scratch_a),
                          &y = numbers_of(b, *inputs[1], scratch_b);
    if (add) {
      output.floats = x + y;
    } else {
      output.floats = x - y;
    }
  };
  return {.result = result, .kernel = kernel};
}

BuiltOperator build_arithmetic(const NodeReader& node, Arithmetic kind) {
  if (node.node().inputs.size() != 2)
    throw node.error("expected two inputs");
  if (node.input_count() == 1) return build_with_constant(node, kind);
  if (kind == Arithmetic::multiply || kind == Arithmetic::divide)
    throw node.error("acts on two computed values; one must be a constant");
  return build_of_two(node, kind);
}

// Folds the constant into the bias of `layer`; false when its shape is not that of a bias.
bool fold_bias(OnnxModel& model, const std::string& constant, OnnxNode& layer) {
  const auto weights = model.constants.find(layer.inputs.size() > 1 ? layer.inputs[1] : "");
  if (weights == model.constants.end() || weights->second.shape.size() < 2) return false;
  const bool conv = layer.type == "Conv";
  const bool by_row = conv || (layer.attributes.contains("transB") &&
                               layer.attributes["transB"] == OnnxAttribute(std::int64_t{1}));
  const std::int64_t outputs = weights->second.shape[by_row ? 0 : 1];
  OnnxTensor bias = model.constants.at(constant);
  std::vector<std::int64_t> expected{outputs};
  if (conv) expected.insert(expected.end(), {1, 1});
  while (bias.shape.size() > expected.size() && bias.shape[0] == 1) bias.shape.erase(bias.shape.begin());
  if (bias.type != ElementType::float32 || bias.shape != expected) return false;
  if (layer.inputs.size() > 2 && !layer.inputs[2].empty()) {
    const auto old = model.constants.find(layer.inputs[2]);
    if (old == model.constants.end() || old->second.floats.size() != bias.floats.size()) return false;
    const auto beta = layer.attributes.find("beta");
    const float* factor = beta == layer.attributes.end() ? nullptr : std::get_if<float>(&beta->second);
    for (size_t n = 0; n < bias.floats.size(); ++n) bias.floats[n] += old->second.floats[n] * (factor ? *factor : 1.0f);
  }
  layer.attributes.erase("beta");
  bias.shape = {outputs};
  layer.inputs.resize(3);
  layer.inputs[2] = layer.name + "/bias";
  model.constants[layer.inputs[2]] = std::move(bias);
  return true;
}

}  // namespace

void fold_added_bias(OnnxModel& model) {
  std::erase_if(model.nodes, [&](const OnnxNode& add) {
    if (add.type != "Add" || add.inputs.size() != 2 || add.outputs.size() != 1) return false;
    const bool first = model.constants.contains(add.inputs[0]);
    const std::string &constant = add.inputs[first ? 0 : 1], &value = add.inputs[first ? 1 : 0];
    if (!model.constants.contains(constant) || reader_count(model, value) != 1) return false;
    for (OnnxNode& layer : model.nodes) {
      if (layer.outputs.size() != 1 || layer.outputs[0] != value) continue;
      const bool takes_bias = layer.type == "Conv" || layer.type == "Gemm" || layer.type == "MatMul";
      if (!takes_bias || !fold_bias(model, constant, layer)) return false;
      layer.outputs[0] = add.outputs[0];
      return true;
    }
    return false;
  });
}

BuiltOperator build_add(NodeReader& node) { return build_arithmetic(node, Arithmetic::add); }
BuiltOperator build_sub(NodeReader& node) { return build_arithmetic(node, Arithmetic::subtract); }
BuiltOperator build_mul(NodeReader& node) { return build_arithmetic(node, Arithmetic::multiply); }
BuiltOperator build_div(NodeReader& node) { return build_arithmetic(node, Arithmetic::divide); }

}  // namespace mho::chip
