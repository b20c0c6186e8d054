#include "chip/rbm.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chip/onnx_reader.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"

namespace mho::chip {
namespace {

const std::vector<std::string> pass{"Gemm", "Sigmoid", "Gemm", "Sigmoid"};

std::int64_t whole_attribute(const OnnxNode& node, const std::string& name, std::int64_t fallback) {
  const auto found = node.attributes.find(name);
  return found == node.attributes.end() ? fallback : std::get<std::int64_t>(found->second);
}

OnnxTensor tensor(const Eigen::VectorXf& v) { return OnnxTensor::of_floats({v.size()}, {v.begin(), v.end()}); }

}  // namespace

Rbm read_rbm(const std::string& path) {
  const OnnxModel model = read_onnx(path);
  const auto fail = [&](const std::string& what) -> void {
    throw ConfigError(path, 0, "", "is not a restricted Boltzmann machine: " + what);
  };
  if (model.nodes.size() != pass.size()) fail(fmt::format("{} nodes, expected Gemm, Sigmoid, Gemm, Sigmoid", model.nodes.size()));
  for (size_t n = 0; n < pass.size(); ++n) {
    if (model.nodes[n].type != pass[n]) fail(fmt::format("node {} is {}, expected {}", n + 1, model.nodes[n].type, pass[n]));
    if (model.nodes[n].inputs.size() != (pass[n] == "Gemm" ? 3u : 1u)) fail(fmt::format("node '{}' has {} inputs", model.nodes[n].name, model.nodes[n].inputs.size()));
    const std::string& from = n == 0 ? (model.inputs.empty() ? std::string() : model.inputs[0].name) : model.nodes[n - 1].outputs.at(0);
    if (model.nodes[n].inputs[0] != from) fail(fmt::format("node '{}' does not read '{}'", model.nodes[n].name, from));
  }
  const OnnxNode &up = model.nodes[0], &down = model.nodes[2];
  if (up.inputs[1] != down.inputs[1]) fail(fmt::format("the two Gemm have weights '{}' and '{}', expected the same", up.inputs[1], down.inputs[1]));
  if (whole_attribute(up, "transB", 0) != 0 || whole_attribute(down, "transB", 0) != 1) fail("expected transB = 0 in the first Gemm and 1 in the second");
  for (const OnnxNode* node : {&up, &down})
    for (const auto& [name, value] : node->attributes) {
      const auto* factor = std::get_if<float>(&value);
      if (name != "transB" && !(name == "transA" && whole_attribute(*node, name, 0) == 0) && !(factor && *factor == 1.0f)) fail(fmt::format("node '{}' has the attribute '{}'", node->name, name));
    }
  const auto constant = [&](const std::string& name, size_t dimensions) -> const OnnxTensor& {
    const auto found = model.constants.find(name);
    if (found == model.constants.end() || found->second.type != ElementType::float32 || found->second.shape.size() != dimensions) fail(fmt::format("'{}' is not a float32 constant of {} dimension(s)", name, dimensions));
    return found->second;
  };
  const OnnxTensor &w = constant(up.inputs[1], 2), &c = constant(up.inputs[2], 1), &b = constant(down.inputs[2], 1);
  if (c.shape[0] != w.shape[1] || b.shape[0] != w.shape[0]) fail(fmt::format("{}×{} weights with {} hidden and {} visible biases", w.shape[0], w.shape[1], c.shape[0], b.shape[0]));
  if (w.shape[0] <= Rbm::labels || w.shape[1] < 1) fail(fmt::format("{} visible and {} hidden units, expected pixels, {} labels and hidden units", w.shape[0], w.shape[1], Rbm::labels));
  Rbm rbm;
  rbm.weights = Eigen::Map<const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>(w.floats.data(), w.shape[0], w.shape[1]);
  rbm.hidden_bias = Eigen::Map<const Eigen::VectorXf>(c.floats.data(), c.shape[0]);
  rbm.visible_bias = Eigen::Map<const Eigen::VectorXf>(b.floats.data(), b.shape[0]);
  rbm.metadata = model.metadata;
  return rbm;
}

OnnxModel to_onnx(const Rbm& rbm) {
  OnnxModel model;
  const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> w = rbm.weights;
  model.constants["weights"] = OnnxTensor::of_floats({w.rows(), w.cols()}, {w.data(), w.data() + w.size()});
  model.constants["hidden_bias"] = tensor(rbm.hidden_bias);
  model.constants["visible_bias"] = tensor(rbm.visible_bias);
  model.inputs = {{"visible", {-1, rbm.visible()}}};
  model.outputs = {{"visible_probability", {-1, rbm.visible()}}};
  model.nodes = {{"to_hidden", "Gemm", {"visible", "weights", "hidden_bias"}, {"hidden_log_odds"}, {}},
                 {"hidden_sigmoid", "Sigmoid", {"hidden_log_odds"}, {"hidden_probability"}, {}},
                 {"to_visible", "Gemm", {"hidden_probability", "weights", "visible_bias"}, {"visible_log_odds"}, {{"transB", std::int64_t{1}}}},
                 {"visible_sigmoid", "Sigmoid", {"visible_log_odds"}, {"visible_probability"}, {}}};
  model.metadata = rbm.metadata;
  return model;
}

Rbm with_few_bits(const Rbm& rbm, int bits) {
  Rbm rounded = rbm;
  const float step = rbm.weights.cwiseAbs().maxCoeff() / static_cast<float>((1 << (bits - 1)) - 1);
  if (step > 0) rounded.weights = rbm.weights.unaryExpr([step](float w) { return step * std::nearbyint(w / step); });
  return rounded;
}

Rbm with_noise(const Rbm& rbm, double level, std::uint64_t seed, std::uint32_t draw) {
  Rbm noisy = rbm;
  RandomStream random(seed, draw, 0, 0, Purpose::weights);
  for (float& w : noisy.weights.reshaped()) w += static_cast<float>(level * random.normal());
  for (float& b : noisy.visible_bias) b += static_cast<float>(2 * level * random.normal());
  for (float& c : noisy.hidden_bias) c += static_cast<float>(4 * level * random.normal());
  return noisy;
}

void SoftwareRbm::to_hidden(const InputCodes& visible, Eigen::MatrixXf& log_odds) const {
  log_odds.noalias() = rbm_.weights.transpose() * (lsb_ * visible.cast<float>());
  log_odds.colwise() += rbm_.hidden_bias;
}

void SoftwareRbm::to_visible(const InputCodes& hidden, Eigen::MatrixXf& log_odds) const {
  log_odds.noalias() = rbm_.weights * hidden.cast<float>();
  log_odds.colwise() += rbm_.visible_bias;
}

}  // namespace mho::chip
