#include "validation/conversion_runs.hpp"

#include <fmt/format.h>

#include <memory>

#include "circuits/column.hpp"
#include "circuits/spice/worker_pool.hpp"
#include "core/errors.hpp"
#include "core/progress.hpp"

namespace mho::validation {
namespace {

// The deck holds circuit and conductances; what the program does with them is in its text and in what it is given.
CacheKey key_of(const circuits::ConversionSetup& setup, const circuits::ConversionOptions& options) {
  CacheKey key("ngspice conversion 5");
  key.add("deck", circuits::conversion_netlist(setup.circuit, setup.program, setup.array, setup.transistors)).add("options", circuits::ngspice_options(options));
  key.add("dt", options.dt_max).add("program", setup.program.text).add("drive", Json(setup.array.drive).dump()).add("line", setup.array.sampled);
  const circuits::ProgramInput& i = setup.input;
  key.add("bits", std::int64_t{i.bits}).add("multiplier", std::int64_t{i.pulse_multiplier}).add("codes", std::int64_t{i.max_code}).add("lfsr", std::int64_t{i.lfsr});
  key.add("ref", i.v_ref).add("read", i.v_read).add("trim", i.v_trim).add("decrement", i.v_decrement);
  for (const auto& [name, value] : i.parameters) key.add(name, value);
  return key;
}

}  // namespace

ConversionRuns run_conversions(const circuits::CircuitParams& circuit, const circuits::ControlProgram& program,
                               const std::vector<circuits::ColumnInput>& inputs, const RunSettings& settings, const Cache& cache) {
  std::vector<circuits::ConversionSetup> setups;
  for (const circuits::ColumnInput& input : inputs) setups.push_back(circuits::column_setup(circuit, program, input));
  return run_conversions(setups, settings, cache);
}

ConversionRuns run_conversions(const std::vector<circuits::ConversionSetup>& inputs, const RunSettings& settings, const Cache& cache) {
  ConversionRuns runs;
  runs.records.resize(inputs.size());
  std::vector<size_t> missing;
  std::vector<CacheKey> keys;
  for (size_t i = 0; i < inputs.size(); ++i) {
    keys.push_back(key_of(inputs[i], settings.ngspice));
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
    return Json(circuits::run_conversion(*session, inputs[missing[m]], settings.ngspice)).dump();
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
