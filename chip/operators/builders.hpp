// One builder for each operator; each is defined in the file named beside it.
#pragma once
#include "chip/operators/operator.hpp"

namespace mho::chip {

BuiltOperator build_conv(NodeReader& node);                  // conv.cpp
BuiltOperator build_gemm(NodeReader& node);                  // dense.cpp
BuiltOperator build_matmul(NodeReader& node);                // dense.cpp
BuiltOperator build_relu(NodeReader& node);                  // activation.cpp
BuiltOperator build_clip(NodeReader& node);                  // activation.cpp
BuiltOperator build_quantize(NodeReader& node);              // quantize.cpp
BuiltOperator build_dequantize(NodeReader& node);            // quantize.cpp
BuiltOperator build_max_pool(NodeReader& node);              // max_pool.cpp
BuiltOperator build_flatten(NodeReader& node);               // flatten.cpp
BuiltOperator build_reshape(NodeReader& node);               // flatten.cpp
BuiltOperator build_batch_normalization(NodeReader& node);   // batch_normalization.cpp
void fold_batch_normalization(OnnxModel& model);             // batch_normalization.cpp
BuiltOperator build_constant(NodeReader& node);              // constant.cpp
void take_out_constants(OnnxModel& model);                   // constant.cpp

}  // namespace mho::chip
