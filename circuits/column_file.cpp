#include "circuits/column_file.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/errors.hpp"

namespace mho::circuits {
namespace {

constexpr std::array<std::string_view, 7> keys{"conductance", "levels", "v_read", "v_trim", "v_decrement", "pulse_multiplier", "max_code"};

double number(const Json& value, const std::string& path, const std::string& key) {
  if (!value.is_number()) throw ConfigError(path, 0, key, fmt::format("wants a number, not {}", value.dump().substr(0, 40)));
  return value.get<double>();
}

long long whole(const Json& value, const std::string& path, const std::string& key) {
  const double v = number(value, path, key);
  if (v != std::floor(v) || std::abs(v) > 1e9) throw ConfigError(path, 0, key, fmt::format("wants a whole number, not {}", value.dump()));
  return static_cast<long long>(v);
}

const Json& list(const Json& value, const std::string& path, const std::string& key) {
  if (!value.is_array() || value.empty()) throw ConfigError(path, 0, key, "wants a list that is not empty");
  return value;
}

}  // namespace

ColumnInput read_column(const std::string& path) {
  const Json json = read_json_file(path);
  if (!json.is_object()) throw ConfigError(path, 0, "", fmt::format("wants an object with the keys {}", fmt::join(keys, ", ")));
  for (const auto& [key, value] : json.items())
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      throw ConfigError(path, 0, key, fmt::format("is not a key of a column: {}", fmt::join(keys, ", ")));
  for (const char* key : {"conductance", "levels"})
    if (!json.contains(key)) throw ConfigError(path, 0, key, "is missing");
  ColumnInput input;
  size_t row = 0;
  for (const Json& g : list(json["conductance"], path, "conductance")) input.conductance.push_back(number(g, path, fmt::format("conductance[{}]", row++)));
  for (const Json& bit : list(json["levels"], path, "levels")) {
    const std::string key = fmt::format("levels[{}]", input.levels.size());
    auto& levels = input.levels.emplace_back();
    for (const Json& level : list(bit, path, key)) {
      const std::string place = fmt::format("{}[{}]", key, levels.size());
      const long long v = whole(level, path, place);
      if (v < -1 || v > 1) throw ConfigError(path, 0, place, fmt::format("is {}; a level is -1, 0 or 1", v));
      levels.push_back(static_cast<std::int8_t>(v));
    }
  }
  ReadPoint& p = input.point;
  if (json.contains("v_read")) p.v_read = number(json["v_read"], path, "v_read");
  if (json.contains("v_trim")) p.v_trim = number(json["v_trim"], path, "v_trim");
  if (json.contains("v_decrement")) p.v_decrement = number(json["v_decrement"], path, "v_decrement");
  if (json.contains("pulse_multiplier")) p.pulse_multiplier = static_cast<int>(whole(json["pulse_multiplier"], path, "pulse_multiplier"));
  if (json.contains("max_code")) p.max_code = static_cast<int>(whole(json["max_code"], path, "max_code"));
  CircuitParams any;
  any.rows = std::numeric_limits<double>::infinity();  // the file does not say which core
  check_column(input, any, path);
  return input;
}

void check_column(const ColumnInput& input, const CircuitParams& circuit, const std::string& source) {
  const auto want = [&](bool ok, const std::string& key, const std::string& what) {
    if (!ok) throw ConfigError(source, 0, key, what);
  };
  const size_t rows = input.conductance.size();
  want(rows > 0, "conductance", "a column needs at least one row");
  want(static_cast<double>(rows) <= circuit.rows, "conductance", fmt::format("a column of {} rows does not fit a core of {:g}", rows, circuit.rows));
  for (size_t i = 0; i < rows; ++i)
    want(input.conductance[i] >= 1e-12 && input.conductance[i] <= 1.0, fmt::format("conductance[{}]", i),
         fmt::format("is {:g} S, outside 1e-12 to 1 S", input.conductance[i]));
  want(!input.levels.empty() && input.levels.size() <= 16, "levels", "a column needs 1 to 16 magnitude bits");
  for (size_t k = 0; k < input.levels.size(); ++k) {
    want(input.levels[k].size() == rows, fmt::format("levels[{}]", k), fmt::format("has {} levels for {} rows: a column needs one level per row and bit", input.levels[k].size(), rows));
    for (size_t i = 0; i < rows; ++i)
      want(std::abs(input.levels[k][i]) <= 1, fmt::format("levels[{}][{}]", k, i), fmt::format("is {}; a level is -1, 0 or 1", input.levels[k][i]));
  }
  const ReadPoint& p = input.point;
  want(std::abs(p.v_read) <= 5.0, "v_read", fmt::format("is {:g} V, outside -5 to 5 V", p.v_read));
  want(std::abs(p.v_trim) <= 5.0, "v_trim", fmt::format("is {:g} V, outside -5 to 5 V", p.v_trim));
  want(p.v_decrement > 0.0 && p.v_decrement <= 5.0, "v_decrement", fmt::format("is {:g} V, wants more than 0 and at most 5 V", p.v_decrement));
  want(p.pulse_multiplier >= 1 && p.pulse_multiplier <= 4096, "pulse_multiplier", fmt::format("is {}, outside 1 to 4096", p.pulse_multiplier));
  want(p.max_code >= 1 && p.max_code <= 65535, "max_code", fmt::format("is {}, outside 1 to 65535", p.max_code));
}

}  // namespace mho::circuits
