#include "report/image_figure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "report/html.hpp"

namespace mho::report {
namespace {

constexpr int levels = 16, pixel = 2, gap = 6, label_width = 130;

}  // namespace

std::string images_svg(const std::vector<ImageRow>& rows, int height, int width) {
  size_t columns = 0;
  for (const ImageRow& row : rows) columns = std::max(columns, row.images.size());
  const int step_x = pixel * width + gap, step_y = pixel * height + gap;
  const int total_width = label_width + step_x * static_cast<int>(columns), total_height = step_y * static_cast<int>(rows.size());
  std::string background, text;
  std::vector<std::string> paths(levels);
  for (size_t r = 0; r < rows.size(); ++r) {
    const int top = static_cast<int>(r) * step_y;
    text += fmt::format("<text x=\"0\" y=\"{}\" font-family=\"sans-serif\" font-size=\"13\" fill=\"currentColor\">{}</text>", top + step_y / 2, escape_html(rows[r].label));
    for (size_t c = 0; c < rows[r].images.size(); ++c) {
      const std::vector<float>& image = rows[r].images[c];
      const int left = label_width + static_cast<int>(c) * step_x;
      background += fmt::format("M{} {}h{}v{}h-{}z", left, top, pixel * width, pixel * height, pixel * width);
      const auto level = [&](int y, int x) { return std::clamp(static_cast<int>(std::lround(image[static_cast<size_t>(y * width + x)] * (levels - 1))), 0, levels - 1); };
      for (int y = 0; y < height; ++y)
        for (int x = 0, end = 0; x < width; x = end) {
          for (end = x + 1; end < width && level(y, end) == level(y, x);) ++end;
          if (level(y, x) > 0) paths[static_cast<size_t>(level(y, x))] += fmt::format("M{} {}h{}v{}h-{}z", left + pixel * x, top + pixel * y, pixel * (end - x), pixel, pixel * (end - x));
        }
    }
  }
  std::string svg = fmt::format("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" width=\"{}\" height=\"{}\" shape-rendering=\"crispEdges\">", total_width, total_height, total_width, total_height);
  svg += fmt::format("<path fill=\"#000\" d=\"{}\"/>", background);
  for (int l = 1; l < levels; ++l)
    if (const std::string& path = paths[static_cast<size_t>(l)]; !path.empty()) svg += fmt::format("<path fill=\"rgb({0},{0},{0})\" d=\"{1}\"/>", 255 * l / (levels - 1), path);
  return svg + text + "</svg>";
}

}  // namespace mho::report
