// Conv: a two-dimensional convolution as one matrix product. The codes that one output position
// sees become a column of the matrix's input, in the order (kernel row, kernel column, channel), so
// that a row of the window is one run of memory.
//
// Each group is a matrix of its own. One block-diagonal matrix would drive the rows of all groups at
// once: a column's voltage is Σ g v / Σ g over the driven rows, so the zeros of the other groups would
// divide its signal by the number of groups and add their noise to it. Apart, the groups take as
// many multiplications; the blocks of several share a core either way.
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

// ONNX weights outputs × channels × kernel rows × kernel columns as a matrix K × outputs: those of
// `outputs` outputs from `first` on.
Eigen::MatrixXf matrix_of(const OnnxTensor& weights, int first, int outputs, int channels,
                          const Window& window) {
  Eigen::MatrixXf matrix(window.kernel_height * window.kernel_width * channels, outputs);
  const float* from = weights.floats.data() + first * matrix.rows();
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

// Part of the channels of an image that one group sees, and the group's matrix.
struct Group {
  ValueInfo in;
  int first_channel = 0, first_output = 0, outputs = 0;
  size_t matrix = 0;
};

void convolve(const Group& group, const InputCodes& codes, const Window& window, const Run& run,
              Eigen::MatrixXf& out) {
  InputCodes windows;
  gather_windows(codes, group.in, window, run.images, windows);
  run.engine.multiply(group.matrix, windows, out);
  if (run.observe) run.observe(run.first_image, group.matrix, windows, out);
}

}  // namespace

BuiltOperator build_conv(NodeReader& node) {
  const ValueInfo in = node.codes_input();
  node.image_input();
  const OnnxTensor& weights = node.required_constant(1, "the weights");
  const std::int64_t groups = node.integer("group", 1);
  if (groups < 1 || in.channels % groups != 0)
    throw node.error(fmt::format("attribute 'group' = {} does not divide its {} input channels",
                                 groups, in.channels));
  const int channels = in.channels / static_cast<int>(groups);
  if (weights.type != ElementType::float32 || weights.shape.size() != 4 || weights.shape[0] < 1 ||
      weights.shape[0] % groups != 0 || weights.shape[1] != channels) {
    throw node.error(
        fmt::format("its weights are of shape [{}]; expected float [{}, {}, kernel height, kernel "
                    "width]",
                    fmt::join(weights.shape, ", "),
                    groups == 1 ? "outputs" : fmt::format("a multiple of {} outputs", groups),
                    channels));
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
  std::vector<Group> parts;
  for (int g = 0; g < groups; ++g) {
    Group group{.in = in, .outputs = static_cast<int>(outputs / groups)};
    group.in.channels = channels;
    group.first_channel = g * channels;
    group.first_output = g * group.outputs;
    group.matrix = node.add_matrix({.name = groups == 1 ? "" : fmt::format("/group{}", g),
                                    .weights = matrix_of(weights, group.first_output, group.outputs, channels, window),
                                    .bias = bias.segment(group.first_output, group.outputs),
                                    .input_bits = in.bits,
                                    .input_signed = in.is_signed,
                                    .input_lsb = in.lsb},
                                   window.out_height * window.out_width);
    parts.push_back(std::move(group));
  }
  const auto kernel_of_run = [parts, window, outputs](std::span<const Value* const> inputs,
                                                      Value& output, const Run& run) {
    if (parts.size() == 1) {
      convolve(parts[0], inputs[0]->codes, window, run, output.floats);
      return;
    }
    output.floats.resize(outputs, run.images * window.out_height * window.out_width);
    Eigen::MatrixXf out;
    for (const Group& g : parts) {
      convolve(g, inputs[0]->codes.middleRows(g.first_channel, g.in.channels), window, run, out);
      output.floats.middleRows(g.first_output, g.outputs) = out;
    }
  };
  return {.result = {.channels = static_cast<int>(outputs),
                     .height = window.out_height,
                     .width = window.out_width},
          .kernel = kernel_of_run};
}

}  // namespace mho::chip
