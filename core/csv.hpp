// Tables as CSV with the unit of each column in its header: time[s],v(out)[V].
#pragma once
#include <string>
#include <vector>

namespace mho {

struct CsvTable {
  std::vector<std::string> header;          // "name[unit]"
  std::vector<std::vector<double>> rows;    // each as long as header
  void add(std::vector<double> row);
  void write(const std::string& path) const;  // whole or not at all; shortest text that reads back exactly
};

}  // namespace mho
