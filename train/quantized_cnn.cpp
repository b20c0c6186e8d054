#include "train/quantized_cnn.hpp"

#include <algorithm>
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

torch::Tensor Matrix::scale() const { return normalised() ? gain / torch::sqrt(variance + batch_normalization_epsilon) : torch::ones_like(bias); }

QuantizedCnn::QuantizedCnn(const TrainingOptions& options, int image_channels, int image_height, int image_width)
    : layers(parse_layers(options.layers, "")),
      channels(image_channels),
      height(image_height),
      width(image_width),
      activation_bits(options.activation_bits),
      average_bits(options.average_bits),
      input_full_scale(options.input_full_scale),
      noise_by_column(options.noise_by_column) {
  std::int64_t inputs = channels, h = height, w = width;
  const auto add_matrix = [&](std::vector<std::int64_t> shape, int stride, bool normalised, int input) {
    RandomStream random(options.seed, 0, 0, static_cast<std::uint32_t>(matrices.size()), Purpose::weights);
    Matrix m{.weights = {}, .bias = torch::zeros({shape[0]}), .gain = {}, .mean = {}, .variance = {}, .stride = stride, .input = input};
    double fan_in = 1;
    for (size_t i = 1; i < shape.size(); ++i) fan_in *= static_cast<double>(shape[i]);
    m.weights = normal_tensor(shape, random) * std::sqrt(2.0 / fan_in);
    if (normalised) {
      m.gain = torch::ones_like(m.bias);
      m.mean = torch::zeros_like(m.bias);
      m.variance = torch::ones_like(m.bias);
    }
    matrices.push_back(std::move(m));
  };
  const auto add_clip = [&](double level) { clips.push_back(torch::full({}, level)); };
  const auto latest = [&] { return static_cast<int>(clips.size()) - 1; };
  const auto halve = [&](int stride) {
    h = (h + stride - 1) / stride;
    w = (w + stride - 1) / stride;
  };
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    const std::int64_t outputs = layer.outputs;
    const bool last = i + 1 == layers.size();
    switch (layer.kind) {
      case Layer::Kind::pool:
        halve(2);
        continue;
      case Layer::Kind::average:
        h = w = 1;
        add_clip(options.initial_average_clip);
        continue;
      case Layer::Kind::conv:
        add_matrix({outputs, inputs, 3, 3}, layer.stride, options.batch_normalization, latest());
        halve(layer.stride);
        break;
      case Layer::Kind::block: {
        const int from = latest();
        add_matrix({outputs, inputs, 3, 3}, layer.stride, options.batch_normalization, from);
        add_clip(options.initial_clip);
        add_matrix({outputs, outputs, 3, 3}, 1, options.batch_normalization, latest());
        if (layer.stride != 1 || outputs != inputs) add_matrix({outputs, inputs, 1, 1}, layer.stride, false, from);
        halve(layer.stride);
        break;
      }
      case Layer::Kind::dense:
        add_matrix({outputs, inputs * h * w}, 1, false, latest());
        h = w = 1;
        break;
    }
    if (!last) add_clip(options.initial_clip);
    inputs = outputs;
  }
  for (const torch::Tensor& p : parameters()) p.set_requires_grad(true);
}

std::vector<torch::Tensor> QuantizedCnn::parameters() const {
  std::vector<torch::Tensor> all;
  for (const Matrix& m : matrices) all.push_back(m.weights);
  for (const Matrix& m : matrices) all.push_back(m.bias);
  all.insert(all.end(), clips.begin(), clips.end());
  for (const Matrix& m : matrices)
    if (m.normalised()) all.push_back(m.gain);
  return all;
}

std::vector<torch::Tensor> QuantizedCnn::state() const {
  std::vector<torch::Tensor> all = parameters();
  for (const Matrix& m : matrices) {
    if (!m.normalised()) continue;
    all.push_back(m.mean);
    all.push_back(m.variance);
  }
  return all;
}

void QuantizedCnn::set_state(const std::vector<torch::Tensor>& values) {
  const torch::NoGradGuard guard;
  const std::vector<torch::Tensor> mine = state();
  for (size_t i = 0; i < mine.size(); ++i) mine[i].copy_(values[i]);
}

bool QuantizedCnn::normalised() const {
  return std::any_of(matrices.begin(), matrices.end(), [](const Matrix& m) { return m.normalised(); });
}

std::vector<torch::Tensor> QuantizedCnn::folded() const {
  const torch::NoGradGuard guard;
  std::vector<torch::Tensor> weights, rest;
  for (const Matrix& m : matrices) {
    const torch::Tensor scale = m.scale();
    weights.push_back(m.is_conv() ? m.weights * scale.reshape({-1, 1, 1, 1}) : m.weights.clone());
    rest.push_back(m.normalised() ? m.bias - m.mean * scale : m.bias.clone());
  }
  for (const torch::Tensor& c : clips) rest.push_back(c.clone());
  weights.insert(weights.end(), rest.begin(), rest.end());
  return weights;
}

void QuantizedCnn::fold() {
  const std::vector<torch::Tensor> values = folded();
  for (Matrix& m : matrices) m.gain = m.mean = m.variance = torch::Tensor();
  set_state(values);
}

