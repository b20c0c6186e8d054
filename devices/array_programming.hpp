// Programming of many cells: write–verify of each, relaxation, optional further passes.
// Thread-parallel; the result depends on the seed alone.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/cache.hpp"
#include "core/json_file.hpp"
#include "core/progress.hpp"
#include "devices/card.hpp"
#include "devices/defects.hpp"
#include "devices/relaxation.hpp"
#include "devices/write_verify.hpp"

namespace mho::devices {

// A physical cell: the same address on the same die is the same device whatever is programmed.
struct CellAddress {
  std::uint32_t core;  // core on the die
  std::uint32_t cell;  // row · columns + column within the core, e.g. 0 … 65535 for 256×256
};
struct ArrayIds {
  std::uint64_t seed;
  std::uint32_t die;
  std::span<const CellAddress> cells;  // as many as targets, each once
};
// Addresses first_cell … first_cell + count − 1 of one core.
std::vector<CellAddress> consecutive_cells(std::uint32_t core, std::uint32_t first_cell,
                                           size_t count);

// How passes follow each other.
struct ArrayOptions {
  double wait = 1800.0;       // [s] from the end of the last pass to inference
  double pass_wait = 30.0;    // [s] from one pass to the check before the next
  double level_width = 5e-6;  // [S] width of the bins of success by target
  int passes = 1;             // before each pass after the first: cells out of the window only
};

struct ProgrammingSetup {
  Card card;  // model, its spread, and the select transistor; d-analog by default
  WritePolicy policy;
  RelaxationParams relaxation;
  ArrayOptions options;
  PulseOptions pulses;  // how each pulse is integrated
  DefectParams defects;  // cells that cannot be written; none by default
};

// Counts over the cells of one target bin [low, high).
struct LevelSummary {
  double low, high;             // [S] targets
  size_t cells = 0;             // all
  size_t needed = 0;            // outside the window at the start
  size_t succeeded = 0;         // of these, those that reached it
  double mean_pulses = 0.0;     // of those that needed a pulse
  double residual_mean = 0.0;   // [S] G − target of the successful among them
  double residual_sigma = 0.0;  // [S]
};

struct ProgrammingSummary {
  size_t cells = 0, needed = 0, succeeded = 0;  // as in LevelSummary, first pass
  double success_rate() const {
    return needed ? static_cast<double>(succeeded) / static_cast<double>(needed) : 1.0;
  }
  double worst_level_rate = 1.0;  // smallest succeeded/needed of levels with ≥ 20 needed cells
  double mean_pulses = 0.0;       // of the cells that needed a pulse
  std::vector<size_t> pulse_histogram;  // [n]: cells that took n > 0 pulses
  double energy = 0.0;                  // [J] sum over cells and passes
  double time = 0.0;                    // [s] sum over cells and passes
  double relaxed_rms = 0.0;             // [S] rms over all cells of conductance_relaxed − target
  double one_pass_rms = 0.0;            // [S] the same of conductance_one_pass
  std::vector<LevelSummary> levels;
  std::vector<size_t> failures;  // [WriteFailure]: cells, first pass
};

// One entry per target in every vector.
struct ArrayProgramming {
  std::vector<double> conductance_programmed;  // [S] at v_read, right after the cell's last write
  std::vector<double> conductance_relaxed;     // [S] options.wait after the last pass
  std::vector<double> conductance_one_pass;    // [S] options.wait after the first pass alone
  std::vector<int> pulses;            // of all passes
  std::vector<std::uint8_t> success;  // 1: inside the window right after its last write
  std::vector<WriteResult> first_pass;
  ProgrammingSummary summary;
};

// Writes targets[i] [S] into ids.cells[i]. Each cell starts in HRS (start_state of its model).
// A target outside [0, 200 µS] or not finite, or unequal counts of cells and targets throw Error.
// progress, when given, advances by one per target and pass.
ArrayProgramming program_array(std::span<const double> targets, const ProgrammingSetup& setup,
                               const ArrayIds& ids, int threads, Progress* progress = nullptr);

// Summary of everything but energy and time, from the vectors of `result`.
ProgrammingSummary summarise(std::span<const double> targets, const ProgrammingSetup& setup,
                             const ArrayProgramming& result);

// Reads [prefix] of an open file: card, policy, relaxation (file names, relative to the folder of
// `file`; absent: built-in defaults, which equal params/stanford_d_analog.toml, policy_wl_ramp.toml
// and relaxation_log_time.toml), passes and the members of ArrayOptions and
// DefectParams.
ProgrammingSetup read_programming_setup(TomlFile& file, std::string_view prefix);

// Everything that a result depends on besides targets and ids.
void add_to_key(CacheKey& key, const ProgrammingSetup& setup);
Json to_json(const ProgrammingSummary& summary);

}  // namespace mho::devices

namespace mho {
template <>
struct ParameterTable<devices::ArrayOptions> {
  using S = devices::ArrayOptions;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"wait", &S::wait, "s", 1e-3, 1e9, "from the last pass to inference"},
      {"pass_wait", &S::pass_wait, "s", 1e-3, 1e9, "from one pass to the check before the next"},
      {"level_width", &S::level_width, "S", 1e-9, 1e-3, "width of the target bins of the summary"},
  });
};
}  // namespace mho
