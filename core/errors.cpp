#include "core/errors.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

namespace mho {
namespace {
std::string place(const std::string& file, int line) {
  return line > 0 ? fmt::format("{}:{}", file, line) : file;
}
// A zero byte would end the message, a line feed split it.
std::string printable(std::string message) {
  for (char& c : message)
    if (static_cast<unsigned char>(c) < 32 || c == 127) c = c == '\n' || c == '\t' || c == '\r' ? ' ' : '?';
  return message;
}
}  // namespace

Error::Error(const std::string& message, ExitStatus status) : std::runtime_error(printable(message)), status_(status) {}

ConfigError::ConfigError(std::string file_, int line_, std::string key_, const std::string& what)
    : Error(key_.empty() ? fmt::format("{}: {}", place(file_, line_), what)
                         : fmt::format("{}: {}: {}", place(file_, line_), key_, what)),
      file(std::move(file_)), key(std::move(key_)), line(line_) {}

NetlistError::NetlistError(std::string netlist_, int line_, const std::string& what, std::string log_,
                           ExitStatus status)
    : Error(fmt::format("{}: {}", place(netlist_, line_), what), status),
      netlist(std::move(netlist_)), log(std::move(log_)), line(line_) {}

IoError::IoError(std::string path_, const std::string& what)
    : Error(fmt::format("{}: {}", path_, what)), path(std::move(path_)) {}

void assertion_failed(const char* condition, const char* file, int line) {
  fmt::print(stderr, "mho: internal error: {} at {}:{}\n", condition, file, line);
  std::abort();
}

}  // namespace mho
