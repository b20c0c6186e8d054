#include "chip/operators/window.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mho::chip {
namespace {

struct Axis {
  int kernel, stride, pad_begin, pad_end;
};

// Number of positions along one axis. With ceil_mode a last window may hang over the end, but must
// begin inside of image or begin padding.
int positions(const Axis& axis, int size, bool ceil_mode) {
  const int room = size + axis.pad_begin + axis.pad_end - axis.kernel;
  if (room < 0) return 0;
  int count = (ceil_mode ? (room + axis.stride - 1) / axis.stride : room / axis.stride) + 1;
  if (ceil_mode && (count - 1) * axis.stride >= size + axis.pad_begin) --count;
  return count;
}

// Padding that keeps ceil(size / stride) positions; the odd pixel goes to the end (SAME_UPPER) or
// the begin (SAME_LOWER).
void pad_same(Axis& axis, int size, bool upper) {
  const int count = (size + axis.stride - 1) / axis.stride;
  const int total = std::max(0, (count - 1) * axis.stride + axis.kernel - size);
  axis.pad_begin = upper ? total / 2 : total - total / 2;
  axis.pad_end = total - axis.pad_begin;
}

}  // namespace

Window read_window(const NodeReader& node, const std::vector<std::int64_t>& default_kernel) {
  const auto list = [&](std::string_view name, const std::vector<std::int64_t>& fallback,
                        size_t count, std::int64_t least) {
    const std::vector<std::int64_t> values = node.integers(name, fallback);
    const auto bad = [&](std::int64_t v) { return v < least || v > 4096; };
    if (values.size() != count || std::any_of(values.begin(), values.end(), bad)) {
      throw node.error(fmt::format(
          "attribute '{}' = [{}]; expected {} numbers of {} to 4096 (images are two-dimensional)",
          name, fmt::join(values, ", "), count, least));
    }
    return values;
  };
  const auto kernel = list("kernel_shape", default_kernel, 2, 1);
  const auto strides = list("strides", {1, 1}, 2, 1);
  const auto pads = list("pads", {0, 0, 0, 0}, 4, 0);  // top, left, bottom, right
  if (list("dilations", {1, 1}, 2, 1) != std::vector<std::int64_t>{1, 1})
    throw node.error("attribute 'dilations' is not supported unless 1");
  const auto axis = [&](size_t i) {
    return Axis{static_cast<int>(kernel[i]), static_cast<int>(strides[i]),
                static_cast<int>(pads[i]), static_cast<int>(pads[i + 2])};
  };
  Axis y = axis(0), x = axis(1);
  const ValueInfo& in = node.input();
  const std::string auto_pad = node.text("auto_pad", "NOTSET");
  if (auto_pad == "SAME_UPPER" || auto_pad == "SAME_LOWER") {
    pad_same(y, in.height, auto_pad == "SAME_UPPER");
    pad_same(x, in.width, auto_pad == "SAME_UPPER");
  } else if (auto_pad != "NOTSET" && auto_pad != "VALID") {
    throw node.error(fmt::format(
        "attribute 'auto_pad' = {}; expected NOTSET, VALID, SAME_UPPER or SAME_LOWER", auto_pad));
  }
  if (y.pad_begin >= y.kernel || y.pad_end >= y.kernel || x.pad_begin >= x.kernel ||
      x.pad_end >= x.kernel) {
    throw node.error("has padding as wide as its kernel, so that some windows would see no pixel");
  }
  const bool ceil_mode = node.integer("ceil_mode", 0) != 0;
  const Window window{.kernel_height = y.kernel,
                      .kernel_width = x.kernel,
                      .stride_y = y.stride,
                      .stride_x = x.stride,
                      .pad_top = y.pad_begin,
                      .pad_left = x.pad_begin,
                      .pad_bottom = y.pad_end,
                      .pad_right = x.pad_end,
                      .out_height = positions(y, in.height, ceil_mode),
                      .out_width = positions(x, in.width, ceil_mode)};
  if (window.out_height < 1 || window.out_width < 1) {
    throw node.error(fmt::format("its {} × {} kernel does not fit into the {} × {} input", y.kernel,
                                 x.kernel, in.height, in.width));
  }
  return window;
}

}  // namespace mho::chip
