#include "train/speech_lstm.hpp"

#include <algorithm>
#include <cmath>

namespace mho::train {
namespace {

template <class Draw>
torch::Tensor drawn(at::IntArrayRef shape, Draw draw) {
  torch::Tensor t = torch::empty(shape);
  float* values = t.data_ptr<float>();
  for (std::int64_t i = 0; i < t.numel(); ++i) values[i] = static_cast<float>(draw());
  return t;
}

// max |weights| of each cell's matrix: cells × 1 × 1.
torch::Tensor largest(const torch::Tensor& weights) { return weights.detach().abs().amax({1, 2}, true); }

struct Matrix {
  torch::Tensor weights, bias;
};

Matrix with_noise(const torch::Tensor& weights, const torch::Tensor& bias, double full_scale, double noise, RandomStream& random) {
  if (noise <= 0.0) return {weights, bias};
  const auto normal = [&] { return random.normal(); };
  const torch::Tensor sigma = largest(weights) * noise;
  return {weights + drawn(weights.sizes(), normal) * sigma, bias + drawn(bias.sizes(), normal) * (sigma.squeeze(2) * full_scale)};
}

}  // namespace

torch::Tensor quantize_signed(const torch::Tensor& x, double limit, int bits) {
  const float lsb = static_cast<float>(limit) / static_cast<float>((1 << (bits - 1)) - 1);
  const torch::Tensor limited = x.clamp(-limit, limit);
  return limited + (limited.detach().div(lsb).round_().mul_(lsb) - limited.detach());
}

SpeechLstm::SpeechLstm(const SpeechOptions& o, int input_count, int output_count)
    : cells(o.cells), hidden(o.hidden), inputs(input_count), outputs(output_count), hidden_bits(o.hidden_bits), input_clip(o.input_clip) {
  RandomStream random(o.seed, 0, 0, 0, Purpose::weights);
  const double range = std::min(1.0 / std::sqrt(static_cast<double>(hidden)), o.weight_clip);
  const auto uniform = [&] { return range * (2 * random.uniform() - 1); };
  input_weights = drawn({cells, 4 * hidden, inputs}, uniform);
  hidden_weights = drawn({cells, 4 * hidden, hidden}, uniform);
  output_weights = drawn({cells, outputs, hidden}, uniform);
  input_bias = torch::zeros({cells, 4 * hidden});
  hidden_bias = torch::zeros({cells, 4 * hidden});
  output_bias = torch::zeros({cells, outputs});
  input_bias.narrow(1, 2 * hidden, hidden).fill_(std::min(1.0, range * input_clip));
  for (const torch::Tensor& p : parameters()) p.set_requires_grad(true);
}

std::vector<torch::Tensor> SpeechLstm::parameters() const {
  return {input_weights, hidden_weights, output_weights, input_bias, hidden_bias, output_bias};
}

void SpeechLstm::set_parameters(const std::vector<torch::Tensor>& values) {
  const torch::NoGradGuard guard;
  const std::vector<torch::Tensor> mine = parameters();
  for (size_t i = 0; i < mine.size(); ++i) mine[i].copy_(values[i]);
}

torch::Tensor SpeechLstm::forward(const torch::Tensor& x, double noise, RandomStream& random) const {
  const std::int64_t count = x.size(0), frames = x.size(1);
  const Matrix in = with_noise(input_weights, input_bias, input_clip, noise, random);
  const Matrix state = with_noise(hidden_weights, hidden_bias, 1.0, noise, random);
  const Matrix out = with_noise(output_weights, output_bias, 1.0, noise, random);
  // All frames at once, then apart: frames × (cells × B × 4 hidden).
  const std::vector<torch::Tensor> from_input =
      torch::linear(x.transpose(0, 1).reshape({frames * count, inputs}), in.weights.reshape({-1, inputs}), in.bias.reshape({-1}))
          .view({frames, count, cells, 4 * hidden})
          .transpose(1, 2)
          .unbind(0);
  const torch::Tensor weights = state.weights.transpose(1, 2), bias = state.bias.unsqueeze(1);
  torch::Tensor h = torch::zeros({cells, count, hidden}), c = torch::zeros({cells, count, hidden});
  for (const torch::Tensor& frame : from_input) {
    const torch::Tensor sum = torch::baddbmm(bias, h, weights) + frame;
    const std::vector<torch::Tensor> gates = sum.narrow(2, 0, 3 * hidden).sigmoid().chunk(3, 2);
    c = gates[2] * c + gates[0] * sum.narrow(2, 3 * hidden, hidden).tanh();
    h = quantize_signed(gates[1] * c.tanh(), 1.0, hidden_bits);
  }
  return torch::baddbmm(out.bias.unsqueeze(1), h, out.weights.transpose(1, 2)).sum(0);
}

void SpeechLstm::limit_parameters(double limit) {
  const torch::NoGradGuard guard;
  const auto apply = [&](const torch::Tensor& weights, const torch::Tensor& bias, double full_scale) {
    weights.clamp_(-limit, limit);
    const torch::Tensor row = largest(weights).squeeze(2) * full_scale;
    bias.copy_(torch::minimum(torch::maximum(bias, -row), row));
  };
  apply(input_weights, input_bias, input_clip);
  apply(hidden_weights, hidden_bias, 1.0);
  apply(output_weights, output_bias, 1.0);
}

}  // namespace mho::train
