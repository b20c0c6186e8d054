// The list of operators: a declaration and a line for each.
#include "chip/operators/operator.hpp"

namespace mho::chip {

BuiltOperator build_add(NodeReader& node);
BuiltOperator build_average_pool(NodeReader& node);
BuiltOperator build_batch_normalization(NodeReader& node);
BuiltOperator build_clip(NodeReader& node);
BuiltOperator build_constant(NodeReader& node);
BuiltOperator build_conv(NodeReader& node);
BuiltOperator build_dequantize(NodeReader& node);
BuiltOperator build_div(NodeReader& node);
BuiltOperator build_dropout(NodeReader& node);
BuiltOperator build_flatten(NodeReader& node);
BuiltOperator build_gather(NodeReader& node);
BuiltOperator build_gemm(NodeReader& node);
BuiltOperator build_global_average_pool(NodeReader& node);
BuiltOperator build_identity(NodeReader& node);
BuiltOperator build_lstm(NodeReader& node);
BuiltOperator build_matmul(NodeReader& node);
BuiltOperator build_max_pool(NodeReader& node);
BuiltOperator build_mul(NodeReader& node);
BuiltOperator build_quantize(NodeReader& node);
BuiltOperator build_reduce_mean(NodeReader& node);
BuiltOperator build_relu(NodeReader& node);
BuiltOperator build_reshape(NodeReader& node);
BuiltOperator build_sigmoid(NodeReader& node);
BuiltOperator build_softmax(NodeReader& node);
BuiltOperator build_squeeze(NodeReader& node);
BuiltOperator build_sub(NodeReader& node);
BuiltOperator build_tanh(NodeReader& node);
BuiltOperator build_transpose(NodeReader& node);
BuiltOperator build_unsqueeze(NodeReader& node);
void fold_added_bias(OnnxModel& model);
void fold_batch_normalization(OnnxModel& model);
void simplify_lstm(OnnxModel& model);
void take_out_constants(OnnxModel& model);
void take_out_shapes(OnnxModel& model);

std::span<const OperatorEntry> operators() {
  static constexpr OperatorEntry list[] = {
      {"Add", build_add},
      {"AveragePool", build_average_pool},
      {"BatchNormalization", build_batch_normalization},
      {"Clip", build_clip},
      {"Constant", build_constant},
      {"Conv", build_conv},
      {"DequantizeLinear", build_dequantize},
      {"Div", build_div},
      {"Dropout", build_dropout},
      {"Flatten", build_flatten},
      {"Gather", build_gather},
      {"Gemm", build_gemm},
      {"GlobalAveragePool", build_global_average_pool},
      {"Identity", build_identity},
      {"LSTM", build_lstm},
      {"MatMul", build_matmul},
      {"MaxPool", build_max_pool},
      {"Mul", build_mul},
      {"QuantizeLinear", build_quantize},
      {"ReduceMean", build_reduce_mean},
      {"Relu", build_relu},
      {"Reshape", build_reshape},
      {"Sigmoid", build_sigmoid},
      {"Softmax", build_softmax},
      {"Squeeze", build_squeeze},
      {"Sub", build_sub},
      {"Tanh", build_tanh},
      {"Transpose", build_transpose},
      {"Unsqueeze", build_unsqueeze},
  };
  return list;
}

std::span<const Rewrite> rewrites() {
  static constexpr Rewrite list[] = {take_out_constants, take_out_shapes, fold_added_bias, fold_batch_normalization, simplify_lstm};
  return list;
}

}  // namespace mho::chip
