#include "validation/conversion_runs.hpp"

#include <fmt/format.h>

#include "circuits/column.hpp"
#include "circuits/spice/sweep.hpp"
#include "core/errors.hpp"

namespace mho::validation {
namespace {

// The deck holds circuit, program and input; the sequence of decisions is in the program's phases and steps.
CacheKey key_of(const circuits::CircuitParams& circuit, const circuits::ControlProgram& program, const circuits::ColumnInput& input,
                const circuits::ConversionOptions& options) {
  CacheKey key("ngspice conversion 3");
  key.add("deck", circuits::column_netlist(circuit, input, program)).add("options", circuits::ngspice_options(options)).add("dt", options.dt_max);
  key.add("input", Json(input).dump()).add("edge", program.edge);
  for (const circuits::Phase& p : program.phases) {
    key.add("phase", p.name).add("duration", p.duration);
    for (const circuits::Event& e : p.events) key.add("t", e.time).add("s", std::int64_t{e.signal}).add("l", std::int64_t{e.level});
  }
  for (const circuits::Step& s : program.steps) {
    key.add("step", s.name).add("p", std::int64_t{s.phase}).add("d", static_cast<std::int64_t>(s.decision));
    for (const circuits::Transition& t : s.next) key.add("c", static_cast<std::int64_t>(t.condition)).add("to", std::int64_t{t.step});
  }
  return key;
}

}  // namespace

ConversionRuns run_conversions(const circuits::CircuitParams& circuit, const circuits::ControlProgram& program,
                               const std::vector<circuits::ColumnInput>& inputs, const RunSettings& settings, const Cache& cache) {
  const spice::SweepCases cases{inputs.size(), [&](size_t i) { return key_of(circuit, program, inputs[i], settings.ngspice); },
                                [](size_t i) { return fmt::format("conversion {}", i); },
                                [&](size_t i, int) {
                                  spice::Session session;
                                  return Json(circuits::run_conversion(session, circuit, program, inputs[i], settings.ngspice)).dump();
                                }};
  const spice::WorkerOptions worker{.workers = settings.workers, .timeout = settings.timeout};
  spice::Sweep sweep = spice::run_sweep(cases, {worker, "conversions", settings.title}, cache);
  ConversionRuns runs;
  runs.failures = std::move(sweep.summary.failures);
  runs.from_cache = sweep.summary.from_cache;
  for (const spice::SweepResult& r : sweep.results) {
    runs.records.emplace_back();
    if (r.ok) runs.records.back() = Json::parse(r.text).get<circuits::ConversionRecord>();
  }
  if (sweep.summary.bad_input > 0 && sweep.summary.bad_input == inputs.size() - runs.from_cache) throw Error(runs.failures.front());
  return runs;
}

}  // namespace mho::validation
