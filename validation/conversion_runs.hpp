// Many conversions in ngspice: in worker processes, each cached under a key of circuit, program, input and tolerance, with progress.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "circuits/conversion.hpp"
#include "core/cache.hpp"

namespace mho::validation {

struct RunSettings {
  circuits::ConversionOptions ngspice;
  std::vector<circuits::ConversionOptions> each;  // of every setup, in place of `ngspice`; empty: `ngspice` for all
  circuits::Transistors transistors;  // of the columns that are given as inputs; a setup has its own
  int workers = 0;         // 0: all processors
  double timeout = 900.0;  // [s] per attempt
  int retries = 0;         // of a failed run, with the safer settings of circuits/spice/session.hpp
  std::string title = "ngspice conversions";
};

struct ConversionRuns {
  std::vector<std::optional<circuits::ConversionRecord>> records;  // as many as inputs; empty where the run failed
  std::vector<std::string> failures;                               // one line each: the number of the input, cause, reason
  size_t from_cache = 0;
  size_t rescued = 0;  // records that came of a repeated attempt
};

// Any setups, each with its own circuit and program. Failures do not stop the others, and are repeated only on request: a record at safer settings errs by more than what is fitted to it. Throws NetlistError when every run that was tried is refused as bad input.
ConversionRuns run_conversions(const std::vector<circuits::ConversionSetup>& setups, const RunSettings& settings, const Cache& cache);
// Of the same runs those that are in the cache; nothing is run.
ConversionRuns find_conversions(const circuits::CircuitParams& circuit, const circuits::ControlProgram& program, const std::vector<circuits::ColumnInput>& inputs, const RunSettings& settings,
                                const Cache& cache);
// Columns by one program. Failures do not stop the others. Throws NetlistError when every run that was tried is refused as bad input.
ConversionRuns run_conversions(const circuits::CircuitParams& circuit, const circuits::ControlProgram& program,
                               const std::vector<circuits::ColumnInput>& inputs, const RunSettings& settings, const Cache& cache);

}  // namespace mho::validation
