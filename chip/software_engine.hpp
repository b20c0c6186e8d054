// Multiplies in software, in single precision: the baseline of every accuracy.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "chip/chip_config.hpp"
#include "chip/matrix_engine.hpp"

namespace mho::chip {

// out = weightsᵀ · (codes · input_lsb) + bias. Sums run over the rows in order, for each column by
// itself, so that an output depends on nothing but its own column.
class SoftwareEngine final : public MatrixEngine {
 public:
  explicit SoftwareEngine(const std::vector<MatrixSpec>& matrices);
  void multiply(size_t matrix, const InputCodes& codes, Eigen::MatrixXf& out) const override;

 private:
  struct Matrix {
    Eigen::MatrixXf weights;  // N rounded up to whole blocks × K, zeros in the rows added
    Eigen::VectorXf bias;     // N
    float input_lsb;
  };
  std::vector<Matrix> matrices_;
};

// A copy of `matrices` with normal noise added, the definition of Wan et al. (Nature 608, 504,
// 2022): standard deviation level · max |weights| of each matrix on its weights, and that times the
// full-scale input on its bias, since a bias is a row driven at the full-scale code. Draws of the
// same seed are independent of each other.
std::vector<MatrixSpec> with_weight_noise(const std::vector<MatrixSpec>& matrices, double level,
                                          std::uint64_t seed, std::uint32_t draw);

// A copy of `matrices` with weights of `bits` bits, sign included: the nearest of the 2^bits − 1 equal levels within ± w_max, where w_max is the `quantile` of |w| of the matrix, or of each
// of its columns; larger weights take the last level. Biases stay. 2 ≤ bits ≤ 16.
std::vector<MatrixSpec> with_weight_levels(const std::vector<MatrixSpec>& matrices, int bits, double quantile, WeightScale scale);

}  // namespace mho::chip