double QuantizedCnn::full_scale(const Matrix& matrix) const {
  return matrix.input < 0 ? input_full_scale : clips[static_cast<size_t>(matrix.input)].item<double>();
}

namespace {

torch::Tensor product(const Matrix& m, const torch::Tensor& x, const torch::Tensor& weights, const torch::Tensor& bias) {
  return m.is_conv() ? torch::conv2d(x, weights, bias, m.stride, weights.size(2) / 2) : torch::linear(x.flatten(1), weights, bias);
}

// Shape that spreads a value for each output over the weights of a matrix.
std::vector<std::int64_t> by_output(const Matrix& m) { return m.is_conv() ? std::vector<std::int64_t>{-1, 1, 1, 1} : std::vector<std::int64_t>{-1, 1}; }

// a · max |weights| · b of each output, or of the whole matrix for all of them.
torch::Tensor largest_times(const torch::Tensor& weights, bool by_column, double a, double b = 1.0) {
  const torch::Tensor magnitude = weights.detach().abs().flatten(1);
  return by_column ? magnitude.amax(1) * a * b : torch::full({weights.size(0)}, a * magnitude.max().item<double>() * b);
}

// x times a matrix with its bias and batch normalisation.
torch::Tensor apply(const QuantizedCnn& network, const Matrix& m, const torch::Tensor& x, double noise, RandomStream& random, Pass pass) {
  const std::vector<std::int64_t> shape = by_output(m);
  if (pass == Pass::training && m.normalised()) {
    torch::Tensor w = m.weights;
    if (noise > 0.0) {
      // Noise of the folded weights, seen before normalisation.
      const torch::Tensor scale = m.scale().detach().abs().clamp_min(1e-6);
      const torch::Tensor sigma = largest_times(m.weights * scale.reshape(shape), network.noise_by_column, noise) / scale;
      w = w + normal_tensor(w.sizes(), random) * sigma.reshape(shape);
    }
    return torch::batch_norm(product(m, x, w, {}), m.gain, m.bias, m.mean, m.variance, true, 0.1, batch_normalization_epsilon, false);
  }
  torch::Tensor w = m.weights, b = m.bias;
  if (m.normalised()) {
    const torch::Tensor scale = m.scale();
    w = w * scale.reshape(shape);
    b = b - m.mean * scale;
  }
  if (noise > 0.0) {
    const torch::Tensor sigma = largest_times(w, network.noise_by_column, noise), of_bias = largest_times(w, network.noise_by_column, noise, network.full_scale(m));
    w = w + normal_tensor(w.sizes(), random) * sigma.reshape(shape);
    b = b + normal_tensor(b.sizes(), random) * of_bias;
  }
  return product(m, x, w, b);
}

}  // namespace

torch::Tensor QuantizedCnn::forward(const torch::Tensor& images, double noise, RandomStream& random, Pass pass) const {
  torch::Tensor x = images;
  size_t m = 0, clip = 0;  // next ones
  const auto next = [&](const torch::Tensor& input) { return apply(*this, matrices[m++], input, noise, random, pass); };
  const auto codes = [&](const torch::Tensor& y, int bits) { return quantize_activation(y, clips[clip++], bits); };
  for (size_t i = 0; i < layers.size(); ++i) {
    const Layer& layer = layers[i];
    switch (layer.kind) {
      case Layer::Kind::pool:
        continue;  // done with the layer before
      case Layer::Kind::average:
        x = codes(x.mean({2, 3}), average_bits);
        continue;
      case Layer::Kind::conv:
      case Layer::Kind::dense:
        x = next(x);
        break;
      case Layer::Kind::block: {
        const bool beside = layer.stride != 1 || x.size(1) != layer.outputs;
        const torch::Tensor inner = codes(next(x), activation_bits);
        const torch::Tensor sum = next(inner);
        x = sum + (beside ? next(x) : x);
        break;
      }
    }
    // Rounding keeps order, so pooling before it gives the same values and a gradient without ties.
    if (i + 1 < layers.size() && layers[i + 1].kind == Layer::Kind::pool) x = torch::max_pool2d(x, 2, 2, 0, 1, true);
    if (i + 1 < layers.size()) x = codes(x, activation_bits);
  }
  return x;
}

void QuantizedCnn::limit_parameters(double weight_clip, double bias_rows) {
  const torch::NoGradGuard guard;
  for (const torch::Tensor& c : clips) c.clamp_min_(smallest_clip);
  if (weight_clip <= 0.0) return;
  for (const Matrix& m : matrices) {
    const torch::Tensor flat = m.weights.flatten(1);
    const torch::Tensor most = noise_by_column ? weight_clip * flat.std(1) : torch::full({flat.size(0)}, weight_clip * flat.std().item<double>());
    m.weights.copy_(torch::minimum(torch::maximum(flat, -most.reshape({-1, 1})), most.reshape({-1, 1})).reshape(m.weights.sizes()));
    if (m.normalised()) continue;
    const torch::Tensor rows = largest_times(m.weights, noise_by_column, bias_rows * full_scale(m));
    m.bias.copy_(torch::minimum(torch::maximum(m.bias, -rows), rows));
  }
}

}  // namespace mho::train
