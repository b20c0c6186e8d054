// A restricted Boltzmann machine: binary hidden units h, visible units v in 0 … 1 (pixels, then one unit per label).
//
//   p(h_j = 1 | v) = 1/(1 + exp(−a_j)), a = c + Wᵀ v        p(v_i = 1 | h) = 1/(1 + exp(−a_i)), a = b + W h
//
// As an ONNX file it is one mean-field pass v → p(h) → p(v): Gemm, Sigmoid, Gemm with transB on the same initializer, Sigmoid.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "chip/matrix_engine.hpp"
#include "chip/onnx_model.hpp"

namespace mho::chip {

struct Rbm {
  static constexpr int labels = 10;  // visible units behind the pixels
  Eigen::MatrixXf weights;           // visible × hidden
  Eigen::VectorXf visible_bias;      // b
  Eigen::VectorXf hidden_bias;       // c
  std::vector<std::pair<std::string, std::string>> metadata;

  Eigen::Index visible() const { return weights.rows(); }
  Eigen::Index hidden() const { return weights.cols(); }
  Eigen::Index pixels() const { return visible() - labels; }
};

// Throws IoError, and ConfigError in one line for a file that is not the pass above with tied weights.
Rbm read_rbm(const std::string& path);
OnnxModel to_onnx(const Rbm& rbm);

// Weights rounded to signed codes of `bits` bits, largest |weight| = largest code; biases as they are.
Rbm with_few_bits(const Rbm& rbm, int bits);
// Normal noise of deviation `level` on each weight. A bias is shared by 4 (visible) or 16 (hidden) weights on the chip and gets their sum: 2 and 4 times that.
// Draws of the same seed are independent of each other.
Rbm with_noise(const Rbm& rbm, double level, std::uint64_t seed, std::uint32_t draw);

// Both products of the machine, in software or on a simulated chip. A column of a result depends on its own column of the input only; safe to call from many threads.
class RbmMachine {
 public:
  virtual ~RbmMachine() = default;
  virtual Eigen::Index visible() const = 0;
  virtual Eigen::Index hidden() const = 0;
  virtual void to_hidden(const InputCodes& visible, Eigen::MatrixXf& log_odds) const = 0;   // codes 0 … full scale, visible × P → a, hidden × P
  virtual void to_visible(const InputCodes& hidden, Eigen::MatrixXf& log_odds) const = 0;   // 0 or 1, hidden × P → a, visible × P
};

class SoftwareRbm final : public RbmMachine {
 public:
  SoftwareRbm(const Rbm& rbm, int visible_bits) : rbm_(rbm), lsb_(1.0f / static_cast<float>((1 << visible_bits) - 1)) {}
  Eigen::Index visible() const override { return rbm_.visible(); }
  Eigen::Index hidden() const override { return rbm_.hidden(); }
  void to_hidden(const InputCodes& visible, Eigen::MatrixXf& log_odds) const override;
  void to_visible(const InputCodes& hidden, Eigen::MatrixXf& log_odds) const override;

 private:
  Rbm rbm_;
  float lsb_;  // [1] value of code 1
};

}  // namespace mho::chip
