// Measured relaxation: conductances of many cells, read at several times after their last
// programming pulse.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace mho::devices {

struct MeasuredRead {
  double nominal;      // [s] the time point that the read belongs to
  double time;         // [s] when it was really taken, after programming
  double conductance;  // [S] a read near zero may be slightly negative
};
struct MeasuredCell {
  std::uint32_t address;
  double start;                     // [S] read right after programming
  std::vector<MeasuredRead> reads;  // after the start, by time
};

// Reads a table (gzip or plain text) with one read per line and seven columns without a header,
// separated by tabs: cell address; time since programming [s]; R [ohm]; G [S]; G of the same cell
// at time 0 [S]; range number; nominal time [s], 0 for the read right after programming. This is
// techC_relaxdata.min.tsv of akashlevy/RRAM-Relaxation-Master-Model (MIT). Cells come sorted by
// address; R and the range number are checked to be numbers and not used. Throws IoError, or
// ConfigError with the line.
std::vector<MeasuredCell> read_measured_relaxation(const std::string& path);

using CellHalves = std::pair<std::vector<MeasuredCell>, std::vector<MeasuredCell>>;
// Each cell into one of two halves by a number that depends on seed and address alone.
CellHalves split_cells(const std::vector<MeasuredCell>& cells, std::uint64_t seed);

}  // namespace mho::devices
