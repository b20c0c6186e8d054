// The folder of a run: run.json, CSV tables and report.html.
#pragma once
#include <string>
#include <string_view>

#include "cli/job/job.hpp"
#include "report/figures.hpp"

namespace mho::job {

// ADC codes of die 0: share of conversions by |code|/max_code, layer by layer.
struct CodeHistogram {
  static constexpr size_t bins = 16;
  std::vector<std::string> layers;
  std::vector<std::vector<double>> share;  // [layer][bin]
};

// What the pictures show.
struct PictureData {
  report::WaveformSeries spice, ode;   // empty for ideal cores
  report::AdcCurve adc;
  double inl_worst = 0;                // [LSB]
  report::CellSeries cells;            // die 0
  CodeHistogram codes;
};
PictureData picture_data(Job& job);

// run.json of a finished job: how and with what it was run, and `results`.
Json manifest(std::string_view schema, const Job& job, const std::string& command, const Json& results);
// Computes all steps and returns run.json. `command`: how the run was started.
Json run_json(Job& job, const PictureData& pictures, const std::string& command);
// The compact table that `mho run` prints.
std::string run_table(Job& job, const PictureData& pictures);
// Writes run.json and the CSV tables.
void write_tables(Job& job, const PictureData& pictures, const Json& run, const std::string& folder);
// Writes report.html, and its pictures as files of their own in pictures/. Throws Error when gnuplot is missing.
void write_report(Job& job, const PictureData& pictures, const Json& run, const std::string& folder);

}  // namespace mho::job
