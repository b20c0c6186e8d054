// Random matrices for the tests of this folder.
#pragma once
#include <string>
#include <vector>

#include "chip/matrix_engine.hpp"
#include "core/random.hpp"

namespace mho::chip::test {

// Normal weights of deviation 0.2 and biases of deviation 0.3.
inline MatrixSpec random_matrix(std::uint32_t index, int inputs, int outputs, int bits = 3, bool is_signed = false) {
  MatrixSpec spec;
  spec.name = "matrix" + std::to_string(index);
  spec.weights.resize(inputs, outputs);
  spec.bias.resize(outputs);
  RandomStream random(11, 0, 0, index, Purpose::test);
  for (float& w : spec.weights.reshaped()) w = static_cast<float>(0.2 * random.normal());
  for (float& b : spec.bias) b = static_cast<float>(0.3 * random.normal());
  spec.input_bits = bits;
  spec.input_signed = is_signed;
  spec.input_lsb = 0.25f;
  return spec;
}

// The shapes of the seven-layer MNIST network (Wan et al., Nature 608, 504 (2022)).
inline std::vector<MatrixSpec> mnist_shapes() {
  std::vector<MatrixSpec> specs;
  const int shapes[][2] = {{9, 8}, {72, 8}, {72, 16}, {144, 16}, {144, 32}, {288, 32}, {512, 10}};
  for (const auto& s : shapes) specs.push_back(random_matrix(static_cast<std::uint32_t>(specs.size()), s[0], s[1]));
  return specs;
}

inline InputCodes random_codes(const MatrixSpec& spec, Eigen::Index columns, std::uint32_t draw = 0) {
  InputCodes codes(spec.weights.rows(), columns);
  RandomStream random(12, 0, 0, draw, Purpose::test);
  const int full_scale = (1 << (spec.input_signed ? spec.input_bits - 1 : spec.input_bits)) - 1;
  for (std::int8_t& c : codes.reshaped()) {
    const auto magnitude = static_cast<int>(random.below(static_cast<std::uint32_t>(full_scale) + 1));
    c = static_cast<std::int8_t>(spec.input_signed && random.uniform() < 0.5 ? -magnitude : magnitude);
  }
  return codes;
}

}  // namespace mho::chip::test
