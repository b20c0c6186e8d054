// A convolutional network with few-bit activations as libtorch tensors, with noise on its weights.
#pragma once
#include <torch/torch.h>

#include <vector>

#include "core/random.hpp"
#include "train/training_options.hpp"

namespace mho::train {

// Rounds x, limited to 0 … clip, to multiples of clip / (2^bits − 1), half to even: the arithmetic
// of ONNX Clip and QuantizeLinear. The gradient passes straight through inside the limits and goes
// to `clip` above (Choi et al., PACT, arXiv:1805.06085, Eq. 2 and 3).
torch::Tensor quantize_activation(const torch::Tensor& x, const torch::Tensor& clip, int bits);

// One matrix of the network with what comes with it.
struct Matrix {
  torch::Tensor weights;  // convolution: outputs × channels × rows × columns; dense: outputs × inputs
  torch::Tensor bias;     // outputs; the offset of batch normalisation where there is one
  torch::Tensor gain;     // outputs; undefined without batch normalisation
  torch::Tensor mean, variance;  // outputs; running statistics of batch normalisation
  int stride = 1;
  int input = -1;         // clip level that quantised its input; −1: the image

  bool is_conv() const { return weights.dim() == 4; }
  bool normalised() const { return gain.defined(); }
  // gain / sqrt(variance + eps), by output; ones without batch normalisation.
  torch::Tensor scale() const;
};

inline constexpr double batch_normalization_epsilon = 1e-3;

enum class Pass {
  training,  // batch normalisation by the statistics of the batch, which the running ones follow
  folded     // batch normalisation folded into weights and biases, as the chip holds them
};

// Layers use matrices in order; a block has those of its two convolutions and then, where channels or size change, that of the 1 × 1
// convolution beside them. Clip levels: one for each activation that becomes codes, in order.
struct QuantizedCnn {
  std::vector<Layer> layers;
  int channels = 1, height = 0, width = 0;  // of an input image
  int activation_bits = 3, average_bits = 4;
  double input_full_scale = 1.0;
  bool noise_by_column = false;
  std::vector<Matrix> matrices;
  std::vector<torch::Tensor> clips;  // scalars

  // Weights: normal, standard deviation sqrt(2 / inputs) (He et al., arXiv:1502.01852); biases 0.
  QuantizedCnn(const TrainingOptions& options, int channels, int height, int width);
  std::vector<torch::Tensor> parameters() const;  // what training changes: weights, biases, clips, gains
  std::vector<torch::Tensor> state() const;       // parameters and running statistics
  void set_state(const std::vector<torch::Tensor>& values);
  bool normalised() const;
  // Puts batch normalisation into weights and biases, for good: parameters() and state() are weights, biases and clips from then on.
  void fold();
  std::vector<torch::Tensor> folded() const;  // copies of what state() would be after fold()
  // images: B × channels × height × width, already rounded to their codes. Result: B × classes. With noise > 0, each matrix gets normal noise of
  // standard deviation noise · max |weights| of its folded weights (of each output, with noise_by_column), and its bias that times its input's full scale (the bias is a row driven
  // at the full-scale code).
  torch::Tensor forward(const torch::Tensor& images, double noise, RandomStream& random, Pass pass = Pass::folded) const;
  // Keeps weights within ± weight_clip standard deviations of their matrix, or of their output with noise_by_column (0: no limit), biases without batch normalisation within what
  // bias_rows rows at the full-scale input can add, clip levels positive.
  void limit_parameters(double weight_clip, double bias_rows);
  // Value of the largest code of a matrix' input.
  double full_scale(const Matrix& matrix) const;
};

}  // namespace mho::train
