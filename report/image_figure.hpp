// Rows of small grey images beside each other.
#pragma once
#include <string>
#include <vector>

namespace mho::report {

struct ImageRow {
  std::string label;
  std::vector<std::vector<float>> images;  // each height × width, row by row, 0 black … 1 white
};
// SVG of all rows, made without gnuplot. Greys are rounded to 16 levels.
std::string images_svg(const std::vector<ImageRow>& rows, int height, int width);

}  // namespace mho::report
