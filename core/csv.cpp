#include "core/csv.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/errors.hpp"
#include "core/json_file.hpp"

namespace mho {

void CsvTable::add(std::vector<double> row) {
  MHO_ASSERT(row.size() == header.size());
  rows.push_back(std::move(row));
}

void CsvTable::write(const std::string& path) const {
  std::string text = fmt::format("{}\n", fmt::join(header, ","));
  for (const auto& row : rows) text += fmt::format("{}\n", fmt::join(row, ","));
  write_text_file(path, text);
}

}  // namespace mho
