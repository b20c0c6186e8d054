// Averages, on codes or floats: AveragePool, GlobalAveragePool, and ReduceMean over height and width (of
// a sequence: over its frames). The result is floats.
#include <fmt/format.h>

#include <algorithm>

#include "chip/operators/window.hpp"

namespace mho::chip {
namespace {

// Where a window lies along one axis: its first and last-but-one pixel inside of the image, and how many pixels
// it counts, those of the padding included or not. A part that ceil_mode hangs over the padding's end
// never counts (ONNX from operator set 19 on, torch).
struct Extent {
  int begin, end, counted;
};

Extent extent(int first, int kernel, int size, int pad_end, bool count_padding) {
  const int begin = std::max(0, first), end = std::min(size, first + kernel);
  return {begin, end, count_padding ? std::min(size + pad_end, first + kernel) - first : end - begin};
}

}  // namespace

BuiltOperator build_average_pool(NodeReader& node) {
  node.image_input();
  const ValueInfo in = node.numbers_input();
  const Window w = read_window(node, {});
  const bool padded = w.pad_top > 0 || w.pad_left > 0 || w.pad_bottom > 0 || w.pad_right > 0;
  const bool count_padding = padded && node.integer("count_include_pad", 0) != 0;
  const ValueInfo result{.channels = in.channels,
                         .height = w.out_height,
                         .width = w.out_width,
                         .low = count_padding ? std::min(in.low, 0.0f) : in.low,
                         .high = count_padding ? std::max(in.high, 0.0f) : in.high};
  const auto kernel = [in, w, count_padding](std::span<const Value* const> inputs, Value& output,
                                             const Run& run) {
    Eigen::MatrixXf scratch;
    const Eigen::MatrixXf& from = numbers_of(in, *inputs[0], scratch);
    output.floats.resize(in.channels, run.images * w.out_height * w.out_width);
    Eigen::Index column = 0;
    for (Eigen::Index i = 0; i < run.images; ++i) {
      for (int y = 0; y < w.out_height; ++y) {
        const Extent rows = extent(y * w.stride_y - w.pad_top, w.kernel_height, in.height,
                                   w.pad_bottom, count_padding);
        for (int x = 0; x < w.out_width; ++x, ++column) {
          const Extent columns = extent(x * w.stride_x - w.pad_left, w.kernel_width, in.width,
                                        w.pad_right, count_padding);
          auto out = output.floats.col(column);
          out.setZero();
          for (int r = rows.begin; r < rows.end; ++r)
            for (int c = columns.begin; c < columns.end; ++c)
              out += from.col((i * in.height + r) * in.width + c);
          out /= static_cast<float>(rows.counted * columns.counted);
        }
      }
    }
  };
  return {.result = result, .kernel = kernel};
}

namespace {

// Mean over all positions of an image.
BuiltOperator build_mean(const NodeReader& node, std::string axes) {
  const ValueInfo in = node.numbers_input();
  const ValueInfo result{
      .channels = in.channels, .low = in.low, .high = in.high, .axes = std::move(axes)};
  const auto kernel = [in](std::span<const Value* const> inputs, Value& output, const Run& run) {
    Eigen::MatrixXf scratch;
    const Eigen::MatrixXf& from = numbers_of(in, *inputs[0], scratch);
    output.floats.resize(in.channels, run.images);
    for (Eigen::Index i = 0; i < run.images; ++i)
      output.floats.col(i) = from.middleCols(i * in.positions(), in.positions()).rowwise().sum() /
                             static_cast<float>(in.positions());
  };
  return {.result = result, .kernel = kernel};
}

}  // namespace

BuiltOperator build_global_average_pool(NodeReader& node) {
  return build_mean(node, node.image_input().axes);
}

BuiltOperator build_reduce_mean(NodeReader& node) {
  const ValueInfo& in = node.numbers_input();
  std::vector<std::int64_t> over = node.integers("axes", {});
  if (const OnnxTensor* input = node.constant(1)) over = input->integers;  // from operator set 18 on
  const auto rank = static_cast<std::int64_t>(in.axes.size());
  std::string reduced;
  for (const std::int64_t axis : over) {
    if (axis < -rank || axis >= rank)
      throw node.error(fmt::format("axis {} is not one of an input of {}", axis, in.shape_text()));
    reduced += in.axes[static_cast<size_t>(axis < 0 ? axis + rank : axis)];
  }
  const auto has = [&](char axis) { return reduced.find(axis) != std::string::npos; };
  if (reduced.empty() || has('N') || has('C') || (in.height > 1 && !has('H')) ||
      (in.width > 1 && !has('W'))) {
    throw node.error(fmt::format(
        "takes the mean of {} over its axes [{}]; only height and width together, or the frames of a "
        "sequence, are supported",
        in.shape_text(), fmt::join(over, ", ")));
  }
  std::string axes = in.axes;
  if (node.integer("keepdims", 1) == 0)
    std::erase_if(axes, [&](char axis) { return has(axis); });
  return build_mean(node, axes);
}

}  // namespace mho::chip
