#include "solver/calibrate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "solver/calibration_residuals.hpp"
#include "solver/fit_parameters.hpp"
#include "solver/least_squares.hpp"
#include "solver/neuron_ode.hpp"

namespace mho::solver {
namespace {

// What a stage of the calibration starts from and reads, as the key of its result.
CacheKey stage_key(std::string_view name, const NeuronModel& start, const CalibrationOptions& options) {
  CacheKey key("calibration stage 3");  // raised whenever a stage computes something else from the same records
  key.add("stage", name).add("iterations", std::int64_t{options.max_iterations}).add("line prior", options.line_prior);
  for (const auto& p : ParameterTable<circuits::CircuitParams>::table) key.add(p.key, start.circuit.*p.member);
  return key;
}

void add_start(CacheKey& key, const NeuronModel& start, std::span<const Unknown> parameters) {
  NeuronModel copy = start;
  for (const Unknown& u : parameters) key.add(u.name, *parameter(copy, u.name).value);
}

void add_pulses(CacheKey& key, std::span<const Pulse> pulses) {
  for (const Pulse& p : pulses) {
    key.add("g", p.input->conductance).add_bytes("levels", p.levels->data(), p.levels->size());
    key.add("pulse", std::array{p.input->point.v_read, p.before, p.driven, p.held, p.t_on});
  }
}

// The fit of one stage, or what the cache has of it.
void run_stage(std::string_view name, NeuronModel& model, std::span<const Unknown> unknowns, const CacheKey& key, const CalibrationOptions& options,
               const std::function<Eigen::VectorXd(const Eigen::VectorXd&)>& residuals, double jacobian_step, int jacobian_threads, FitReport& report) {
  FitStage stage{std::string(name)};
  if (const auto stored = options.cache ? options.cache->find("calibration_stages", key) : std::nullopt) {
    const Json json = Json::parse(*stored);
    for (const Unknown& u : unknowns) *parameter(model, u.name).value = json.at("parameters").at(std::string(u.name)).get<double>();
    json.at("rms").get_to(stage.rms);
    json.at("points").get_to(stage.points);
    json.at("iterations").get_to(stage.iterations);
    stage.from_cache = true;
  } else {
    const LeastSquaresResult fit =
        minimise(residuals, Eigen::VectorXd::Zero(static_cast<Eigen::Index>(unknowns.size())), jacobian_step, jacobian_threads, options.max_iterations);
    if (!fit.converged) throw NumericalError(fmt::format("calibration: the fit of the {} did not converge", name));
    model = moved(model, unknowns, fit.x);
    stage.rms = 1e-3 * fit.rms;
    stage.points = fit.points;
    stage.iterations = fit.iterations;
    if (options.cache) {
      Json json{{"rms", stage.rms}, {"points", stage.points}, {"iterations", stage.iterations}};
      for (const Unknown& u : unknowns) json["parameters"][std::string(u.name)] = *parameter(model, u.name).value;
      options.cache->store("calibration_stages", key, json.dump());
    }
  }
  report.stages.push_back(std::move(stage));
}

// Residuals [mV], and behind them the pull of the unknowns to their start.
Eigen::VectorXd with_prior(const Eigen::VectorXd& residuals, double prior, const Eigen::VectorXd& x) {
  if (prior == 0.0) return residuals;
  Eigen::VectorXd f(residuals.size() + x.size());
  f << residuals, prior * x;
  return f;
}

void fit_line(NeuronModel& model, std::span<const Pulse> pulses, const CalibrationOptions& options, FitReport& report) {
  CacheKey key = stage_key("line", model, options);
  add_start(key, model, line_unknowns());
  add_pulses(key, pulses);
  const NeuronModel start = model;
  run_stage("line", model, line_unknowns(), key, options, [&](const Eigen::VectorXd& x) { return with_prior(line_residuals(moved(start, line_unknowns(), x), pulses), options.line_prior, x); },
            1e-3, options.threads, report);
}

void fit_fall(NeuronModel& model, std::span<const Pulse> pulses, const CalibrationOptions& options, FitReport& report) {
  CacheKey key = stage_key("falling word lines", model, options);
  add_start(key, model, line_unknowns());
  add_start(key, model, fall_unknowns());
  add_pulses(key, pulses);
  const NeuronModel start = model;
  run_stage("falling word lines", model, fall_unknowns(), key, options, [&](const Eigen::VectorXd& x) { return with_prior(fall_residuals(moved(start, fall_unknowns(), x), pulses), options.line_prior, x); },
            0.1, options.threads, report);
}

void fit_neuron(NeuronModel& model, std::span<const ProgramRuns> runs, const CalibrationOptions& options, FitReport& report) {
  const bool iso = std::any_of(runs.begin(), runs.end(), [](const ProgramRuns& r) { return r.program.uses(circuits::Signal::iso); });
  const std::span<const Unknown> unknowns = neuron_unknowns(iso);
  CacheKey key = stage_key("neuron", model, options);
  for (const auto of_stage : {line_unknowns(), fall_unknowns(), unknowns}) add_start(key, model, of_stage);
  key.add("swing", std::array{model.neuron.v_high, model.neuron.v_low});
  if (model.rest) key.add("rest", std::array{model.rest->line, model.rest->out});
  for (const ProgramRuns& of_program : runs) {
    key.add("program", of_program.program.text);
    for (const circuits::Assignment& p : of_program.program.parameters) key.add(p.name, p.value);
    for (size_t r = 0; r < of_program.data.records.size(); ++r) {
      const circuits::ColumnInput& input = of_program.data.inputs[r];
      const circuits::ConversionRecord& record = of_program.data.records[r];
      key.add("g", input.conductance).add("held", record.v_line_held);
      for (const auto& levels : input.levels) key.add_bytes("levels", levels.data(), levels.size());
      key.add("point", std::array{input.point.v_read, input.point.v_trim, input.point.v_decrement, static_cast<double>(input.point.pulse_multiplier), static_cast<double>(input.point.max_code)});
      for (const circuits::StepRecord& s : record.steps)
        key.add("step", std::array{static_cast<double>(s.step), s.v_out, s.v_line, s.v_x, s.v_cib, static_cast<double>(s.decision), s.v_decision});
    }
  }
  const NeuronModel start = model;
  const auto residuals = [&](const Eigen::VectorXd& x) { return with_prior(neuron_residuals(moved(start, unknowns, x), runs, options.threads), neuron_prior, x); };
  run_stage("neuron", model, unknowns, key, options, residuals, 0.1, 1, report);
}

// Rows matter to the line and are those of all runs; the other values are of conversions.
void set_range(NeuronModel& model, std::span<const ProgramRuns> runs, const LineRuns& lines) {
  model.min_rows = model.min_v_read = model.min_v_decrement = 1e9;
  model.max_rows = model.max_v_read = model.max_v_decrement = model.max_abs_v_integrated = 0;
  const auto widen = [](double& low, double& high, double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  };
  for (const circuits::ColumnInput& input : lines.data.inputs) widen(model.min_rows, model.max_rows, static_cast<double>(input.conductance.size()));
  for (const ProgramRuns& of_program : runs)
    for (size_t r = 0; r < of_program.data.records.size(); ++r) {
      const circuits::ColumnInput& input = of_program.data.inputs[r];
      widen(model.min_rows, model.max_rows, static_cast<double>(input.conductance.size()));
      widen(model.min_v_read, model.max_v_read, input.point.v_read);
      widen(model.min_v_decrement, model.max_v_decrement, input.point.v_decrement);
      model.max_abs_v_integrated = std::max(model.max_abs_v_integrated, std::abs(of_program.data.records[r].v_integrated));
    }
}

}  // namespace

LatchTurn latch_turn(std::span<const circuits::ConversionRecord> records) {
  std::vector<std::pair<double, int>> decisions;
  for (const circuits::ConversionRecord& r : records)
    for (const circuits::StepRecord& s : r.steps)
      if (s.decision != 0) decisions.emplace_back(s.v_decision, s.decision);
  LatchTurn turn;
  turn.decisions = static_cast<int>(decisions.size());
  const auto negative = std::count_if(decisions.begin(), decisions.end(), [](const auto& d) { return d.second < 0; });
  if (negative == 0 || negative == turn.decisions) return turn;
  std::sort(decisions.begin(), decisions.end());
  // wrong: decisions on the wrong side of a threshold below all; each decision passed changes it by one.
  auto wrong = negative, best = negative;
  for (size_t i = 0; i + 1 < decisions.size(); ++i) {
    wrong += decisions[i].second;
    if (wrong >= best) continue;
    best = wrong;
    turn.v = 0.5 * (decisions[i].first + decisions[i + 1].first);
    turn.bracket = decisions[i + 1].first - decisions[i].first;
  }
  turn.wrong = static_cast<int>(best);
  return turn;
}

double lsb(const circuits::CircuitParams& circuit, const circuits::ReadPoint& point) { return point.v_decrement * circuit.c_sample / circuit.c_integ; }

NeuronModel calibrate_neuron(const NeuronModel& start, const circuits::ControlProgram& program, const CalibrationData& data, const LineRuns& lines,
                             const CalibrationOptions& options, FitReport* report) {
  const std::array<ProgramRuns, 1> runs{{{program, data}}};
  return calibrate_neuron(start, runs, lines, options, report);
}

NeuronModel calibrate_neuron(const NeuronModel& start, std::span<const ProgramRuns> runs, const LineRuns& lines, const CalibrationOptions& options, FitReport* report) {
  std::vector<circuits::ConversionRecord> records;
  for (const ProgramRuns& r : runs) {
    if (r.data.inputs.size() != r.data.records.size()) throw Error("calibration: inputs and records differ in number");
    records.insert(records.end(), r.data.records.begin(), r.data.records.end());
  }
  if (records.empty()) throw Error("calibration: there are no conversions to fit to");
  NeuronModel model = start;
  FitReport local;
  const std::vector<Pulse> pulses = pulses_of(runs, lines);
  fit_line(model, pulses, options, local);
  fit_fall(model, pulses, options, local);
  fit_neuron(model, runs, options, local);
  local.latch = latch_turn(records);
  model.neuron.v_latch = local.latch.v.value_or(model.neuron.v_latch);
  set_range(model, runs, lines);
  if (report) *report = local;
  return model;
}

std::vector<ConversionError> compare_with_records(const NeuronModel& model, const circuits::ControlProgram& program, const CalibrationData& data, int threads) {
  std::vector<ConversionError> errors(data.records.size());
  parallel_for(data.records.size(), threads, [&](size_t i) {
    const circuits::ConversionRecord& record = data.records[i];
    const double unit = lsb(model.circuit, data.inputs[i].point);
    const OdeResult sim = simulate_conversion(model, program, data.inputs[i]);
    // The two residues around the flip, and the integrated voltage around the sign decision, are what rounding to a code depends on.
    const double turn = comparator_turn(model, program, data.inputs[i].point);
    double distance = std::abs(record.v_integrated - turn);
    for (double v : record.v_residue) distance = std::min(distance, std::abs(v - turn));
    errors[i] = {i, (sim.record.v_integrated - record.v_integrated) / unit, record.code, sim.record.code, distance / unit};
  });
  return errors;
}

}  // namespace mho::solver
