#include "report/gnuplot.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <regex>

#include "core/errors.hpp"
#include "core/json_file.hpp"

namespace mho::report {
namespace {

std::string block_text(const DataBlock& block) {
  std::string text = fmt::format("${} << END_OF_DATA\n", block.name);
  const size_t rows = block.columns.empty() ? block.labels.size() : block.columns.front().size();
  for (size_t r = 0; r < rows; ++r) {
    if (!block.labels.empty()) text += fmt::format("\"{}\" ", block.labels[r]);
    for (const auto& column : block.columns) text += std::isfinite(column[r]) ? fmt::format("{:.6g} ", column[r]) : "NaN ";
    text += "\n";
  }
  return text + "END_OF_DATA\n";
}

constexpr std::string_view style = R"(
set encoding utf8
set border 3 lc rgb '#8a8f98' lw 1
set tics nomirror out scale 0.6 tc rgb '#3d434c'
set grid ytics lc rgb '#e6e8eb' lw 1 lt 1
set xlabel tc rgb '#3d434c'
set ylabel tc rgb '#3d434c'
set key top left Left reverse samplen 1.6 spacing 1.15 tc rgb '#3d434c'
set linetype 1 lc rgb '#1f5fa8' lw 1.6 pt 7 ps 0.35
set linetype 2 lc rgb '#d1622b' lw 1.6 pt 7 ps 0.35
set linetype 3 lc rgb '#2e8b57' lw 1.6 pt 7 ps 0.35
set linetype 4 lc rgb '#8a6bbf' lw 1.6 pt 7 ps 0.35
set linetype 5 lc rgb '#c9a227' lw 1.6 pt 7 ps 0.35
set linetype 6 lc rgb '#7a828e' lw 1.6 pt 7 ps 0.35
)";

// A private folder that goes away with the object.
struct ScratchFolder {
  std::string path = (std::filesystem::temp_directory_path() / "mho-XXXXXX").string();
  ScratchFolder() {
    if (!mkdtemp(path.data())) throw IoError(path, "cannot be created");
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
};

// Exit status of `gnuplot file`, with its messages in `log`. 127: it is not installed.
int run_gnuplot(const std::string& file, const std::string& log) {
  const pid_t child = fork();
  if (child < 0) throw Error("gnuplot cannot be started: no more processes");
  if (child == 0) {
    // Descriptors, not streams: what this process has not flushed yet must not be written twice.
    const int messages = open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), nothing = open("/dev/null", O_RDWR);
    if (messages < 0 || nothing < 0 || dup2(nothing, 0) < 0 || dup2(nothing, 1) < 0 || dup2(messages, 2) < 0) _exit(126);
    execlp("gnuplot", "gnuplot", file.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

std::string first_line_with_text(const std::string& text) {
  size_t at = 0;
  std::string last;
  while (at < text.size()) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (const std::string line = text.substr(at, end - at); line.find(": ") != std::string::npos) return line;
    else if (!line.empty()) last = line;
    at = end + 1;
  }
  return last;
}

// What gnuplot draws of the figure on `terminal`.
std::string drawn(const Picture& figure, const std::string& terminal) {
  const ScratchFolder folder;
  const std::string picture = folder.path + "/picture", file = folder.path + "/picture.gp", log = folder.path + "/log";
  std::string text = fmt::format("set terminal {}\nset output '{}'\n{}", terminal, picture, style);
  for (const DataBlock& block : figure.data) text += block_text(block);
  write_text_file(file, text + figure.script + "\nunset output\n");
  const int status = run_gnuplot(file, log);
  if (status == 127) throw Error("gnuplot is not installed (apt-get install gnuplot-nox), so no picture and no report.html is written; all other results are");
  if (status != 0)
    throw Error(fmt::format("gnuplot refuses the picture '{}': {}", figure.title, first_line_with_text(read_text_file(log))), ExitStatus::bug);
  return read_text_file(picture);
}

}  // namespace

std::string svg(const Picture& figure) {
  std::string picture = drawn(figure, fmt::format("svg size {},{} dynamic font 'system-ui,Helvetica,Arial,sans-serif,13' linewidth 1 background '#ffffff'",
                                                  figure.width, figure.height));
  const std::string& id = figure.id;
  picture.erase(0, picture.find("<svg"));
  picture = std::regex_replace(picture, std::regex("<title>[^<]*</title>"), fmt::format("<title>{}</title>", figure.title), std::regex_constants::format_first_only);
  picture = std::regex_replace(picture, std::regex("<desc>[^<]*</desc>"), "");
  picture = std::regex_replace(picture, std::regex("(id=['\"])"), "$1" + id + "-");
  picture = std::regex_replace(picture, std::regex("(href=['\"]#)"), "$1" + id + "-");
  return std::regex_replace(picture, std::regex("url\\(#"), "url(#" + id + "-");
}

std::string png(const Picture& figure) {
  return drawn(figure, fmt::format("pngcairo size {},{} font 'Helvetica,13' fontscale 1.7 linewidth 2 pointscale 2 background '#ffffff'", 2 * figure.width, 2 * figure.height));
}

void check_picture_name(const std::string& path) {
  if (!path.ends_with(".svg") && !path.ends_with(".png")) throw Error(fmt::format("the picture {} ends neither in .svg nor in .png", path));
}

void write_picture(const std::string& path, const Picture& figure) {
  check_picture_name(path);
  write_text_file(path, path.ends_with(".png") ? png(figure) : svg(figure));
}

std::string gnuplot_svg(const std::string& id, const std::string& title, int width, int height, const std::vector<DataBlock>& data,
                        const std::string& script) {
  return svg({id, title, width, height, data, script});
}

void write_pictures(const std::string& path, const Picture& figure) {
  write_picture(path + ".svg", figure);
  write_picture(path + ".png", figure);
}

}  // namespace mho::report
