// Identity, and Dropout as it is in inference: the output is the input. Exporters also write Identity for a constant
// that two nodes share; take_out_constants resolves those.
#include "chip/operators/operator.hpp"

namespace mho::chip {

BuiltOperator build_identity(NodeReader& node) { return {.result = node.input(), .kernel = {}}; }

BuiltOperator build_dropout(NodeReader& node) {
  const OnnxTensor* training = node.constant(2);
  if (training && (training->integers.empty() || training->integers[0] != 0))
    throw node.error("is in training mode; export the network in evaluation mode");
  return build_identity(node);
}

}  // namespace mho::chip
