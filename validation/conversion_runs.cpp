#include "validation/conversion_runs.hpp"

#include <fmt/format.h>

#include <memory>

#include "circuits/column.hpp"
#include "circuits/spice/worker_pool.hpp"
#include "core/errors.hpp"
#include "core/progress.hpp"

namespace mho::validation {
namespace {

// The deck holds circuit, program and input; the sequence of decisions is in the program's phases and steps.
CacheKey key_of(const circuits::CircuitParams& circuit, const circuits::ControlProgram& program, const circuits::ColumnInput& input,
                const circuits::ConversionOptions& options) {
  CacheKey key("ngspice conversion 4");
  key.add("deck", circuits::conversion_netlist(circuit, program, circuits::column_part(circuit, input))).add("options", circuits::ngspice_options(options));
  key.add("dt", options.dt_max).add("input", Json(input).dump()).add("program", program.text);
  return key;
}

}  // namespace

ConversionRuns run_conversions(const circuits::CircuitParams& circuit, const circuits::ControlProgram& program,
                               const std::vector<circuits::ColumnInput>& inputs, const RunSettings& settings, const Cache& cache) {
  ConversionRuns runs;
  runs.records.resize(inputs.size());
  std::vector<size_t> missing;
  std::vector<CacheKey> keys;
  for (size_t i = 0; i < inputs.size(); ++i) {
    keys.push_back(key_of(circuit, program, inputs[i], settings.ngspice));
    if (const auto text = cache.find("conversions", keys[i])) {
      runs.records[i] = Json::parse(*text).get<circuits::ConversionRecord>();
      ++runs.from_cache;
    } else {
      missing.push_back(i);
    }
  }
  if (missing.empty()) return runs;
  Progress progress(settings.title, missing.size());
  std::unique_ptr<spice::Session> session;  // lives in the worker that the task runs in
  const auto task = [&](size_t m) {
    if (!session) session = std::make_unique<spice::Session>();
    return Json(circuits::run_conversion(*session, circuit, program, inputs[missing[m]], settings.ngspice)).dump();
  };
  size_t refused = 0;
  spice::run_in_workers(missing.size(), {settings.workers, settings.timeout}, task, [&](size_t m, spice::TaskOutcome outcome) {
    const size_t i = missing[m];
    if (outcome.ok) {
      runs.records[i] = Json::parse(outcome.result).get<circuits::ConversionRecord>();
      cache.store("conversions", keys[i], outcome.result);
    } else {
      refused += outcome.bad_input;
      runs.failures.push_back(fmt::format("conversion {}: {}", i, outcome.error));
    }
    progress.advance();
  });
  progress.finish();
  if (refused == missing.size()) throw Error(runs.failures.front());
  return runs;
}

}  // namespace mho::validation
