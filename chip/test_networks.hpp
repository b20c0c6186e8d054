// For tests: a Network beside the naive interpretation of its nodes, and the line in which it refuses a model.
#pragma once
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "chip/naive_onnx.hpp"
#include "chip/network.hpp"
#include "chip/software_engine.hpp"

namespace mho::chip {

constexpr double float_tolerance = 1e-5;  // sums of some hundred products in single precision

// Image i in the order of ONNX, (channel, row, column), as 0 … 1; a sequence as (frame, channel).
inline std::vector<double> onnx_order(const ImageSet& images, size_t i) {
  if (!images.features.empty()) return {images.sequence(i), images.sequence(i) + images.elements()};
  std::vector<double> values;
  for (int c = 0; c < images.channels; ++c)
    for (int p = 0; p < images.height * images.width; ++p) values.push_back(images.image(i)[p * images.channels + c] / 255.0);
  return values;
}

// Largest difference between Network and the naive interpretation, over the largest output. A
// difference of float against double in a sum can move an activation that lies on a decision of the
// quantiser by one code; the seeds of the tests have none.
inline double worst_difference(const OnnxModel& model, const ImageSet& images) {
  const Network network(model);
  const Eigen::MatrixXf found = logits(network, SoftwareEngine(network.matrices()), images, {.threads = 1});
  const NaiveOnnx naive(model);
  double worst = 0.0;
  for (size_t i = 0; i < images.size(); ++i) {
    const std::vector<double> expected = naive.run(onnx_order(images, i));
    REQUIRE(static_cast<Eigen::Index>(expected.size()) == found.rows());
    for (size_t n = 0; n < expected.size(); ++n)
      worst = std::max(worst, std::abs(expected[n] - static_cast<double>(found(static_cast<Eigen::Index>(n), static_cast<Eigen::Index>(i)))));
  }
  return worst / static_cast<double>(found.cwiseAbs().maxCoeff());
}

inline std::string message_of(const OnnxModel& model) {
  try {
    const Network network(model);
  } catch (const ConfigError& e) {
    const std::string text = e.what();
    CHECK(text.find('\n') == std::string::npos);
    CHECK(text.find("test.onnx: ") == 0);
    return text;
  }
  return "no error";
}

inline bool contains(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("got: ", text);
  return found;
}

}  // namespace mho::chip
