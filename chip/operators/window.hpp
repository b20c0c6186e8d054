// The sliding window of convolutions and pools.
#pragma once
#include "chip/operators/operator.hpp"

namespace mho::chip {

struct Window {
  int kernel_height = 1, kernel_width = 1;  // [pixels]
  int stride_y = 1, stride_x = 1;           // [pixels]
  int pad_top = 0, pad_left = 0;      // [pixels] rows and columns outside of the image at its begin
  int pad_bottom = 0, pad_right = 0;  // [pixels] and at its end
  int out_height = 0, out_width = 0;  // positions
};

// Reads kernel_shape, strides, pads, auto_pad, dilations (only 1) and ceil_mode. Throws
// ConfigError.
Window read_window(const NodeReader& node, const std::vector<std::int64_t>& default_kernel);

}  // namespace mho::chip
