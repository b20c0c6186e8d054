#include "validation/neuron_calibration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "circuits/column.hpp"
#include "circuits/conversion.hpp"
#include "circuits/mode_table.hpp"
#include "circuits/spice/worker_pool.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "core/statistics.hpp"
#include "solver/energy_fit.hpp"
#include "solver/neuron_ode.hpp"
#include "validation/conversion_plan.hpp"

namespace mho::validation {
namespace {

using circuits::ColumnInput;
using circuits::ConversionRecord;
using solver::CalibrationData;

// A file, one of the source tree, or the name of a shipped program.
std::string program_path(const std::string& name) {
  if (std::filesystem::exists(name)) return name;
  const std::vector<std::string> shipped = circuits::shipped_programs();
  return data_path(std::find(shipped.begin(), shipped.end(), name) != shipped.end() ? fmt::format("netlists/programs/{}.toml", name) : name);
}

RunSettings run_settings(const CalibrationSettings& s, const std::string& title, double tolerance) {
  RunSettings run;
  run.ngspice.tolerance = tolerance;
  run.ngspice.temperature = s.temperature;
  run.transistors = circuits::transistors_at(s.corner);
  run.workers = s.workers;
  run.title = title;
  return run;
}

// Finished runs only.
CalibrationData collect(const std::vector<ColumnInput>& inputs, const ConversionRuns& runs, std::vector<std::string>& failures) {
  CalibrationData data;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!runs.records[i]) continue;
    data.inputs.push_back(inputs[i]);
    data.records.push_back(*runs.records[i]);
  }
  failures.insert(failures.end(), runs.failures.begin(), runs.failures.end());
  if (10 * runs.failures.size() > inputs.size())
    throw NumericalError(fmt::format("calibration: {} of {} conversions failed; the first: {}", runs.failures.size(), inputs.size(), runs.failures.front()));
  return data;
}

// Runs that only pulse the word lines.
constexpr const char* line_program = "netlists/programs/line_pulses.toml";
constexpr int pulses_per_run = 8;

// Collects the differences between records of ngspice and what another form makes of the same inputs.
class Comparison {
 public:
  explicit Comparison(const solver::NeuronModel& model) : model_(model), program_(circuits::parse_control_program(model.program, "control program of the calibration")) {}
  void add(const ColumnInput& input, const ConversionRecord& truth, const solver::EnergyBreakdown& truth_energy, const ConversionRecord& other,
           const solver::EnergyBreakdown& other_energy) {
    const double unit = solver::lsb(model_.circuit, input.point);
    const double v = std::abs(truth.v_integrated - other.v_integrated) / unit;
    v_error_.push_back(v);
    summary_.v_worst = std::max(summary_.v_worst, v);
    // How near ngspice itself came to the other decision: the last residue before and the first after the flip, and the voltage at the sign decision.
    const double turn = solver::comparator_turn(model_, program_, input.point);
    double distance = std::abs(truth.v_integrated - turn);
    for (double r : truth.v_residue) distance = std::min(distance, std::abs(r - turn));
    const int difference = std::abs(truth.code - other.code);
    if (distance > 0.15 * unit) {
      ++summary_.clear;
      equal_clear_ += difference == 0;
    }
    summary_.code_off_by_one += difference == 1;
    summary_.code_off_by_more += difference > 1;
    summary_.undecided += truth.undecided;
    lowest_ = std::min(lowest_, static_cast<double>(truth.code) / input.point.max_code);
    highest_ = std::max(highest_, static_cast<double>(truth.code) / input.point.max_code);
    v_truth_.push_back(truth.v_integrated / unit);
    if (std::abs(truth.v_integrated) >= unit) v_share_.push_back(v * unit / std::abs(truth.v_integrated));
    energy_total_.push_back(other_energy.total() / truth_energy.total() - 1.0);
    latency_.push_back(std::abs(other.duration / truth.duration - 1.0));
    for (size_t c = 0; c < 6; ++c) energy_[c].push_back((other_energy.joule[c] - truth_energy.joule[c]) / solver::relative_to(truth_energy, c));
  }
  ErrorSummary finish() {
    summary_.conversions = static_cast<int>(v_error_.size());
    summary_.v_rms = rms(v_error_);
    summary_.equal_share = summary_.clear > 0 ? static_cast<double>(equal_clear_) / summary_.clear : 1.0;
    summary_.code_range_used = 0.5 * (highest_ - lowest_);
    const auto mean_of = [](const std::vector<double>& x) { return x.empty() ? 0.0 : mean(x); };
    std::vector<double> energy_size;
    for (const double e : energy_total_) energy_size.push_back(std::abs(e));
    summary_.v_relative = v_error_.empty() ? 0.0 : summary_.v_rms / rms(v_truth_);
    summary_.v_absolute_relative = mean_of(v_share_);
    summary_.energy_absolute_relative = mean_of(energy_size);
    summary_.latency_absolute_relative = mean_of(latency_);
    summary_.energy_total_rms = rms(energy_total_);
    for (size_t c = 0; c < 6; ++c) summary_.energy_rms[c] = rms(energy_[c]);
    return summary_;
  }

