#include "chip/software_engine.hpp"

#include <algorithm>
#include <cmath>

#include "chip/mapping.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"

namespace mho::chip {
namespace {

constexpr Eigen::Index block = 8;  // outputs that one set of sums holds
using Sums = Eigen::Array<float, block, 1>;

// out.col(p + j) for j < columns: the sums of weights · x over the rows in order, each column by
// itself, whatever `columns` is.
template <int columns>
void multiply_columns(const Eigen::MatrixXf& weights, const float* x, Eigen::Index rows,
                      Eigen::Index outputs, float* out) {
  for (Eigen::Index n = 0; n < weights.rows(); n += block) {
    Sums sums[columns];
    for (Sums& s : sums) s.setZero();
    const float* w = weights.data() + n;
    for (Eigen::Index k = 0; k < rows; ++k, w += weights.rows()) {
      const Sums row = Eigen::Map<const Sums>(w);
      for (int j = 0; j < columns; ++j) sums[j] += row * x[j * rows + k];
    }
    const Eigen::Index valid = std::min(block, outputs - n);
    for (int j = 0; j < columns; ++j) std::copy_n(sums[j].data(), valid, out + j * outputs + n);
  }
}

}  // namespace

SoftwareEngine::SoftwareEngine(const std::vector<MatrixSpec>& matrices) {
  for (const MatrixSpec& m : matrices) {
    const Eigen::Index padded = (m.weights.cols() + block - 1) / block * block;
    Matrix matrix{Eigen::MatrixXf::Zero(padded, m.weights.rows()), m.bias, m.input_lsb};
    matrix.weights.topRows(m.weights.cols()) = m.weights.transpose();
    matrices_.push_back(std::move(matrix));
  }
}

void SoftwareEngine::multiply(size_t index, const InputCodes& codes, Eigen::MatrixXf& out) const {
  constexpr int group = 4;  // columns at a time
  const Matrix& m = matrices_[index];
  const Eigen::Index rows = codes.rows(), outputs = m.bias.size();
  MHO_ASSERT(rows == m.weights.cols());
  out.resize(outputs, codes.cols());
  Eigen::MatrixXf x(rows, group);
  Eigen::Index p = 0;
  for (; p + group <= codes.cols(); p += group) {
    x = codes.middleCols(p, group).cast<float>();
    multiply_columns<group>(m.weights, x.data(), rows, outputs, out.col(p).data());
  }
  for (; p < codes.cols(); ++p) {
    x.col(0) = codes.col(p).cast<float>();
    multiply_columns<1>(m.weights, x.data(), rows, outputs, out.col(p).data());
  }
  for (p = 0; p < out.cols(); ++p) out.col(p) = out.col(p) * m.input_lsb + m.bias;
}

std::vector<MatrixSpec> with_weight_noise(const std::vector<MatrixSpec>& matrices, double level,
                                          std::uint64_t seed, std::uint32_t draw) {
  std::vector<MatrixSpec> noisy = matrices;
  for (size_t i = 0; i < noisy.size(); ++i) {
    MatrixSpec& m = noisy[i];
    RandomStream random(seed, draw, static_cast<std::uint32_t>(i), 0, Purpose::weights);
    const double sigma = level * static_cast<double>(m.weights.cwiseAbs().maxCoeff());
    const double full_scale =
        static_cast<double>(m.input_lsb) * ((1 << (m.input_bits - (m.input_signed ? 1 : 0))) - 1);
    for (float& w : m.weights.reshaped()) w += static_cast<float>(sigma * random.normal());
    for (float& b : m.bias) b += static_cast<float>(sigma * full_scale * random.normal());
  }
  return noisy;
}

std::vector<MatrixSpec> with_weight_levels(const std::vector<MatrixSpec>& matrices, int bits, double quantile_of_magnitude, WeightScale scale) {
  MHO_ASSERT(bits >= 2 && bits <= 16);
  const auto steps = static_cast<float>((1 << (bits - 1)) - 1);
  std::vector<MatrixSpec> result = matrices;
  for (MatrixSpec& m : result) {
    const Eigen::Index group = scale == WeightScale::column ? 1 : m.weights.cols();
    for (Eigen::Index first = 0; first < m.weights.cols(); first += group) {
      auto weights = m.weights.middleCols(first, group);
      const auto step = static_cast<float>(weight_scale(weights, quantile_of_magnitude)) / steps;
      for (float& w : weights.reshaped()) w = std::clamp(std::nearbyint(w / step), -steps, steps) * step;
    }
  }
  return result;
}

}  // namespace mho::chip
