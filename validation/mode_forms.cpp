#include "validation/mode_forms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <optional>

#include "core/errors.hpp"
#include "core/statistics.hpp"
#include "solver/calibrate.hpp"
#include "solver/mode_forms.hpp"
#include "validation/mode_plan.hpp"

namespace mho::validation {
namespace {

using circuits::ConversionRecord;
constexpr double error_limit = 0.12;  // [LSB] rms of the integrated voltage: that of the reference sequence (docs/calibration.md)
constexpr double speed_limit = 300.0;
constexpr int repeats = 3;            // of each ODE run, the shortest counts

std::vector<ConversionRecord> ngspice(const std::vector<ModeRun>& runs, const ModeSettings& settings, const std::string& title) {
  std::vector<circuits::ConversionSetup> setups;
  for (const ModeRun& run : runs) setups.push_back(run.setup);
  return run_modes(setups, settings, title);
}

// What the runs of a mode start from: the same circuit in all, whatever its cells.
solver::RestState rest_of(const Mode& mode, const ModeSettings& settings) {
  const circuits::StepRecord at = run_modes({at_rest(mode.runs.front().setup)}, settings, mode.name + ", at rest").front().steps.front();
  return {at.v_line, at.v_out};
}

// A program that has the parameters of the run as its own.
circuits::ControlProgram program_of(const circuits::ConversionSetup& setup) {
  circuits::ControlProgram program = setup.program;
  for (const auto& [name, value] : setup.input.parameters)
    for (circuits::Assignment& own : program.parameters)
      if (own.name == name) own.value = fmt::format("{:.17g}", value);
  return program;
}

solver::NeuronModel fit(const ModeSettings& settings, solver::FitReport& report, int& conversions) {
  std::vector<solver::ProgramRuns> runs;
  conversions = 0;
  const std::vector<Mode> modes = fitted_modes(settings.seed);
  for (const Mode& mode : modes) {
    solver::ProgramRuns own{program_of(mode.runs.front().setup), {}};
    own.data.records = ngspice(mode.runs, settings, "fit, " + mode.name);
    for (const ModeRun& run : mode.runs) own.data.inputs.push_back(run.input);
    conversions += static_cast<int>(mode.runs.size());
    runs.push_back(own);
  }
  const std::vector<ModeRun> pulses = line_pulse_runs(settings.seed);
  solver::LineRuns lines{pulses.front().setup.program, {{}, ngspice(pulses, settings, "pulses of the word lines")}};
  for (const ModeRun& run : pulses) lines.data.inputs.push_back(run.input);
  solver::NeuronModel start;
  start.circuit = mode_circuit();
  start.rest = rest_of(modes.front(), settings);
  // The on word line is 0.8 V above that of the default.
  start.transistor.v_pinch += (start.circuit.wl_high - circuits::CircuitParams{}.wl_high) / start.fall.n;
  start.neuron.c_line = start.circuit.c_line + start.circuit.rows * start.circuit.c_line_cell;
  solver::CalibrationOptions options;
  options.threads = settings.workers;
  options.line_prior = 0.1;
  return solver::calibrate_neuron(start, runs, lines, options, &report);
}

// Processor time [s] of this thread's work, as ngspice's: other programs do not count.
double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

// What the two forms make of one run.
struct Outcome {
  double ode_error = 0, fast_error = 0;  // [LSB] integrated voltage, form − ngspice
  int code = 0, ode_code = 0, fast_code = 0;
  double distance = INFINITY;            // [LSB] of ngspice's nearest residue from the turn of its comparison
  double ngspice = 0, ode = 0, fast = 0; // [s]
};

// Voltage across C_integ at the end of a step, offset included: what out settles to.
double across(const circuits::StepRecord& step, const solver::NeuronModel& model) { return step.v_cib - step.v_x + model.neuron.v_offset; }

Outcome judge(const solver::NeuronModel& model, const ModeRun& run, const ConversionRecord& truth, const solver::ModeForm& form) {
  Outcome o;
  const double unit = solver::lsb(model.circuit, run.input.point);
  const std::vector<solver::LineCurrent> lines = line_currents(model, run);
  solver::OdeOptions options;
  options.lfsr = run.setup.input.lfsr;
  options.parameters = run.setup.input.parameters;
  if (run.core.size() > 0) options.lines = lines;
  o.ode = INFINITY;
  ConversionRecord ode;
  for (int i = 0; i < repeats; ++i) {
    const double start = processor_seconds();
    ode = solver::simulate_conversion(model, run.setup.program, run.input, options).record;
    o.ode = std::min(o.ode, processor_seconds() - start);
  }
  o.ngspice = truth.cpu_seconds;
  o.code = truth.code;
  o.ode_code = ode.code;
  o.ode_error = (ode.v_integrated - truth.v_integrated) / unit;

  // What the lines settle to; held ones as the word lines leave them in the ODE form.
  const bool driven = circuits::samples_driven_line(run.setup.program);
  constexpr Eigen::Index batch = 4096;  // the same neuron in every place: for the time
  std::vector<Eigen::MatrixXf> settled;
  for (size_t k = 0; k < run.input.levels.size(); ++k) {
    double v = run.input.conductance.empty() && run.core.size() == 0 ? 0.0 : driven ? lines[k].centre : ode.v_line_held[k];
    if (driven && std::isfinite(lines[k].c1) && lines[k].c1 != 0.0)
      for (int i = 0; i < 30; ++i) v -= lines[k].at(v) / (lines[k].c1 + 2.0 * lines[k].c2 * (v - lines[k].centre));
    settled.push_back(Eigen::MatrixXf::Constant(1, batch, static_cast<float>(v)));
  }
  const Eigen::Matrix<std::uint32_t, Eigen::Dynamic, Eigen::Dynamic> lfsr = Eigen::Matrix<std::uint32_t, Eigen::Dynamic, Eigen::Dynamic>::Constant(1, batch, options.lfsr);
  solver::CodeMatrix codes;
  o.fast = INFINITY;
  for (int i = 0; i < repeats; ++i) {
    const double start = processor_seconds();
    form.apply(settled, codes, &lfsr);
    o.fast = std::min(o.fast, (processor_seconds() - start) / batch);
  }
  o.fast_code = codes(0, 0);
  Eigen::MatrixXf v;
  form.integrate(settled, v);
  o.fast_error = (static_cast<double>(v(0, 0)) - across(truth.steps.at(form.integration_steps() - 1), model)) / unit;

  for (size_t i = 1; i < truth.steps.size(); ++i)
    if (truth.steps[i].decision != 0) o.distance = std::min(o.distance, std::abs(across(truth.steps[i - 1], model) - form.threshold()) / unit);
  return o;
}

// One row of the table.
struct Row {
  std::string name;
  int runs = 0, ode_equal = 0, fast_equal = 0, ode_worst = 0, fast_worst = 0, unexplained = 0;
  double ode_rms = 0, fast_rms = 0, ngspice = 0, ode_speed = 0, fast_speed = 0;
};

Row row_of(const std::string& name, const std::vector<Outcome>& outcomes) {
  Row r{.name = name, .runs = static_cast<int>(outcomes.size())};
  std::vector<double> ode_error, fast_error;
  double ngspice_seconds = 0, ode = 0, fast = 0;
  for (const Outcome& o : outcomes) {
    ode_error.push_back(o.ode_error);
    fast_error.push_back(o.fast_error);
    r.ode_equal += o.ode_code == o.code;
    r.fast_equal += o.fast_code == o.code;
    r.ode_worst = std::max(r.ode_worst, std::abs(o.ode_code - o.code));
    r.fast_worst = std::max(r.fast_worst, std::abs(o.fast_code - o.code));
    r.unexplained += (o.ode_code != o.code || o.fast_code != o.code) && o.distance > error_limit;
    ngspice_seconds += o.ngspice;
    ode += o.ode;
    fast += o.fast;
  }
  r.ode_rms = rms(ode_error);
  r.fast_rms = rms(fast_error);
  r.ngspice = ngspice_seconds / r.runs;
  r.ode_speed = ngspice_seconds / ode;
  r.fast_speed = ngspice_seconds / fast;
  return r;
}

std::vector<Outcome> judge_all(const solver::NeuronModel& model, const Mode& mode, const std::vector<ConversionRecord>& records) {
  // Runs of one mode share program, parameters and, but for presets, the operating point.
  std::vector<Outcome> outcomes;
  std::optional<solver::ModeForm> form;
  for (size_t i = 0; i < mode.runs.size(); ++i) {
    const ModeRun& run = mode.runs[i];
    const bool same = form && run.setup.input.parameters == mode.runs[i - 1].setup.input.parameters;
    if (!same) {
      solver::ModeOptions options;
      options.parameters = run.setup.input.parameters;
      options.bits = static_cast<int>(run.input.levels.size());
      if (run.core.size() > 0) options.rows = static_cast<double>(run.core.rows());
      form.emplace(model, run.setup.program, run.input.point, options);
    }
    outcomes.push_back(judge(model, run, records[i], *form));
  }
  return outcomes;
}

}  // namespace

Section validate_mode_forms(const ModeSettings& settings) {
  solver::FitReport report;
  int conversions = 0;
  solver::NeuronModel model = fit(settings, report, conversions);
  Section s{"modes", {}, {}, {}, {}};
  s.text = fmt::format("fitted to {} conversions of six programs and {} pulses of the word lines: {:.3f} mV rms of the driven line, {:.3f} mV of the held one, {:.3f} mV of the neuron's nodes; the latch turns at {:.2f} mV\n"
                       "LSB: that of the mode; codes of ngspice's columns, none of them in the fit\n\n",
                       conversions, report.stages[0].points, 1e3 * report.stages[0].rms, 1e3 * report.stages[1].rms, 1e3 * report.stages[2].rms, 1e3 * model.neuron.v_latch);
  s.text += fmt::format("{:<20}{:>6}{:>16}{:>16}{:>13}{:>13}{:>9}{:>9}{:>12}{:>12}{:>12}\n", "", "", "integrated", "integrated", "equal codes", "equal codes", "worst", "worst", "", "ODE form,", "fast form,");
  s.text += fmt::format("{:<20}{:>6}{:>16}{:>16}{:>13}{:>13}{:>9}{:>9}{:>12}{:>12}{:>12}\n", "mode", "runs", "ODE [LSB rms]", "fast [LSB rms]", "ODE", "fast", "ODE", "fast", "ngspice [s]", "times", "times");
  s.json["model"] = Json(model);
  for (const Mode& mode : judged_modes(settings.seed)) {
    model.rest = rest_of(mode, settings);
    std::vector<ConversionRecord> records = ngspice(mode.runs, settings, mode.name);
    std::vector<Outcome> outcomes = judge_all(model, mode, records);
    if (mode.name == "recurrent") {
      // The signs that ngspice decided are what both forms are given next.
      std::vector<int> signs;
      for (const ConversionRecord& r : records) signs.push_back(r.sign);
      const Mode next = next_step(mode, signs);
      const std::vector<Outcome> later = judge_all(model, next, ngspice(next.runs, settings, "recurrent, second step"));
      outcomes.insert(outcomes.end(), later.begin(), later.end());
    }
    const Row r = row_of(mode.name, outcomes);
    s.text += fmt::format("{:<20}{:>6}{:>16.4f}{:>16.4f}{:>13}{:>13}{:>9}{:>9}{:>12.2f}{:>12.0f}{:>12.2g}\n", r.name, r.runs, r.ode_rms, r.fast_rms, r.ode_equal, r.fast_equal, r.ode_worst, r.fast_worst, r.ngspice,
                          r.ode_speed, r.fast_speed);
    s.json["modes"].push_back(Json{{"name", r.name}, {"runs", r.runs}, {"ode", Json{{"rms_lsb", r.ode_rms}, {"equal", r.ode_equal}, {"worst", r.ode_worst}, {"times_ngspice", r.ode_speed}}},
                                   {"fast", Json{{"rms_lsb", r.fast_rms}, {"equal", r.fast_equal}, {"worst", r.fast_worst}, {"times_ngspice", r.fast_speed}}},
                                   {"ngspice", quantity(r.ngspice, "s")}, {"unexplained", r.unexplained}});
    if (!(r.ode_rms <= error_limit)) s.missed.push_back(fmt::format("modes, {}: ODE form {:.3f} LSB rms from ngspice, limit {}", r.name, r.ode_rms, error_limit));
    if (!(r.fast_rms <= error_limit)) s.missed.push_back(fmt::format("modes, {}: fast form {:.3f} LSB rms from ngspice, limit {}", r.name, r.fast_rms, error_limit));
    if (r.unexplained > 0) s.missed.push_back(fmt::format("modes, {}: {} codes differ although no residue of ngspice is within {} LSB of the comparator's turn", r.name, r.unexplained, error_limit));
    if (!(r.ode_speed >= speed_limit)) s.missed.push_back(fmt::format("modes, {}: ODE form {:.0f} times as fast as ngspice, limit {:.0f}", r.name, r.ode_speed, speed_limit));
  }
  return s;
}

}  // namespace mho::validation
