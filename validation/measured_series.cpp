#include "validation/measured_series.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <string_view>

#include "core/errors.hpp"
#include "core/gzip_file.hpp"

namespace mho::validation {
namespace {
constexpr double largest_conductance = 1.0;  // [S] more is taken as a wrong unit

double number(std::string_view word, size_t column, const std::string& path, int line) {
  double value = 0.0;
  const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (error != std::errc{} || stop != word.data() + word.size() || !std::isfinite(value))
    throw ConfigError(path, line, fmt::format("column {}", column + 1),
                      fmt::format("'{}' is not a finite number", word.substr(0, 40)));
  return value;
}

MeasuredSeries parse(std::string_view line, const std::string& path, int number_of_line) {
  MeasuredSeries series{};
  for (size_t column = 0; !line.empty(); ++column) {
    const size_t end = std::min(line.find('\t'), line.size());
    const double value = number(line.substr(0, end), column, path, number_of_line);
    line.remove_prefix(std::min(end + 1, line.size()));
    const double largest = column == 0 ? 1e6 : largest_conductance;
    if (column != 1 && !(value >= 0.0 && value <= largest))
      throw ConfigError(path, number_of_line, fmt::format("column {}", column + 1),
                        fmt::format("{} is outside 0 to {}{}", value, largest, column ? " S" : ""));
    if (column == 0) series.range = static_cast<int>(value);
    if (column > 1) series.conductance.push_back(value);
  }
  return series;
}
}  // namespace

std::vector<MeasuredSeries> read_measured_series(const std::string& path) {
  const std::string text = read_gzip_text(path);
  std::vector<MeasuredSeries> all;
  std::string_view rest = text;
  for (int line = 1; !rest.empty(); ++line) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    all.push_back(parse(rest.substr(0, end), path, line));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const size_t count = all.back().conductance.size(), first = all.front().conductance.size();
    if (count == 0 || count != first)
      throw ConfigError(
          path, line, "",
          fmt::format("has {} conductances, the first line {}; wants equally many, not 0", count,
                      first));
  }
  if (all.empty()) throw IoError(path, "holds no cells");
  return all;
}

}  // namespace mho::validation
