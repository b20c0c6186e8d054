// The list of operators.
#include "chip/operators/builders.hpp"

namespace mho::chip {

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
