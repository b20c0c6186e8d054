#include "devices/fit/csv_columns.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "core/units.hpp"

namespace mho::devices {
namespace {

struct Dimension {
  std::string_view unit, meaning;
};
constexpr std::array<Dimension, 8> dimensions{{{"s", "time"},
                                               {"V", "voltage"},
                                               {"A", "current"},
                                               {"S", "conductance"},
                                               {"ohm", "resistance"},
                                               {"K", "temperature"},
                                               {"Hz", "frequency"},
                                               {"m", "length"}}};

std::string_view trimmed(std::string_view s) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!s.empty() && blank(s.front())) s.remove_prefix(1);
  while (!s.empty() && blank(s.back())) s.remove_suffix(1);
  return s;
}

std::string lower_case(std::string_view s) {
  std::string out(s);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// What a message shows of a field: short and printable.
std::string shown(std::string_view field) {
  std::string out;
  for (char c : field.substr(0, 40))
    out += static_cast<unsigned char>(c) < 32 || static_cast<unsigned char>(c) > 126 ? '?' : c;
  return out + (field.size() > 40 ? "..." : "");
}

// Fields of one line, without quotes and surrounding blanks. False: a quote is never closed.
bool split(std::string_view line, char separator, std::vector<std::string_view>& fields) {
  fields.clear();
  size_t start = 0;
  bool quoted = false;
  for (size_t i = 0; i <= line.size(); ++i) {
    if (i < line.size() && line[i] == '"') quoted = !quoted;
    if (i < line.size() && (quoted || line[i] != separator)) continue;
    // A field of blanks that a tab separates must not lose its neighbours: only blanks are trimmed
    // inside.
    std::string_view f = trimmed(line.substr(start, i - start));
    if (f.size() >= 2 && f.front() == '"' && f.back() == '"')
      f = trimmed(f.substr(1, f.size() - 2));
    fields.push_back(f);
    start = i + 1;
  }
  return !quoted;
}

char separator_of(std::string_view header) {
  for (char c : {'\t', ';'})
    if (header.find(c) != std::string_view::npos) return c;
  return ',';
}

// Factor to SI of a unit text, for example "mV" for "V". Spellings of ohm are one.
std::optional<double> unit_factor(std::string text, std::string_view unit) {
  for (std::string_view ohm : {"\xCE\xA9", "\xE2\x84\xA6", "Ohm", "OHM", "ohms"})
    if (text.ends_with(ohm)) text = text.substr(0, text.size() - ohm.size()) + "ohm";
  return parse_quantity("1 " + text, unit);
}

struct HeaderName {
  std::string name, unit;
  bool has_unit = false;
};

HeaderName header_name(std::string_view field) {
  for (const auto& [open, close] : {std::pair{'[', ']'}, std::pair{'(', ')'}}) {
    const size_t at = field.rfind(open);
    if (at != std::string_view::npos && field.ends_with(close))
      return {std::string(trimmed(field.substr(0, at))),
              std::string(trimmed(field.substr(at + 1, field.size() - at - 2))), true};
  }
  return {std::string(field), "", false};
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& file, std::span<const ColumnKind> kinds)
      : rest_(text), file_(file), kinds_(kinds) {
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);
  }

  CsvColumns read() {
    if (trimmed(rest_).empty())
      throw ConfigError(file_, 0, "",
                        "is empty; wants a header such as time[s],v[V],i[A] and rows of numbers");
    std::string_view line;
    while (next(line)) {
      const std::string_view body = trimmed(line);
      if (body.empty()) continue;
      if (body.front() == '#')
        comment(body.substr(1));
      else if (out_.header_line == 0)
        header(line);
      else
        row(line);
    }
    if (out_.header_line == 0)
      throw ConfigError(file_, 0, "",
                        "is empty or holds comments only; wants a header such as time[s],v[V],i[A] "
                        "and rows of numbers");
    if (out_.line.empty())
      throw ConfigError(file_, out_.header_line, "", "a header without a single row of numbers");
    return std::move(out_);
  }

 private:
  bool next(std::string_view& line) {
    if (rest_.empty()) return false;
    ++number_;
    const size_t end = rest_.find_first_of("\n\r");
    line = rest_.substr(0, end);
    if (end == std::string_view::npos)
      rest_ = {};
    else
      rest_.remove_prefix(
          end + (rest_[end] == '\r' && end + 1 < rest_.size() && rest_[end + 1] == '\n' ? 2 : 1));
    if (line.size() > max_csv_line)
      throw ConfigError(
          file_, number_, "",
          fmt::format("a line of {} bytes; at most {} are read", line.size(), max_csv_line));
    if (line.find('\0') != std::string_view::npos)
      throw ConfigError(file_, number_, "", "holds a zero byte: not a text file");
    return true;
  }

  void comment(std::string_view body) {
    const size_t equals = body.find('=');
    if (equals == std::string_view::npos) return;
    out_.comments.push_back({lower_case(trimmed(body.substr(0, equals))),
                             std::string(trimmed(body.substr(equals + 1))), number_});
  }

  void header(std::string_view line) {
    separator_ = separator_of(line);
    out_.header_line = number_;
    if (!split(line, separator_, fields_))
      throw ConfigError(file_, number_, "", "a quote in the header is never closed");
    for (const std::string_view field : fields_) claim(field);
    if (out_.columns.empty())
      throw ConfigError(file_, number_, shown(trimmed(line)),
                        "not a header with known columns, for example time[s],v[V],i[A]");
  }

  void claim(std::string_view field) {
    const HeaderName h = header_name(field);
    const std::string name = lower_case(h.name);
    const auto kind = std::find_if(kinds_.begin(), kinds_.end(), [&](const ColumnKind& k) {
      return !name.empty() && name.find('|') == std::string::npos &&
             k.spelling.find("|" + name + "|") != std::string_view::npos;
    });
    column_of_field_.push_back(-1);
    scale_.push_back(1.0);
    if (kind == kinds_.end()) {
      if (!name.empty()) out_.unused.push_back(shown(field));
      return;
    }
    if (out_.find(kind->key))
      throw ConfigError(file_, number_, shown(field),
                        fmt::format("a second column of {}", kind->key));
    scale_.back() = factor(h, *kind, field);
    column_of_field_.back() = static_cast<int>(out_.columns.size());
    out_.columns.push_back({&*kind, shown(h.name), {}});
  }

  double factor(const HeaderName& h, const ColumnKind& kind, std::string_view field) const {
    if (kind.unit == "1") {
      if (h.has_unit && h.unit != "1" && !h.unit.empty())
        throw ConfigError(file_, number_, shown(field),
                          fmt::format("unit {}, wants a plain count [1]", shown(h.unit)));
      return 1.0;
    }
    if (!h.has_unit)
      throw ConfigError(
          file_, number_, shown(field),
          fmt::format("has no unit; write {0}[{1}], or {0}[m{1}]", shown(h.name), kind.unit));
    if (const auto f = unit_factor(h.unit, kind.unit)) return *f;
    for (const Dimension& d : dimensions)
      if (unit_factor(h.unit, d.unit))
        throw ConfigError(
            file_, number_, shown(field),
            fmt::format("{} is a unit of {}; wants {}", shown(h.unit), d.meaning, kind.unit));
    throw ConfigError(file_, number_, shown(field),
                      fmt::format("unknown unit {}; wants {} with an SI prefix or none",
                                  shown(h.unit), kind.unit));
  }

  void row(std::string_view line) {
    if (!split(line, separator_, fields_))
      throw ConfigError(file_, number_, "", "a quote is never closed");
    if (fields_.size() != column_of_field_.size())
      throw ConfigError(
          file_, number_, "",
          fmt::format("{} values for {} columns{}", fields_.size(), column_of_field_.size(),
                      separator_ == ',' && fields_.size() > column_of_field_.size()
                          ? " (decimal commas? write 0.5)"
                          : ""));
    for (size_t f = 0; f < fields_.size(); ++f)
      if (column_of_field_[f] >= 0) {
        CsvColumn& column = out_.columns[static_cast<size_t>(column_of_field_[f])];
        column.values.push_back(number(fields_[f], scale_[f], column));
      }
    out_.line.push_back(number_);
  }

  double number(std::string_view field, double scale, const CsvColumn& column) const {
    if (field.empty()) throw ConfigError(file_, number_, column.name, "no value");
    std::string_view text = field;
    if (text.front() == '+' && text.size() > 1 && text[1] != '-' && text[1] != '+')
      text.remove_prefix(1);
    double value = 0.0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc::result_out_of_range && end == text.data() + text.size())
      throw ConfigError(file_, number_, column.name,
                        fmt::format("{} is beyond the numbers of a computer", shown(field)));
    if (error != std::errc{} || end != text.data() + text.size()) {
      const bool comma = field.find(',') != std::string_view::npos &&
                         field.find_first_not_of("+-0123456789,eE") == std::string_view::npos;
      throw ConfigError(
          file_, number_, column.name,
          comma ? fmt::format("{} has a decimal comma; write it with a point", shown(field))
                : fmt::format("\"{}\" is not a number", shown(field)));
    }
    if (!std::isfinite(value))
      throw ConfigError(file_, number_, column.name,
                        fmt::format("is {}; wants a finite number", shown(field)));
    value *= scale;
    const ColumnKind& k = *column.kind;
    if (!(value >= k.min && value <= k.max))
      throw ConfigError(
          file_, number_, column.name,
          fmt::format("{:g} {} is outside {:g} to {:g} {}; is the unit in the header right?", value,
                      k.unit == "1" ? "" : k.unit, k.min, k.max, k.unit == "1" ? "" : k.unit));
    return value;
  }

  std::string_view rest_;
  const std::string& file_;
  std::span<const ColumnKind> kinds_;
  CsvColumns out_;
  char separator_ = ',';
  int number_ = 0;
  std::vector<std::string_view> fields_;
  std::vector<int> column_of_field_;
  std::vector<double> scale_;
};

}  // namespace

const CsvColumn* CsvColumns::find(std::string_view key) const {
  for (const CsvColumn& c : columns)
    if (c.kind->key == key) return &c;
  return nullptr;
}

CsvColumns read_columns(std::string_view text, const std::string& file,
                        std::span<const ColumnKind> kinds) {
  return Reader(text, file, kinds).read();
}

std::string read_csv_text(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (!error && size > max_csv_bytes)
    throw ConfigError(path, 0, "",
                      fmt::format("{} bytes; at most {} are read", size, max_csv_bytes));
  return read_text_file(path);
}

}  // namespace mho::devices
