// Gemm and MatMul: a dense layer, input codes times a constant matrix. A MatMul may act on every frame
// of a sequence, and has a bias (input 2) where an Add behind it was folded into it.
#include <fmt/format.h>

#include "chip/operators/operator.hpp"

namespace mho::chip {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// The weights K × N from a tensor K × N, or N × K when transposed.
Eigen::MatrixXf matrix_of(const NodeReader& node, bool transposed) {
  const OnnxTensor& weights = node.required_constant(1, "the weights");
  const int inputs = node.codes_input().channels;
  const bool frames = node.node().type == "MatMul" && node.input().axes.back() == 'C';
  if (node.input().positions() != 1 && !frames)
    throw node.error("its input is an image; put Flatten before it");
  if (weights.type != ElementType::float32 || weights.shape.size() != 2 ||
      weights.shape[transposed ? 1 : 0] != inputs || weights.size() == 0) {
    throw node.error(fmt::format(
        "its weights are of shape [{}]; expected float [{}]", fmt::join(weights.shape, ", "),
        transposed ? fmt::format("outputs, {}", inputs) : fmt::format("{}, outputs", inputs)));
  }
  const Eigen::Map<const RowMajor> stored(weights.floats.data(), weights.shape[0],
                                          weights.shape[1]);
  return transposed ? Eigen::MatrixXf(stored.transpose()) : Eigen::MatrixXf(stored);
}

BuiltOperator build_dense(NodeReader& node, Eigen::MatrixXf weights, Eigen::VectorXf bias) {
  const ValueInfo& in = node.input();
  const ValueInfo result{.channels = static_cast<int>(weights.cols()),
                         .height = in.height,
                         .width = in.width,
                         .axes = in.axes == "NCHW" ? "NC" : in.axes};
  const size_t matrix = node.add_matrix(std::move(weights), std::move(bias), in.positions());
  const auto kernel = [matrix](std::span<const Value* const> inputs, Value& output,
                               const Run& run) {
    run.engine.multiply(matrix, inputs[0]->codes, output.floats);
    if (run.observe) run.observe(run.first_image, matrix, inputs[0]->codes, output.floats);
  };
  return {.result = result, .kernel = kernel};
}

}  // namespace

BuiltOperator build_gemm(NodeReader& node) {
  if (node.integer("transA", 0) != 0)
    throw node.error("attribute 'transA' is not supported unless 0");
  Eigen::MatrixXf weights =
      node.number("alpha", 1.0f) * matrix_of(node, node.integer("transB", 0) != 0);
  Eigen::VectorXf bias = Eigen::VectorXf::Zero(weights.cols());
  if (node.constant(2)) {
    const std::vector<float>& c = node.floats(2, "the bias", static_cast<size_t>(weights.cols()));
    bias = node.number("beta", 1.0f) * Eigen::Map<const Eigen::VectorXf>(c.data(), weights.cols());
  }
  return build_dense(node, std::move(weights), std::move(bias));
}

BuiltOperator build_matmul(NodeReader& node) {
  Eigen::MatrixXf weights = matrix_of(node, false);
  Eigen::VectorXf bias = Eigen::VectorXf::Zero(weights.cols());
  if (node.constant(2))
    bias = Eigen::Map<const Eigen::VectorXf>(
        node.floats(2, "the bias", static_cast<size_t>(weights.cols())).data(), weights.cols());
  return build_dense(node, std::move(weights), std::move(bias));
}

}  // namespace mho::chip
