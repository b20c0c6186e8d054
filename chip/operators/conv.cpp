// Conv: a two-dimensional convolution as one matrix product. The codes that one output position
// sees become a column of the matrix's input, in the order (kernel row, kernel column, channel), so
// that a row of the window is one run of memory.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "chip/operators/window.hpp"

namespace mho::chip {
namespace {

// One kernel row of the window at (iy, ix), ix the image column of its first pixel, written to
// `to`; 0 outside of the image.
void copy_window_row(const std::int8_t* image, const ValueInfo& in, const Window& window, int iy,
                     int ix, std::int8_t* to) {
  const auto channels = static_cast<size_t>(in.channels);
  const size_t length = static_cast<size_t>(window.kernel_width) * channels;
  if (iy < 0 || iy >= in.height) {
    std::memset(to, 0, length);
    return;
  }
  const int begin = std::clamp(-ix, 0, window.kernel_width),
            end = std::clamp(in.width - ix, begin, window.kernel_width);
  if (begin > 0 || end < window.kernel_width) std::memset(to, 0, length);
  std::memcpy(to + static_cast<size_t>(begin) * channels,
              image + static_cast<size_t>(iy * in.width + ix + begin) * channels,
              static_cast<size_t>(end - begin) * channels);
}

// Codes K × (images · out_height · out_width) from codes channels × (images · height · width).
void gather_windows(const InputCodes& codes, const ValueInfo& in, const Window& window,
                    Eigen::Index images, InputCodes& windows) {
  const int row = window.kernel_width * in.channels;
  windows.resize(window.kernel_height * row, images * window.out_height * window.out_width);
  std::int8_t* to = windows.data();
  for (Eigen::Index i = 0; i < images; ++i) {
    const std::int8_t* image = codes.data() + i * in.elements();
    for (int y = 0; y < window.out_height; ++y) {
      for (int x = 0; x < window.out_width; ++x) {
        for (int ky = 0; ky < window.kernel_height; ++ky, to += row) {
          copy_window_row(image, in, window, y * window.stride_y - window.pad_top + ky,
                          x * window.stride_x - window.pad_left, to);
        }
      }
    }
  }
}

// ONNX weights outputs × channels × kernel rows × kernel columns as a matrix K × outputs.
Eigen::MatrixXf matrix_of(const OnnxTensor& weights, int channels, const Window& window) {
  const auto outputs = static_cast<Eigen::Index>(weights.shape[0]);
  Eigen::MatrixXf matrix(window.kernel_height * window.kernel_width * channels, outputs);
  const float* from = weights.floats.data();
  for (Eigen::Index n = 0; n < outputs; ++n) {
    for (int c = 0; c < channels; ++c) {
      for (int ky = 0; ky < window.kernel_height; ++ky) {
        for (int kx = 0; kx < window.kernel_width; ++kx)
          matrix((ky * window.kernel_width + kx) * channels + c, n) = *from++;
      }
    }
  }
  return matrix;
}

}  // namespace

BuiltOperator build_conv(NodeReader& node) {
  const ValueInfo in = node.codes_input();
  const OnnxTensor& weights = node.required_constant(1, "the weights");
  if (node.integer("group", 1) != 1)
    throw node.error("attribute 'group' is not supported unless 1");
  if (weights.type != ElementType::float32 || weights.shape.size() != 4 || weights.shape[0] < 1 ||
      weights.shape[1] != in.channels) {
    throw node.error(fmt::format(
        "its weights are of shape [{}]; expected float [outputs, {}, kernel height, kernel width]",
        fmt::join(weights.shape, ", "), in.channels));
  }
  const std::vector<std::int64_t> kernel(weights.shape.begin() + 2, weights.shape.end());
  if (node.integers("kernel_shape", kernel) != kernel)
    throw node.error("attribute 'kernel_shape' is not that of its weights");
  const Window window = read_window(node, kernel);
  const auto outputs = static_cast<Eigen::Index>(weights.shape[0]);
  Eigen::VectorXf bias = Eigen::VectorXf::Zero(outputs);
  if (node.constant(2))
    bias = Eigen::Map<const Eigen::VectorXf>(
        node.floats(2, "the bias", static_cast<size_t>(outputs)).data(), outputs);
  const size_t matrix = node.add_matrix(matrix_of(weights, in.channels, window), bias,
                                        window.out_height * window.out_width);
  const auto kernel_of_run = [in, window, matrix](std::span<const Value* const> inputs,
                                                  Value& output, const Run& run) {
    InputCodes windows;
    gather_windows(inputs[0]->codes, in, window, run.images, windows);
    run.engine.multiply(matrix, windows, output.floats);
    if (run.observe) run.observe(run.first_image, matrix, windows, output.floats);
  };
  return {.result = {.channels = static_cast<int>(outputs),
                     .height = window.out_height,
                     .width = window.out_width},
          .kernel = kernel_of_run};
}

}  // namespace mho::chip
