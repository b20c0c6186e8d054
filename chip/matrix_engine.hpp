// The one interface between a network and what multiplies its matrices: software or a simulated chip.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <memory>
#include <string>

namespace mho::chip {

using InputCodes = Eigen::Matrix<std::int8_t, Eigen::Dynamic, Eigen::Dynamic>;  // K × P

// One weight matrix of a network, as its layer applies it: out = weightsᵀ · (codes · input_lsb) + bias.
struct MatrixSpec {
  std::string name;         // ONNX node name
  Eigen::MatrixXf weights;  // K inputs × N outputs, batch normalisation folded in
  Eigen::VectorXf bias;     // N
  int input_bits = 3;       // bits of an input code, sign included when signed
  bool input_signed = false;
  float input_lsb = 1.0f;   // value of code 1
};

// Multiplies input codes by a matrix. Implementations are immutable during inference and safe to call from many threads; a result depends on
// the arguments only, not on batch size or thread count.
class MatrixEngine {
 public:
  virtual ~MatrixEngine() = default;
  // codes: K × P, P = images × positions. out: N × P, resized.
  virtual void multiply(size_t matrix, const InputCodes& codes, Eigen::MatrixXf& out) const = 0;
  // For engines with noise: the engine for images first … first + count − 1, whose results depend on the numbers of the images too; for use by one thread, and not longer than
  // this engine. nullptr: the engine itself serves.
  virtual std::unique_ptr<MatrixEngine> at_images(size_t /*first*/, size_t /*count*/) const { return nullptr; }
};

}  // namespace mho::chip
