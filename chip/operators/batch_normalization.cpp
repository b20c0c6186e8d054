// BatchNormalization, folded into the weights and bias of the Conv, Gemm or MatMul before it:
//   y = scale · (x − mean) / sqrt(variance + epsilon) + shift, for each output.
#include <cmath>

#include "chip/operators/operator.hpp"

namespace mho::chip {
namespace {

constexpr float default_epsilon = 1e-5f;  // of the ONNX operator

// The tensor of input `index`, or nullptr when it is not a constant of `size` floats (size 0: any).
const OnnxTensor* floats_of(const OnnxModel& model, const OnnxNode& node, size_t index,
                            size_t size) {
  if (index >= node.inputs.size()) return nullptr;
  const auto found = model.constants.find(node.inputs[index]);
  if (found == model.constants.end() || found->second.type != ElementType::float32) return nullptr;
  return size == 0 || found->second.floats.size() == size ? &found->second : nullptr;
}

// Folds `norm` into `layer`; false when their form does not allow it.
bool fold(OnnxModel& model, const OnnxNode& norm, OnnxNode& layer) {
  const OnnxTensor* weights = floats_of(model, layer, 1, 0);
  const bool conv = layer.type == "Conv";
  if (!weights || weights->shape.size() != (conv ? 4u : 2u)) return false;
  const bool by_row = conv || (layer.attributes.contains("transB") &&
                               layer.attributes["transB"] == OnnxAttribute(std::int64_t{1}));
  if (!conv && (layer.attributes.contains("alpha") || layer.attributes.contains("beta")))
    return false;
  const auto outputs = static_cast<size_t>(weights->shape[by_row ? 0 : 1]);
  const OnnxTensor *scale = floats_of(model, norm, 1, outputs),
                   *shift = floats_of(model, norm, 2, outputs);
  const OnnxTensor *mean = floats_of(model, norm, 3, outputs),
                   *variance = floats_of(model, norm, 4, outputs);
  const bool has_bias = layer.inputs.size() > 2 && !layer.inputs[2].empty();
  const OnnxTensor* bias = has_bias ? floats_of(model, layer, 2, outputs) : nullptr;
  if (outputs == 0 || !scale || !shift || !mean || !variance || (has_bias && !bias)) return false;
  const auto written = norm.attributes.find("epsilon");
  const float epsilon =
      written != norm.attributes.end() && std::holds_alternative<float>(written->second)
          ? std::get<float>(written->second)
          : default_epsilon;

  OnnxTensor new_weights = *weights,
             new_bias = OnnxTensor::of_floats({static_cast<std::int64_t>(outputs)},
                                              std::vector<float>(outputs));
  const size_t inner = weights->floats.size() / outputs;
  for (size_t n = 0; n < outputs; ++n) {
    const float gain = scale->floats[n] / std::sqrt(variance->floats[n] + epsilon);
    if (!std::isfinite(gain)) return false;
    for (size_t k = 0; k < inner; ++k)
      new_weights.floats[by_row ? n * inner + k : k * outputs + n] *= gain;
    new_bias.floats[n] =
        ((bias ? bias->floats[n] : 0.0f) - mean->floats[n]) * gain + shift->floats[n];
  }
  layer.inputs.resize(3);
  layer.inputs[1] = layer.name + "/folded_weights";
  layer.inputs[2] = layer.name + "/folded_bias";
  model.constants[layer.inputs[1]] = std::move(new_weights);
  model.constants[layer.inputs[2]] = std::move(new_bias);
  layer.outputs = {norm.outputs[0]};
  return true;
}

}  // namespace

void fold_batch_normalization(OnnxModel& model) {
  std::erase_if(model.nodes, [&](const OnnxNode& norm) {
    if (norm.type != "BatchNormalization" || norm.inputs.size() != 5 || norm.outputs.empty())
      return false;
    for (OnnxNode& layer : model.nodes) {
      const bool before = layer.outputs.size() == 1 && layer.outputs[0] == norm.inputs[0];
      if (before && (layer.type == "Conv" || layer.type == "Gemm" || layer.type == "MatMul") &&
          reader_count(model, norm.inputs[0]) == 1)
        return fold(model, norm, layer);
    }
    return false;
  });
}

BuiltOperator build_batch_normalization(NodeReader& node) {
  throw node.error(
      "cannot be folded: it must follow a Conv, Gemm or MatMul whose output nothing else reads, with "
      "constant scale, shift, mean and variance");
}

}  // namespace mho::chip