 private:
  const solver::NeuronModel& model_;
  circuits::ControlProgram program_;
  std::vector<double> v_error_, v_truth_, v_share_, energy_total_, latency_;
  std::array<std::vector<double>, 6> energy_;
  ErrorSummary summary_;
  int equal_clear_ = 0;
  double lowest_ = 0, highest_ = 0;
};

// The ODE form and the energy model against ngspice.
ErrorSummary judge(const solver::NeuronModel& model, const solver::EnergyModel& energy, const circuits::ControlProgram& program, const CalibrationData& data,
                   int threads) {
  std::vector<ConversionRecord> simulated(data.records.size());
  parallel_for(data.records.size(), threads, [&](size_t i) { simulated[i] = solver::simulate_conversion(model, program, data.inputs[i]).record; });
  Comparison comparison(model);
  for (size_t i = 0; i < data.records.size(); ++i)
    comparison.add(data.inputs[i], data.records[i], solver::energy_of(data.records[i], energy.neurons_per_bias), simulated[i],
                   energy.energy(solver::events_of(model, program, data.inputs[i], simulated[i])));
  return comparison.finish();
}

std::vector<PhaseEnergy> phase_energies(const circuits::ControlProgram& program, const CalibrationData& data, int neurons_per_bias) {
  std::vector<PhaseEnergy> phases;
  for (const circuits::Phase& p : program.phases) phases.push_back({p.name, 0, {}});
  for (const ConversionRecord& record : data.records)
    for (const circuits::StepRecord& step : record.steps) {
      PhaseEnergy& p = phases[static_cast<size_t>(program.steps[static_cast<size_t>(step.step)].phase)];
      p.per_conversion += 1;
      for (size_t c = 0; c < p.joule.size(); ++c) p.joule[c] += step.joule[c];
    }
  for (PhaseEnergy& p : phases) {
    if (p.per_conversion == 0) continue;
    for (double& joule : p.joule) joule /= p.per_conversion;
    p.joule[static_cast<size_t>(solver::Component::bias)] /= neurons_per_bias;
    p.per_conversion /= static_cast<double>(data.records.size());
  }
  return phases;
}

// One unseen conversion in both forms, for the report.
WaveformPair waveform_pair(const CalibrationSettings& s, const solver::NeuronModel& model, const circuits::ControlProgram& program, const ColumnInput& input) {
  WaveformPair pair;
  const RunSettings run = run_settings(s, "", s.tolerance);
  std::string text;
  spice::run_in_workers(1, {1, 900.0}, [&](size_t) {
    spice::Session session;
    circuits::ConversionWaveform w;
    const ConversionRecord r = circuits::run_conversion(session, circuits::column_setup(s.circuit, program, input, run.transistors), run.ngspice, &w);
    return Json{{"t", w.t}, {"out", w.v_out}, {"line", w.v_line}, {"code", r.code}}.dump();
  }, [&](size_t, spice::TaskOutcome outcome) { text = outcome.result; });
  if (text.empty()) return pair;
  const Json json = Json::parse(text);
  json.at("t").get_to(pair.t_ngspice);
  json.at("out").get_to(pair.out_ngspice);
  json.at("line").get_to(pair.line_ngspice);
  for (double& v : pair.out_ngspice) v -= s.circuit.v_ref;
  for (double& v : pair.line_ngspice) v -= s.circuit.v_ref;
  solver::OdeOptions options;
  options.waveform = true;
  const solver::OdeResult ode = solver::simulate_conversion(model, program, input, options);
  pair.t_ode = ode.waveform.t;
  pair.out_ode = ode.waveform.v_out;
  pair.line_ode = ode.waveform.v_line;
  pair.rows = static_cast<int>(input.conductance.size());
  pair.code_ngspice = json.at("code").get<int>();
  pair.code_ode = ode.record.code;
  return pair;
}

}  // namespace

