// Text tables as instruments and spreadsheets write them: a header that names each column with its
// unit, one row of numbers a line.
//   time[s], v[mV], current (uA), cycle
// Columns in any order, SI prefixes, separated by commas, semicolons or tabs, fields possibly in
// double quotes, comments from '#' at the start of a line, a byte order mark and either line
// ending. A comment "# name = value" is kept.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mho::devices {

// A column that a reader knows. Values outside of [min, max] are refused: a wrong prefix in the
// header shows there first.
struct ColumnKind {
  std::string_view key;       // what the reader calls it
  std::string_view spelling;  // names in a file, lower case, between bars: "|t|time|"
  std::string_view unit;      // SI; "1": a count, the unit may be left out
  double min, max;            // [unit]
};

struct CsvColumn {
  const ColumnKind* kind;
  std::string name;            // as the file has it
  std::vector<double> values;  // SI
};

struct CsvComment {
  std::string key, value;  // of "# key = value"
  int line;
};

struct CsvColumns {
  std::vector<CsvColumn> columns;  // those that are known, each kind once
  std::vector<int> line;           // of each row
  std::vector<CsvComment> comments;
  std::vector<std::string> unused;  // names of columns that no kind claims
  int header_line = 0;
  const CsvColumn* find(std::string_view key) const;
};

constexpr size_t max_csv_bytes = 256u << 20;
constexpr size_t max_csv_line = 1u << 16;

// Throws ConfigError with file, line and column for anything that is not such a table: no header, a
// column without a unit or with one of another dimension, a field that is not a finite number, a
// row of another length, a line beyond max_csv_line.
CsvColumns read_columns(std::string_view text, const std::string& file,
                        std::span<const ColumnKind> kinds);

// Reads the file whole. Throws IoError, and ConfigError beyond max_csv_bytes.
std::string read_csv_text(const std::string& path);

}  // namespace mho::devices
