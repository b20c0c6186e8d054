#include "circuits/spice/diagnosis.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdlib>
#include <vector>

namespace mho::spice {
namespace {

using std::string_view_literals::operator""sv;

template <size_t N>
bool has_any(std::string_view line, const std::array<std::string_view, N>& words) {
  for (std::string_view word : words)
    if (line.find(word) != std::string_view::npos) return true;
  return false;
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\r')) line.remove_suffix(1);
    if (!line.empty()) lines.push_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

// Number after `prefix`, 0 when the line does not start with it.
int number_after(std::string_view line, std::string_view prefix) {
  return line.starts_with(prefix) ? std::atoi(std::string(line.substr(prefix.size())).c_str()) : 0;
}

}  // namespace

bool announces_error(std::string_view line) {
  static constexpr std::array harmless{"gmin"sv, "Warning"sv, "warning"sv, "source stepping"sv};
  static constexpr std::array signs{"Error"sv,          "ERROR"sv,         "not parsed"sv,  "aborted"sv,   "too small"sv, "ingular matrix"sv, "there aren't any circuits"sv,
                                    "no such"sv,        "nable to find"sv, "ould not find"sv, "ndefined"sv, "nknown"sv,    "unimplemented"sv,  "cannot recover"sv,
                                    "out of range for"sv};
  return !has_any(line, harmless) && has_any(line, signs);
}

Diagnosis diagnose(std::string_view log) {
  static constexpr std::array numerical{"too small"sv, "aborted"sv, "out of range for"sv};
  static constexpr std::array absent{"not in the circuit"sv, "not in circuit"sv};  // an analysis names a source that is not there
  Diagnosis d;
  const std::vector<std::string_view> lines = split_lines(log);
  const auto at = [&](size_t i) { return i < lines.size() ? lines[i] : std::string_view(); };
  std::string inside;
  std::string_view first_error, singular, reason, missing;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (const int n = number_after(lines[i], "Error on line "); n > 0 && d.line == 0) {
      d.line = n;  // the netlist's line follows, and what is wrong with it
      d.message = fmt::format("\"{}\": {}", at(i + 1), at(i + 2));
    } else if (lines[i] == "Error on line:" && inside.empty()) {
      inside = fmt::format("\"{}\": {}", at(i + 1), at(i + 2));  // of a subcircuit: without a number
    } else if (const int m = number_after(lines[i], "Netlist line no. "); m > 0 && d.line == 0) {
      d.line = m;
      d.message = at(i + 1);
    }
    if (singular.empty() && lines[i].find("ingular matrix") != std::string_view::npos) singular = lines[i];
    if (lines[i].find("imestep too small") != std::string_view::npos && lines[i].starts_with("doAnalyses")) reason = lines[i];
    if (missing.empty() && has_any(lines[i], absent)) missing = lines[i];
    if (!announces_error(lines[i])) continue;
    if (first_error.empty()) first_error = lines[i];
    if (d.line == 0 && has_any(lines[i], numerical)) d.numerical = true;
  }
  if (d.line > 0) {
    // A function or file that ngspice misses is named by a line of its own before the one that it counts.
    if (!first_error.empty() && number_after(first_error, "Error on line ") == 0 && d.message.find(first_error) == std::string::npos)
      d.message += fmt::format(" ({})", first_error);
    return d;
  }
  if (!inside.empty()) return {0, inside, false};
  if (!missing.empty()) return {0, std::string(missing), false};
  d.message = std::string(reason.empty() ? first_error : reason);
  if (d.numerical && !singular.empty()) d.message += fmt::format("; {}", singular);
  return d;
}

}  // namespace mho::spice