CalibrationSettings read_calibration_settings(TomlFile& file, const std::string& prefix) {
  CalibrationSettings s;
  const auto key = [&](const char* name) { return prefix + "." + name; };
  s.program = file.text(key("program"), s.program);
  s.seed = static_cast<std::uint64_t>(file.integer(key("seed"), static_cast<long long>(s.seed), 0, 1LL << 62));
  s.line_runs = static_cast<int>(file.integer(key("line_runs"), s.line_runs, 0, 100000));
  s.fit_conversions = static_cast<int>(file.integer(key("fit_conversions"), s.fit_conversions, 8, 100000));
  s.unseen_conversions = static_cast<int>(file.integer(key("unseen_conversions"), s.unseen_conversions, 2, 100000));
  s.tolerance = file.number(key("tolerance"), s.tolerance, "1", 1e-7, 1e-3);
  s.temperature = file.number(key("temperature"), s.temperature, "1", -55.0, 175.0);
  std::vector<std::string> corners;
  for (const circuits::Corner c : circuits::all_corners) corners.emplace_back(circuits::corner_name(c));
  s.corner = circuits::corner_of(file.choice(key("corner"), corners.front(), corners));
  s.workers = static_cast<int>(file.integer(key("workers"), s.workers, 1, 1024));
  file.read(key("circuit"), s.circuit);
  return s;
}

std::string doubts(const Calibration& c) {
  std::string text;
  const auto add = [&](const std::string& item) { text += (text.empty() ? "" : "; ") + item; };
  const ErrorSummary& u = c.unseen;
  if (!(u.v_rms <= limit_v_rms)) add(fmt::format("integrated voltage of unseen conversions {:.3f} LSB rms, at most {:g}", u.v_rms, limit_v_rms));
  if (u.equal_share < limit_equal_share) add(fmt::format("{:.1f} % of their clear codes equal, at least {:g} %", 100 * u.equal_share, 100 * limit_equal_share));
  if (u.code_off_by_more > 0) add(fmt::format("{} of their codes off by more than one", u.code_off_by_more));
  if (c.fitted.code_range_used < limit_code_range)
    add(fmt::format("the conversions of the fit use {:.1f} % of the codes, at least {:g} %: the circuit may not convert", 100 * c.fitted.code_range_used, 100 * limit_code_range));
  if (const int undecided = c.fitted.undecided + u.undecided; undecided > 0) add(fmt::format("the latch left {} comparisons undecided", undecided));
  return text.empty() ? text : fmt::format("the calibration at {}, {:g} °C, is not sound: {}", c.neuron.corner, c.neuron.temperature, text);
}

std::vector<PlannedRuns> planned_runs(const CalibrationSettings& s) {
  const circuits::ControlProgram program = circuits::read_control_program(program_path(s.program));
  PlannedRuns lines{"pulses of the word lines", circuits::read_control_program(data_path(line_program)), run_settings(s, "ngspice, pulses of the word lines", s.tolerance), {}, {}, false};
  PlannedRuns fit{"conversions to fit", program, run_settings(s, "ngspice, conversions to fit", s.tolerance), {}, {}};
  PlannedRuns unseen{"unseen conversions", program, run_settings(s, "ngspice, unseen conversions", s.tolerance), {}, {}};
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(s.line_runs); ++i) {
    lines.inputs.push_back(random_line_column(s.seed, i, Purpose::calibration_plan, s.circuit, {}, pulses_per_run));
    lines.coordinates.push_back(line_plan_point(s.seed, i));
  }
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(s.fit_conversions); ++i) {
    fit.inputs.push_back(random_column(s.seed, i, Purpose::calibration_plan, s.circuit, {}));
    fit.coordinates.push_back(conversion_plan_point(s.seed, i));
  }
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(s.unseen_conversions); ++i)
    unseen.inputs.push_back(random_column(s.seed, i, Purpose::validation_plan, s.circuit, {}));
  return {std::move(lines), std::move(fit), std::move(unseen)};
}

