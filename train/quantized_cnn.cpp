#include "train/quantized_cnn.hpp"

#include <cmath>

namespace mho::train {
namespace {

constexpr double smallest_clip =
    0.05;  // [1] a clip level that shrinks to zero would silence its layer for good

torch::Tensor normal_tensor(at::IntArrayRef shape, RandomStream& random) {
  torch::Tensor t = torch::empty(shape);
  float* values = t.data_ptr<float>();
  for (std::int64_t i = 0; i < t.numel(); ++i) values[i] = static_cast<float>(random.normal());
  return t;
}

class QuantizeActivation : public torch::autograd::Function<QuantizeActivation> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& clip, std::int64_t steps) {
    const float limit = clip.item<float>();
    const float lsb = limit / static_cast<float>(steps);
    context->save_for_backward({x});
    context->saved_data["clip"] = static_cast<double>(limit);
    return x.clamp(0.0, limit).div_(lsb).round_().mul_(lsb);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const torch::Tensor x = context->get_saved_variables()[0];
    const torch::Tensor& g = gradients[0];
    const double limit = context->saved_data["clip"].toDouble();
    const torch::Tensor above = x.ge(limit);
    return {g * x.gt(0.0).logical_and_(above.logical_not()), g.mul(above).sum(), torch::Tensor()};
  }
};

}  // namespace

torch::Tensor quantize_activation(const torch::Tensor& x, const torch::Tensor& clip, int bits) {
  return QuantizeActivation::apply(x, clip, (std::int64_t{1} << bits) - 1);
}

QuantizedCnn::QuantizedCnn(const TrainingOptions& options, int image_height, int image_width)
    : layers(parse_layers(options.layers, "")),
      height(image_height),
      width(image_width),
      activation_bits(options.activation_bits) {
  std::int64_t channels = 1, h = height, w = width;
  bool flat = false;
  for (const Layer& layer : layers) {
    if (layer.kind == Layer::Kind::pool) {
      h = (h + 1) / 2;
      w = (w + 1) / 2;
      continue;
    }
    const bool conv = layer.kind == Layer::Kind::conv;
    const std::int64_t inputs = conv ? 9 * channels : flat ? channels : channels * h * w;
    RandomStream random(options.seed, 0, 0, static_cast<std::uint32_t>(weights.size()),
                        Purpose::weights);
    const std::vector<std::int64_t> shape =
        conv ? std::vector<std::int64_t>{layer.outputs, channels, 3, 3}
             : std::vector<std::int64_t>{layer.outputs, inputs};
    weights.push_back(normal_tensor(shape, random) * std::sqrt(2.0 / static_cast<double>(inputs)));
    biases.push_back(torch::zeros({layer.outputs}));
    if (weights.size() > 1) clips.push_back(torch::full({}, options.initial_clip));
    channels = layer.outputs;
    flat = !conv;
  }
  for (const torch::Tensor& p : parameters()) p.set_requires_grad(true);
}

std::vector<torch::Tensor> QuantizedCnn::parameters() const {
  std::vector<torch::Tensor> all = weights;
  all.insert(all.end(), biases.begin(), biases.end());
  all.insert(all.end(), clips.begin(), clips.end());
  return all;
}

void QuantizedCnn::set_parameters(const std::vector<torch::Tensor>& values) {
  const torch::NoGradGuard guard;
  const std::vector<torch::Tensor> mine = parameters();
  for (size_t i = 0; i < mine.size(); ++i) mine[i].copy_(values[i]);
}

torch::Tensor QuantizedCnn::forward(const torch::Tensor& images, double noise,
                                    RandomStream& random) const {
  torch::Tensor x = images;
  size_t m = 0;  // number of layers with weights so far
  for (size_t i = 0; i < layers.size(); ++i) {
    if (layers[i].kind == Layer::Kind::pool) continue;  // done with the layer before
    torch::Tensor w = weights[m], b = biases[m];
    if (noise > 0.0) {
      const double sigma = noise * w.detach().abs().max().item<double>();
      const double full_scale = m == 0 ? 1.0 : clips[m - 1].item<double>();
      w = w + normal_tensor(w.sizes(), random) * sigma;
      b = b + normal_tensor(b.sizes(), random) * (sigma * full_scale);
    }
    x = layers[i].kind == Layer::Kind::conv ? torch::conv2d(x, w, b, 1, 1)
                                            : torch::linear(x.flatten(1), w, b);
    // Rounding keeps order, so pooling before it gives the same values and a gradient without ties.
    if (i + 1 < layers.size() && layers[i + 1].kind == Layer::Kind::pool)
      x = torch::max_pool2d(x, 2, 2, 0, 1, true);
    if (m < clips.size()) x = quantize_activation(x, clips[m], activation_bits);
    ++m;
  }
  return x;
}

void QuantizedCnn::limit_parameters(double limit) {
  const torch::NoGradGuard guard;
  for (const torch::Tensor& c : clips) c.clamp_min_(smallest_clip);
  if (limit <= 0.0) return;
  for (size_t m = 0; m < weights.size(); ++m) {
    const double most = limit * weights[m].std().item<double>();
    weights[m].clamp_(-most, most);
    const double full_scale = m == 0 ? 1.0 : clips[m - 1].item<double>();
    const double row = weights[m].abs().max().item<double>() * full_scale;
    biases[m].clamp_(-row, row);
  }
}

}  // namespace mho::train
