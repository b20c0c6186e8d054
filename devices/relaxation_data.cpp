#include "devices/relaxation_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <string_view>

#include "core/errors.hpp"
#include "core/gzip_file.hpp"
#include "core/random.hpp"

namespace mho::devices {
namespace {
constexpr double largest_conductance = 1.0;  // [S] more is taken as a wrong column
constexpr double longest_time = 1e10;        // [s]

constexpr std::array<std::string_view, 7> columns{
    "address", "time", "resistance", "conductance", "start conductance", "range", "nominal time"};
using Row = std::array<double, columns.size()>;

struct Source {
  const std::string& path;
  int line;
  [[noreturn]] void fail(size_t column, const std::string& what) const {
    throw ConfigError(path, line, std::string(columns[column]), what);
  }
};

Row parse(std::string_view line, const Source& source) {
  Row row{};
  for (size_t c = 0; c < columns.size(); ++c) {
    const size_t end = line.find('\t');
    const bool last = c + 1 == columns.size();
    if ((end == std::string_view::npos) != last)
      source.fail(c, fmt::format("the line must have {} columns separated by tabs, it has {}",
                                 columns.size(), last ? "more" : std::to_string(c + 1)));
    const std::string_view word = line.substr(0, end);
    const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), row[c]);
    if (error != std::errc{} || stop != word.data() + word.size() || !std::isfinite(row[c]))
      source.fail(c, fmt::format("'{}' is not a finite number", word));
    line.remove_prefix(last ? line.size() : end + 1);
  }
  return row;
}

void check(const Row& row, const Source& source) {
  const auto within = [&](size_t c, double low, double high, const char* unit) {
    if (!(row[c] >= low && row[c] <= high))
      source.fail(c, fmt::format("{} is outside {} to {}{}", row[c], low, high, unit));
  };
  within(0, 0.0, 4294967295.0, "");
  if (row[0] != std::floor(row[0])) source.fail(0, fmt::format("{} is not whole", row[0]));
  within(1, 0.0, longest_time, " s");
  within(3, -largest_conductance, largest_conductance, " S");
  within(4, 0.0, largest_conductance, " S");
  within(6, 0.0, longest_time, " s");
  if (row[6] > 0.0 && row[1] == 0.0) source.fail(1, "is 0 in a read after the start");
}
}  // namespace

std::vector<MeasuredCell> read_measured_relaxation(const std::string& path) {
  const std::string text = read_gzip_text(path);
  std::map<std::uint32_t, MeasuredCell> cells;
  std::string_view rest = text;
  for (Source source{path, 1}; !rest.empty(); ++source.line) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const Row row = parse(rest.substr(0, end), source);
    check(row, source);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto address = static_cast<std::uint32_t>(row[0]);
    MeasuredCell& cell =
        cells.try_emplace(address, MeasuredCell{address, row[4], {}}).first->second;
    if (cell.start != row[4])
      source.fail(4, fmt::format("{} S differs from {} S in an earlier line of cell {}", row[4],
                                 cell.start, address));
    if (row[6] == 0.0) continue;
    for (const MeasuredRead& read : cell.reads)
      if (read.nominal == row[6])
        source.fail(6, fmt::format("cell {} has two reads at {} s", address, row[6]));
    cell.reads.push_back({row[6], row[1], row[3]});
  }
  if (cells.empty()) throw IoError(path, "holds no reads");
  std::vector<MeasuredCell> result;
  result.reserve(cells.size());
  for (auto& [address, cell] : cells) {
    std::sort(cell.reads.begin(), cell.reads.end(),
              [](const MeasuredRead& a, const MeasuredRead& b) { return a.time < b.time; });
    result.push_back(std::move(cell));
  }
  return result;
}

CellHalves split_cells(const std::vector<MeasuredCell>& cells, std::uint64_t seed) {
  CellHalves halves;
  for (const MeasuredCell& cell : cells) {
    RandomStream coin(seed, 0, 0, cell.address, Purpose::validation_plan);
    (coin.uniform() < 0.5 ? halves.first : halves.second).push_back(cell);
  }
  return halves;
}

}  // namespace mho::devices
