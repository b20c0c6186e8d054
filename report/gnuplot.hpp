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

// A picture before it is drawn.
struct Picture {
  std::string id, title;
  int width = 760, height = 420;  // [px]
  std::vector<DataBlock> data = {};
  std::string script = {};        // runs after the data and the house style
};

// The <svg> element with width and height left to the page and ids that start with `id`. Throws Error when gnuplot is not installed or
// refuses the script (its first complaint is named).
std::string svg(const Picture& picture);
// The bytes of a PNG file, twice as many pixels each way. Throws as svg().
std::string png(const Picture& picture);
// SVG or PNG, as the name ends: .svg, .png. Throws Error for another ending, IoError, and as svg().
void write_picture(const std::string& path, const Picture& picture);
// Throws Error unless `path` ends in .svg or .png: before a long run.
void check_picture_name(const std::string& path);

std::string gnuplot_svg(const std::string& id, const std::string& title, int width, int height, const std::vector<DataBlock>& data,
                        const std::string& script);

// PATH.svg and PATH.png.
void write_pictures(const std::string& path, const Picture& picture);

}  // namespace mho::report
