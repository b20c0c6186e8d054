#include "validation/conversion_runs.hpp"

#include <fmt/format.h>

#include "circuits/column.hpp"
#include "circuits/spice/sweep.hpp"
#include "core/errors.hpp"

namespace mho::validation {
namespace {

// The deck holds circuit and conductances; what the program does with them is in its text and in what it is given.
CacheKey key_of(const circuits::ConversionSetup& setup, const circuits::ConversionOptions& options) {
  CacheKey key("ngspice conversion 6");
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
  for (const circuits::ColumnInput& input : inputs) setups.push_back(circuits::column_setup(circuit, program, input, settings.transistors));
  return run_conversions(setups, settings, cache);
}

ConversionRuns find_conversions(const circuits::CircuitParams& circuit, const circuits::ControlProgram& program, const std::vector<circuits::ColumnInput>& inputs, const RunSettings& settings,
                                const Cache& cache) {
  ConversionRuns runs;
  for (const circuits::ColumnInput& input : inputs) {
    runs.records.emplace_back();
    if (const auto stored = cache.find("conversions", key_of(circuits::column_setup(circuit, program, input, settings.transistors), settings.ngspice))) {
      runs.records.back() = Json::parse(*stored).get<circuits::ConversionRecord>();
      ++runs.from_cache;
    }
  }
  return runs;
}

ConversionRuns run_conversions(const std::vector<circuits::ConversionSetup>& inputs, const RunSettings& settings, const Cache& cache) {
  const auto options = [&](size_t i) -> const circuits::ConversionOptions& { return settings.each.empty() ? settings.ngspice : settings.each.at(i); };
  const spice::SweepCases cases{inputs.size(), [&](size_t i) { return key_of(inputs[i], options(i)); },
                                [](size_t i) { return fmt::format("conversion {}", i); },
                                [&](size_t i, int attempt) {
                                  spice::Session session;
                                  session.attempt = attempt;
                                  return Json(circuits::run_conversion(session, inputs[i], options(i))).dump();
                                }};
  const spice::WorkerOptions worker{.workers = settings.workers, .timeout = settings.timeout, .retries = settings.retries};
  spice::Sweep sweep = spice::run_sweep(cases, {worker, "conversions", settings.title}, cache);
  ConversionRuns runs;
  runs.failures = std::move(sweep.summary.failures);
  runs.from_cache = sweep.summary.from_cache;
  runs.rescued = sweep.summary.rescued;
  for (const spice::SweepResult& r : sweep.results) {
    runs.records.emplace_back();
    if (r.ok) runs.records.back() = Json::parse(r.text).get<circuits::ConversionRecord>();
  }
  if (sweep.summary.bad_input > 0 && sweep.summary.bad_input == inputs.size() - runs.from_cache) throw Error(runs.failures.front());
  return runs;
}

}  // namespace mho::validation
