#include "validation/modes.hpp"

#include <fmt/format.h>

#include "circuits/spice/worker_pool.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "validation/conversion_runs.hpp"

namespace mho::validation {

circuits::CircuitParams mode_circuit() {
  circuits::CircuitParams c;
  c.c_sample = 34e-15;
  c.c_integ = 208e-15;
  c.wl_low = 0.0;
  c.wl_high = 3.3;
  c.rows = 16;
  return c;
}

circuits::ControlProgram mode_program(const std::string& name) { return circuits::read_control_program(data_path("netlists/programs/" + name + ".toml")); }

double series_resistance(const circuits::CircuitParams& circuit) {
  double ohm = 0.0;
  spice::run_in_workers(1, {.workers = 1}, [&](size_t) {
    spice::Session session;
    const std::string netlist = circuits::subcircuit_text() + fmt::format("vw wl 0 {0:.17g}\nvs sl 0 {1:.17g}\nvb bl 0 {2:.17g}\nxc bl wl sl cell r=1e-3\n", circuit.wl_high, circuit.v_ref,
                                                                          circuit.v_ref + 0.05);
    const auto result = session.analyse({"select transistor", netlist, {{"op", {"vb#branch"}}}, "reltol=1e-6"});
    return fmt::format("{:.17g}", 0.05 / -result.front().value("vb#branch"));
  }, [&](size_t, spice::TaskOutcome outcome) {
    if (!outcome.ok) throw NumericalError("select transistor: " + outcome.error);
    ohm = std::stod(outcome.result);
  });
  return ohm + circuit.r_driver;
}

circuits::ColumnInput behind(circuits::ColumnInput input, double series) {
  for (double& g : input.conductance) g = 1.0 / (1.0 / g - series);
  return input;
}

std::vector<circuits::ConversionRecord> run_modes(const std::vector<circuits::ConversionSetup>& setups, const ModeSettings& settings, const std::string& title) {
  RunSettings run;
  run.ngspice.tolerance = settings.tolerance;
  run.ngspice.fast = true;
  run.workers = settings.workers;
  run.timeout = 1800;
  run.title = title;
  ConversionRuns runs = run_conversions(setups, run, settings.cache);
  if (!runs.failures.empty()) throw NumericalError(fmt::format("{}: {} of {} runs failed, the first: {}", title, runs.failures.size(), setups.size(), runs.failures.front()));
  std::vector<circuits::ConversionRecord> records;
  for (auto& record : runs.records) records.push_back(std::move(*record));
  return records;
}

}  // namespace mho::validation
