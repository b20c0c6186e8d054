// The list of operators: a declaration and a line for each.
#include "chip/operators/operator.hpp"

namespace mho::chip {

BuiltOperator build_batch_normalization(NodeReader& node);
BuiltOperator build_clip(NodeReader& node);
BuiltOperator build_constant(NodeReader& node);
BuiltOperator build_conv(NodeReader& node);
BuiltOperator build_dequantize(NodeReader& node);
BuiltOperator build_flatten(NodeReader& node);
BuiltOperator build_gemm(NodeReader& node);
BuiltOperator build_matmul(NodeReader& node);
BuiltOperator build_max_pool(NodeReader& node);
BuiltOperator build_quantize(NodeReader& node);
BuiltOperator build_relu(NodeReader& node);
BuiltOperator build_reshape(NodeReader& node);
void fold_batch_normalization(OnnxModel& model);
void take_out_constants(OnnxModel& model);

std::span<const OperatorEntry> operators() {
  static constexpr OperatorEntry list[] = {
      {"BatchNormalization", build_batch_normalization, fold_batch_normalization},
      {"Clip", build_clip},
      {"Constant", build_constant, take_out_constants},
      {"Conv", build_conv},
      {"DequantizeLinear", build_dequantize},
      {"Flatten", build_flatten},
      {"Gemm", build_gemm},
      {"MatMul", build_matmul},
      {"MaxPool", build_max_pool},
      {"QuantizeLinear", build_quantize},
      {"Relu", build_relu},
      {"Reshape", build_reshape},
  };
  return list;
}

}  // namespace mho::chip
