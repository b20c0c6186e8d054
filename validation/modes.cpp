#include "validation/modes.hpp"

#include <fmt/format.h>

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
