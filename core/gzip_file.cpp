#include "core/gzip_file.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>

#include "core/errors.hpp"

namespace mho {
namespace {
struct Close {
  void operator()(gzFile file) const { gzclose(file); }
};
}  // namespace

std::string read_gzip_text(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw IoError(path, "is a folder, not a file");
  const std::unique_ptr<gzFile_s, Close> file(gzopen(path.c_str(), "rb"));
  if (!file) throw IoError(path, fmt::format("cannot be read: {}", std::strerror(errno)));
  std::string text;
  std::array<char, 1 << 16> piece;
  for (int got = 1; got > 0;) {
    got = gzread(file.get(), piece.data(), static_cast<unsigned>(piece.size()));
    int code = Z_OK;
    const char* what = gzerror(file.get(), &code);
    if (got < 0 || code == Z_BUF_ERROR)  // the second: cut off in the middle
      throw IoError(path, fmt::format("cannot be unpacked: {}", code == Z_ERRNO ? std::strerror(errno) : what));
    text.append(piece.data(), static_cast<size_t>(got));
  }
  return text;
}

}  // namespace mho
