// weights.csv and measured.csv of a layer measured on the chip.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <string_view>

#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "validation/silicon.hpp"

namespace mho::validation {
namespace {

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.back() == '\r' || s.back() == ' ')) s.remove_suffix(1);
  while (!s.empty() && s.front() == ' ') s.remove_prefix(1);
  return s;
}

std::vector<std::string_view> fields_of(std::string_view line) {
  std::vector<std::string_view> fields;
  for (size_t start = 0; start <= line.size();) {
    const size_t end = std::min(line.find(',', start), line.size());
    fields.push_back(trimmed(line.substr(start, end - start)));
    start = end + 1;
  }
  return fields;
}

double number(std::string_view field, const std::string& path, int line,
              const std::string& column) {
  double value = 0.0;
  const auto [stop, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc{} || stop != field.data() + field.size() || !std::isfinite(value))
    throw ConfigError(path, line, column,
                      fmt::format("\"{}\" is not a finite number", field.substr(0, 40)));
  return value;
}

// Lines that are neither empty nor comments.
void each_line(const std::string& path,
               const std::function<void(int, const std::vector<std::string_view>&)>& use) {
  const std::string text = read_text_file(path);
  std::string_view rest = text;
  for (int line = 1; !rest.empty(); ++line) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view body = trimmed(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!body.empty() && body.front() != '#') use(line, fields_of(body));
  }
}

Eigen::MatrixXd read_weights(const std::string& path) {
  std::vector<std::vector<double>> rows;
  each_line(path, [&](int line, const std::vector<std::string_view>& fields) {
    rows.emplace_back();
    for (size_t j = 0; j < fields.size(); ++j)
      rows.back().push_back(number(fields[j], path, line, fmt::format("column {}", j + 1)));
    if (rows.back().size() != rows.front().size())
      throw ConfigError(
          path, line,
          fmt::format("column {}", std::min(rows.back().size(), rows.front().size()) + 1),
          fmt::format("{} weights, the first row has {}", rows.back().size(), rows.front().size()));
  });
  if (rows.size() <= silicon_bias_rows)
    throw ConfigError(
        path, 0, "",
        fmt::format("{} rows; wants inputs and {} of bias", rows.size(), silicon_bias_rows));
  Eigen::MatrixXd weights(static_cast<Eigen::Index>(rows.size()),
                          static_cast<Eigen::Index>(rows.front().size()));
  for (size_t i = 0; i < rows.size(); ++i)
    for (size_t j = 0; j < rows[i].size(); ++j)
      weights(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = rows[i][j];
  const auto inputs = weights.topRows(weights.rows() - silicon_bias_rows);
  for (Eigen::Index j = 0; j < weights.cols(); ++j)
    if (inputs.col(j).isZero(0.0))
      throw ConfigError(path, 0, fmt::format("column {}", j + 1), "holds zeros alone");
  return weights;
}

}  // namespace

SiliconLayer read_silicon_layer(const std::string& folder) {
  SiliconLayer layer;
  layer.weights = read_weights(folder + "/weights.csv");
  const std::string path = folder + "/measured.csv";
  const std::vector<std::string> names{"column", "slope", "residual"};
  std::vector<size_t> at;  // of each name; empty before the header
  size_t width = 0;
  std::vector<double> slope, residual;
  each_line(path, [&](int line, const std::vector<std::string_view>& fields) {
    if (at.empty()) {
      width = fields.size();
      for (const std::string& name : names) {
        const auto found = std::find_if(fields.begin(), fields.end(), [&](std::string_view f) {
          return f.substr(0, f.find('[')) == name;
        });
        if (found == fields.end())
          throw ConfigError(path, line, name, "no such column in the header");
        at.push_back(static_cast<size_t>(found - fields.begin()));
      }
      return;
    }
    if (fields.size() != width) {
      const size_t missing = std::min(fields.size(), width);
      const auto name = std::find(at.begin(), at.end(), missing);
      throw ConfigError(path, line,
                        name == at.end() ? fmt::format("column {}", missing + 1)
                                         : names[static_cast<size_t>(name - at.begin())],
                        fmt::format("{} values for {} columns", fields.size(), width));
    }
    if (const double n = number(fields[at[0]], path, line, names[0]);
        n != static_cast<double>(slope.size()))
      throw ConfigError(path, line, names[0],
                        fmt::format("is {}, wants {}: columns count from 0", n, slope.size()));
    slope.push_back(number(fields[at[1]], path, line, names[1]));
    residual.push_back(number(fields[at[2]], path, line, names[2]));
    if (!(slope.back() > 0.0)) throw ConfigError(path, line, names[1], "wants more than 0");
    if (!(residual.back() >= 0.0)) throw ConfigError(path, line, names[2], "wants at least 0");
  });
  const auto columns = static_cast<size_t>(layer.weights.cols());
  if (slope.size() != columns || columns < 3)
    throw ConfigError(
        path, 0, "column",
        fmt::format("{} columns measured, {} in weights.csv; wants equally many, at least 3",
                    slope.size(), columns));
  layer.slope = Eigen::Map<const Eigen::VectorXd>(slope.data(), layer.weights.cols());
  layer.residual = Eigen::Map<const Eigen::VectorXd>(residual.data(), layer.weights.cols());
  return layer;
}

}  // namespace mho::validation
