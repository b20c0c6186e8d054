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

struct QuantizedCnn {
  std::vector<Layer> layers;
  int height = 0, width = 0;  // of an input image
  int activation_bits = 3;
  std::vector<torch::Tensor>
      weights;  // convolution: outputs × channels × 3 × 3; dense: outputs × inputs
  std::vector<torch::Tensor> biases;  // outputs
  std::vector<torch::Tensor> clips;   // scalars, one for each layer with weights but the last

  // Weights: normal, standard deviation sqrt(2 / inputs) (He et al., arXiv:1502.01852); biases 0.
  QuantizedCnn(const TrainingOptions& options, int height, int width);
  std::vector<torch::Tensor> parameters() const;  // weights, biases, clips
  void set_parameters(const std::vector<torch::Tensor>& values);
  // images: B × 1 × height × width, already rounded to their codes. Result: B × classes. With noise
  // > 0, each layer's weights get normal noise of standard deviation noise · max |weights|, and its
  // bias that times its input's full scale (the bias is a row driven at the full-scale code).
  torch::Tensor forward(const torch::Tensor& images, double noise, RandomStream& random) const;
  // Keeps weights within ± limit standard deviations of their layer, biases within what one row at
  // full-scale input can add, clip levels positive. limit 0: clip levels only.
  void limit_parameters(double limit);
};

}  // namespace mho::train
