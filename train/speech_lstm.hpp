// Parallel LSTM cells with few-bit inputs of their matrices as libtorch tensors, with noise on their weights: the speech network of the
// NeuRRAM chip (Wan et al., Nature 608, 504, 2022).
#pragma once
#include <torch/torch.h>

#include <vector>

#include "core/random.hpp"
#include "train/speech_options.hpp"

namespace mho::train {

// Rounds x, limited to ± limit, to multiples of limit / (2^(bits−1) − 1), half to even: the arithmetic of ONNX Clip and QuantizeLinear. The
// gradient passes straight through inside of the limits.
torch::Tensor quantize_signed(const torch::Tensor& x, double limit, int bits);

struct SpeechLstm {
  int cells = 0, hidden = 0, inputs = 0, outputs = 0, hidden_bits = 4;
  double input_clip = 1.0;
  // Gates in ONNX's order: input, output, forget, cell.
  torch::Tensor input_weights, hidden_weights, output_weights;  // cells × 4 hidden × inputs, × 4 hidden × hidden, × outputs × hidden
  torch::Tensor input_bias, hidden_bias, output_bias;           // cells × 4 hidden, × 4 hidden, × outputs

  // Weights: uniform within ± 1 / sqrt(hidden) or the weight limit, whichever is less. Biases 0, but the forget gate's as near to 1
  // as one row at full-scale input can add.
  SpeechLstm(const SpeechOptions& options, int inputs, int outputs);
  std::vector<torch::Tensor> parameters() const;
  void set_parameters(const std::vector<torch::Tensor>& values);
  // x: B × frames × inputs, already rounded to their codes. Result: B × outputs, the sum over cells after the last frame. With noise > 0 each
  // matrix's weights get normal noise of standard deviation noise · max |weights|, the same in all frames, and its bias that times its
  // input's full scale (the bias is a row driven at the full-scale code).
  torch::Tensor forward(const torch::Tensor& x, double noise, RandomStream& random) const;
  // Keeps weights within ± limit, biases within what one row at full-scale input can add.
  void limit_parameters(double limit);
};

}  // namespace mho::train
