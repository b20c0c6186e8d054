#include "core/json_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/errors.hpp"

namespace mho {

std::string read_text_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw IoError(path, "is a folder, not a file");
  std::ifstream in(path, std::ios::binary);
  if (!in) throw IoError(path, std::strerror(errno));
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void write_text_file(const std::string& path, std::string_view content) {
  const std::string temporary = fmt::format("{}.{}.tmp", path, getpid());
  {
    std::ofstream out(temporary, std::ios::binary);
    if (!out) throw IoError(path, fmt::format("cannot be written: {}", std::strerror(errno)));
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    out.flush();
    if (!out) {
      std::remove(temporary.c_str());
      throw IoError(path, "cannot be written: the disk is full or the device failed");
    }
  }
  if (std::rename(temporary.c_str(), path.c_str()) != 0) {
    const std::string why = std::strerror(errno);
    std::remove(temporary.c_str());
    throw IoError(path, "cannot be written: " + why);
  }
}

Json read_json_file(const std::string& path) {
  const std::string text = read_text_file(path);
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& e) {
    const auto upto = text.begin() + static_cast<std::ptrdiff_t>(std::min(e.byte, text.size()));
    throw ConfigError(path, 1 + static_cast<int>(std::count(text.begin(), upto, '\n')), "", "is not valid JSON");
  }
}

void write_json_file(const std::string& path, const Json& value) { write_text_file(path, value.dump(1) + "\n"); }

void make_output_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw IoError(path, "cannot be created: " + error.message());
  if (access(path.c_str(), W_OK) != 0) throw IoError(path, fmt::format("cannot be written: {}", std::strerror(errno)));
}

Json quantity(double value, std::string_view unit) { return {{"value", value}, {"unit", std::string(unit)}}; }
Json quantity(double value, double error, std::string_view unit) {
  return {{"value", value}, {"error", error}, {"unit", std::string(unit)}};
}

}  // namespace mho
