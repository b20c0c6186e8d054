// A trained network as ONNX nodes (docs/networks.md).
#pragma once
#include "chip/onnx_model.hpp"
#include "train/quantized_cnn.hpp"
#include "train/trainer.hpp"

namespace mho::train {

chip::OnnxModel to_onnx(const QuantizedCnn& network, const TrainingOptions& options,
                        const TrainingResult& result, const chip::ImageSet& images);

}  // namespace mho::train