CacheKey calibration_key(const CalibrationSettings& s) {
  // What a run reads of temperature and corner is in its options and its netlist.
  const RunSettings run = run_settings(s, "", s.tolerance);
  CacheKey key("calibration 10");  // raised whenever the fit computes something else from the same conversions
  for (const auto& p : ParameterTable<circuits::CircuitParams>::table) key.add(p.key, s.circuit.*p.member);
  key.add("netlist", circuits::subcircuit_text(run.transistors)).add("program", read_text_file(program_path(s.program))).add("seed", static_cast<std::int64_t>(s.seed));
  key.add("lines", std::int64_t{s.line_runs}).add("line program", read_text_file(data_path(line_program))).add("fit", std::int64_t{s.fit_conversions}).add("unseen", std::int64_t{s.unseen_conversions}).add("options", circuits::ngspice_options(run.ngspice));
  return key;
}

std::optional<Calibration> find_calibration(const CalibrationSettings& s, const Cache& cache) {
  const auto stored = cache.find("calibrations", calibration_key(s));
  if (!stored) return std::nullopt;
  try {
    Calibration result = Json::parse(*stored).get<Calibration>();
    result.from_cache = true;
    for (solver::FitStage& stage : result.fit.stages) stage.from_cache = true;
    return result;
  } catch (const Json::exception&) {
    return std::nullopt;  // written by another version: fit again
  }
}

Calibration calibrate(const CalibrationSettings& s, const Cache& cache) {
  const std::string path = program_path(s.program);
  const std::string text = read_text_file(path);
  const circuits::ControlProgram program = circuits::read_control_program(path);
  solver::check_modelled(program);
  if (auto stored = find_calibration(s, cache)) return *std::move(stored);
  const CacheKey key = calibration_key(s);
  Calibration result;
  const std::vector<PlannedRuns> planned = planned_runs(s);
  std::vector<CalibrationData> done;
  for (const PlannedRuns& p : planned) done.push_back(collect(p.inputs, run_conversions(s.circuit, p.program, p.inputs, p.settings, cache), result.failures));
  const solver::LineRuns lines{planned[0].program, std::move(done[0])};
  const CalibrationData &fit_data = done[1], &unseen = done[2];

  solver::NeuronModel start;
  start.circuit = s.circuit;
  start.program = text;
  start.corner = circuits::corner_name(s.corner);
  start.temperature = s.temperature;
  solver::CalibrationOptions options;
  options.threads = s.workers;
  options.cache = &cache;
  result.neuron = solver::calibrate_neuron(start, program, fit_data, lines, options, &result.fit);
  result.energy = solver::fit_energy(result.neuron, program, fit_data, &cache, &result.fit.stages.emplace_back());
  result.covariance = solver::covariance_of(result.neuron, result.energy, result.fit, program, fit_data, lines, s.workers);
  result.phases = phase_energies(program, fit_data, result.energy.neurons_per_bias);
  result.fitted = judge(result.neuron, result.energy, program, fit_data, s.workers);
  result.unseen = judge(result.neuron, result.energy, program, unseen, s.workers);
  result.energy.relative_error = result.unseen.energy_rms;
  result.energy.total_relative_error = result.unseen.energy_total_rms;
  if (!unseen.inputs.empty()) result.example = waveform_pair(s, result.neuron, program, unseen.inputs.front());
  cache.store("calibrations", key, Json(result).dump());
  return result;
}

