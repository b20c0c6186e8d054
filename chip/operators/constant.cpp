// Constant: a tensor written as a node. All, and Identity of a constant, are moved to the model's
// constants before anything is built.
#include "chip/operators/operator.hpp"

namespace mho::chip {

void take_out_constants(OnnxModel& model) {
  std::erase_if(model.nodes, [&](const OnnxNode& node) {
    if (node.type == "Identity" && node.inputs.size() == 1 && node.outputs.size() == 1) {
      const auto shared = model.constants.find(node.inputs[0]);
      if (shared == model.constants.end()) return false;
      model.constants[node.outputs[0]] = shared->second;
      return true;
    }
    if (node.type != "Constant" || node.outputs.size() != 1) return false;
    const auto value = node.attributes.find("value");
    if (value == node.attributes.end() || !std::holds_alternative<OnnxTensor>(value->second))
      return false;
    model.constants[node.outputs[0]] = std::get<OnnxTensor>(value->second);
    return true;
  });
}

BuiltOperator build_constant(NodeReader& node) {
  throw node.error("has no attribute 'value' that is a tensor; other forms are not supported");
}

}  // namespace mho::chip
