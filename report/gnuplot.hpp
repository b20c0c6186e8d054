// Pictures: gnuplot as a process, its SVG made ready to stand inside an HTML page.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace mho::report {

// Columns of numbers that a script plots as $name.
struct DataBlock {
  std::string name;
  std::vector<std::vector<double>> columns;      // equally long
  std::vector<std::string> labels = {};          // first column as text, if any; as long as the columns
};

// Runs `script` after the data and the house style; returns the <svg> element with width and height left to the page and ids that start with
// `id`. Throws Error when gnuplot is not installed or refuses the script (its first complaint is named).
std::string gnuplot_svg(const std::string& id, const std::string& title, int width, int height, const std::vector<DataBlock>& data,
                        const std::string& script);

// A picture that is drawn when its file is known.
struct Picture {
  std::string id, title;
  int width = 760, height = 340;
  std::vector<DataBlock> data = {};
  std::string script = {};
};
std::string svg(const Picture& picture);
// false when this gnuplot has no terminal pngcairo.
bool write_png(const std::string& path, const Picture& picture);
// PATH.svg, and PATH.png if gnuplot can.
void write_picture(const std::string& path, const Picture& picture);

}  // namespace mho::report