CarriedUncertainty carry_uncertainty(const Calibration& c, const std::vector<ColumnInput>& inputs, int draws, std::uint64_t seed, int threads) {
  const circuits::ControlProgram program = circuits::parse_control_program(c.neuron.program, "control program of the calibration");
  struct Outcome {
    double v = 0, joule = 0;  // [V], [J]
    int code = 0;
  };
  // Row 0 is the fitted model, the others are draws.
  const size_t models = static_cast<size_t>(draws) + 1, n = inputs.size();
  std::vector<std::pair<solver::NeuronModel, solver::EnergyModel>> model{{c.neuron, c.energy}};
  for (int d = 0; d < draws; ++d) model.push_back(solver::draw_model(c.neuron, c.energy, c.covariance, seed, static_cast<std::uint32_t>(d)));
  std::vector<Outcome> outcomes(models * n);
  parallel_for(outcomes.size(), threads, [&](size_t k) {
    const auto& [neuron, energy] = model[k / n];
    const ColumnInput& input = inputs[k % n];
    const ConversionRecord record = solver::simulate_conversion(neuron, program, input).record;
    outcomes[k] = {record.v_integrated, energy.energy(solver::events_of(neuron, program, input, record)).total(), record.code};
  });
  CarriedUncertainty u{.draws = draws, .conversions = static_cast<int>(n)};
  double nominal = 0, mean_square = 0;
  for (size_t i = 0; i < n; ++i) nominal += outcomes[i].joule;
  for (size_t m = 1; m < models; ++m) {
    double total = 0;
    for (size_t i = 0; i < n; ++i) {
      const Outcome &fitted = outcomes[i], &drawn = outcomes[m * n + i];
      const double v = (drawn.v - fitted.v) / solver::lsb(c.neuron.circuit, inputs[i].point), e = drawn.joule / fitted.joule - 1.0;
      u.v_rms += v * v;
      u.energy += e * e;
      u.codes_changed += drawn.code != fitted.code;
      total += drawn.joule;
    }
    mean_square += (total / nominal - 1.0) * (total / nominal - 1.0);
  }
  const double count = static_cast<double>(n) * draws;
  u.v_rms = std::sqrt(u.v_rms / count);
  u.energy = std::sqrt(u.energy / count);
  u.codes_changed /= count;
  u.energy_mean = std::sqrt(mean_square / draws);
  return u;
}

NeuronValidation validate_neuron(const CalibrationSettings& s, const Calibration& calibration, int random_conversions,
                                 const std::vector<ColumnInput>& network_columns, int floor_conversions, const Cache& cache) {
  const circuits::ControlProgram program = circuits::read_control_program(program_path(s.program));
  NeuronValidation v;
  v.fitted = calibration.fitted;
  // Columns that calibrate() looked at come first in the plan; these start after them.
  std::vector<ColumnInput> random_inputs;
  for (int i = 0; i < random_conversions; ++i)
    random_inputs.push_back(random_column(s.seed, static_cast<std::uint32_t>(s.unseen_conversions + i), Purpose::validation_plan, s.circuit, {}));
  const auto random_runs = run_conversions(s.circuit, program, random_inputs, run_settings(s, "ngspice, random columns", s.tolerance), cache);
  const auto network_runs = run_conversions(s.circuit, program, network_columns, run_settings(s, "ngspice, columns of the network", s.tolerance), cache);
  const CalibrationData random_data = collect(random_inputs, random_runs, v.failures), network_data = collect(network_columns, network_runs, v.failures);
  v.random_columns = judge(calibration.neuron, calibration.energy, program, random_data, s.workers);
  v.network_columns = judge(calibration.neuron, calibration.energy, program, network_data, s.workers);
  CalibrationData all = random_data;
  all.inputs.insert(all.inputs.end(), network_data.inputs.begin(), network_data.inputs.end());
  all.records.insert(all.records.end(), network_data.records.begin(), network_data.records.end());
  v.all_unseen = judge(calibration.neuron, calibration.energy, program, all, s.workers);

  // Every so many of all conversions again at ten times the tolerance.
  CalibrationData chosen;
  const size_t count = std::min<size_t>(static_cast<size_t>(floor_conversions), all.inputs.size());
  for (size_t i = 0; i < count; ++i) {
    chosen.inputs.push_back(all.inputs[i * all.inputs.size() / count]);
    chosen.records.push_back(all.records[i * all.inputs.size() / count]);
  }
  const auto tight = run_conversions(s.circuit, program, chosen.inputs, run_settings(s, "ngspice at a tenth of the tolerance", 0.1 * s.tolerance), cache);
  Comparison comparison(calibration.neuron);
  for (size_t i = 0; i < chosen.inputs.size(); ++i)
    if (tight.records[i])
      comparison.add(chosen.inputs[i], *tight.records[i], solver::energy_of(*tight.records[i], calibration.energy.neurons_per_bias), chosen.records[i],
                     solver::energy_of(chosen.records[i], calibration.energy.neurons_per_bias));
  v.failures.insert(v.failures.end(), tight.failures.begin(), tight.failures.end());
  v.floor = comparison.finish();
  return v;
}

}  // namespace mho::validation
