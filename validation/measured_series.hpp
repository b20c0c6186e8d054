// Measured conductances of single cells against time, one cell per line.
#pragma once
#include <string>
#include <vector>

namespace mho::validation {

struct MeasuredSeries {
  int range;                        // number of the conductance range that it was programmed to
  std::vector<double> conductance;  // [S] evenly spaced in time
};

// Reads a table (gzip or plain text) with one cell per line, separated by tabs, without a header:
// range number; a number that is not used; conductances [S]. This is techA_tsdata.min.tsv of
// akashlevy/RRAM-Relaxation-Master-Model (MIT). Every line must be as long as the first. Throws
// IoError, or ConfigError with the line.
std::vector<MeasuredSeries> read_measured_series(const std::string& path);

}  // namespace mho::validation
