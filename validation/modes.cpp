#include "validation/modes.hpp"

#include <fmt/format.h>

#include <cmath>

#include "circuits/spice/worker_pool.hpp"
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

double resistance_at(const std::string& name, const std::string& netlist, const std::string& source, double volt, const std::string& options) {
  double ohm = 0.0;
  const std::string current = source + "#branch";
  spice::run_in_workers(1, {.workers = 1}, [&](size_t) {
    spice::Session session;
    return fmt::format("{:.17g}", volt / std::abs(session.analyse({name, netlist, {{"op", {current}}}, options}).front().value(current)));
  }, [&](size_t, spice::TaskOutcome outcome) {
    if (!outcome.ok) throw NumericalError(name + ": " + outcome.error);
    ohm = std::stod(outcome.result);
  });
  return ohm;
}

double series_resistance(const circuits::CircuitParams& circuit) {
  constexpr double volt = 0.05;
  const std::string netlist = circuits::subcircuit_text() + fmt::format("vw wl 0 {:.17g}\nvs sl 0 {:.17g}\nvb bl sl {:.17g}\nxc bl wl sl cell r=1e-3\n", circuit.wl_high, circuit.v_ref, volt);
  return resistance_at("select transistor", netlist, "vb", volt) + circuit.r_driver;
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
