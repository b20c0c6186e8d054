// MaxPool, on codes or floats; pixels outside of the image do not count.
#include <algorithm>

#include "chip/operators/window.hpp"

namespace mho::chip {
namespace {

// to[c] = max over the window of from[c], for all channels at one output position.
template <class T>
void pool_position(const T* image, const ValueInfo& in, const Window& window, int y0, int x0,
                   T* to) {
  bool first = true;
  for (int y = std::max(0, y0); y < std::min(in.height, y0 + window.kernel_height); ++y) {
    for (int x = std::max(0, x0); x < std::min(in.width, x0 + window.kernel_width); ++x) {
      const T* pixel = image + static_cast<std::ptrdiff_t>(y * in.width + x) * in.channels;
      for (int c = 0; c < in.channels; ++c) to[c] = first ? pixel[c] : std::max(to[c], pixel[c]);
      first = false;
    }
  }
}

template <class Matrix>
void pool(const Matrix& from, const ValueInfo& in, const Window& window, Eigen::Index images,
          Matrix& to) {
  to.resize(in.channels, images * window.out_height * window.out_width);
  auto* out = to.data();
  for (Eigen::Index i = 0; i < images; ++i) {
    for (int y = 0; y < window.out_height; ++y) {
      for (int x = 0; x < window.out_width; ++x, out += in.channels) {
        pool_position(from.data() + i * in.elements(), in, window,
                      y * window.stride_y - window.pad_top, x * window.stride_x - window.pad_left,
                      out);
      }
    }
  }
}

}  // namespace

BuiltOperator build_max_pool(NodeReader& node) {
  const ValueInfo in = node.image_input();
  const Window window = read_window(node, {});
  ValueInfo result = in;
  result.height = window.out_height;
  result.width = window.out_width;
  const auto kernel = [in, window](std::span<const Value* const> inputs, Value& output,
                                   const Run& run) {
    if (in.is_codes()) {
      pool(inputs[0]->codes, in, window, run.images, output.codes);
    } else {
      pool(inputs[0]->floats, in, window, run.images, output.floats);
    }
  };
  return {.result = result, .kernel = kernel};
}

}  // namespace mho::chip
