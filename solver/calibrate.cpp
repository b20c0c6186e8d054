#include "solver/calibrate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "circuits/mode_table.hpp"
#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "core/statistics.hpp"
#include "solver/least_squares.hpp"
#include "solver/line.hpp"
#include "solver/neuron_ode.hpp"
#include "solver/word_line_fall.hpp"

namespace mho::solver {
namespace {

// An unknown of a fit: where it lives and the step that counts as one, added or, for what is positive, as a factor exp(scale).
struct Unknown {
  double* value;
  double scale;
  bool positive = false;
};

void set(std::span<const Unknown> unknowns, const std::vector<double>& start, const Eigen::VectorXd& x) {
  for (size_t i = 0; i < unknowns.size(); ++i) {
    const double step = unknowns[i].scale * x[static_cast<Eigen::Index>(i)];
    *unknowns[i].value = unknowns[i].positive ? start[i] * std::exp(step) : start[i] + step;
  }
}

// Residuals [mV] of `points` points, and behind them the pull of the unknowns to their start.
Eigen::VectorXd with_prior(size_t points, const Eigen::VectorXd& x, double prior) {
  Eigen::VectorXd f = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(points) + (prior > 0.0 ? x.size() : 0));
  if (prior > 0.0) f.tail(x.size()) = prior * x;
  return f;
}

// One pulse of the word lines in a record: what the line and the falling word lines are fitted to.
struct Pulse {
  const circuits::ColumnInput* input;
  const std::vector<std::int8_t>* levels;
  double before, driven, held;  // [V] relative to VREF: line before the pulse, at its end, after the word lines have fallen
  double t_on;                  // [s]
};

void add_pulses(const circuits::ControlProgram& program, const CalibrationData& data, std::vector<Pulse>& pulses) {
  if (circuits::samples_driven_line(program)) return;  // its pulses are sampled before they end
  const double t_on = program.word_line_on_time();
  for (size_t r = 0; r < data.records.size(); ++r) {
    const circuits::ConversionRecord& record = data.records[r];
    size_t bit = 0;
    for (size_t i = 1; i < record.steps.size() && bit < record.v_line_held.size(); ++i) {
      if (!program.pulses_word_lines(record.steps[i].step)) continue;
      pulses.push_back({&data.inputs[r], &data.inputs[r].levels[bit], record.steps[i - 1].v_line, record.v_line_driven[bit], record.v_line_held[bit], t_on});
      ++bit;
    }
  }
}

void fit_line(NeuronModel& model, std::span<const Pulse> pulses, const CalibrationOptions& options, FitReport& report) {
  const NeuronModel start = model;
  const auto unknowns = [](NeuronModel& m) {
    return std::vector<Unknown>{{&m.transistor.beta, 5e-5}, {&m.transistor.v_pinch, 0.05}, {&m.transistor.theta, 0.1}, {&m.neuron.c_line, 2e-14},
                                {&m.neuron.c_on, 5e-16}};
  };
  NeuronModel reference = start;
  std::vector<double> origin;
  for (const Unknown& u : unknowns(reference)) origin.push_back(*u.value);
  const auto residuals = [&](const Eigen::VectorXd& x) {
    NeuronModel trial = start;
    set(unknowns(trial), origin, x);
    trial.transistor.beta = std::max(trial.transistor.beta, 1e-6);
    trial.neuron.c_line = std::max(trial.neuron.c_line, 1e-14);
    trial.neuron.c_on = std::max(trial.neuron.c_on, 0.0);
    Eigen::VectorXd f = with_prior(pulses.size(), x, options.line_prior);
    for (size_t i = 0; i < pulses.size(); ++i) {
      const Pulse& p = pulses[i];
      // The rising word lines put on the line what the falling ones take away.
      const double v_start = p.before - (p.held - p.driven);
      f[static_cast<Eigen::Index>(i)] = 1e3 * (driven_line(trial, p.input->conductance, *p.levels, p.input->point.v_read, v_start, p.t_on) - p.driven);
    }
    return f;
  };
  const LeastSquaresResult fit = minimise(residuals, Eigen::VectorXd::Zero(static_cast<Eigen::Index>(origin.size())), 1e-3, options.threads, options.max_iterations);
  if (!fit.converged) throw NumericalError("calibration: the fit of the line did not converge");
  set(unknowns(model), origin, fit.x);
  report.line_rms = 1e-3 * fit.rms;
  report.line_points = static_cast<int>(pulses.size());
  report.iterations += fit.iterations;
}

void fit_fall(NeuronModel& model, std::span<const Pulse> pulses, const CalibrationOptions& options, FitReport& report) {
  const NeuronModel start = model;
  const auto unknowns = [](FallParams& f) {
    return std::vector<Unknown>{{&f.c_channel, 2e-16}, {&f.c_overlap, 5e-17}, {&f.c_overlap_m, 5e-17}, {&f.c_m, 1e-16},    {&f.n, 0.05},
                                {&f.curve, 0.02},      {&f.phi, 3e-3},        {&f.c_line_slope, 1e-14}, {&f.i_drive, 2e-5}, {&f.r_drive, 5e2},
                                {&f.c_feed, 3e-16},    {&f.c_gate, 1e-16}, {&f.lambda, 0.05}};
  };
  const auto bound_fall = [](FallParams& f) {
    for (const Parameter<FallParams>& row : ParameterTable<FallParams>::table) f.*row.member = std::clamp(f.*row.member, row.min, row.max);
    f.c_m = std::max(f.c_m, 1e-16);
  };
  NeuronModel reference = start;
  std::vector<double> origin;
  for (const Unknown& u : unknowns(reference.fall)) origin.push_back(*u.value);
  const auto residuals = [&](const Eigen::VectorXd& x) {
    NeuronModel trial = start;
    set(unknowns(trial.fall), origin, x);
    bound_fall(trial.fall);
    Eigen::VectorXd f = with_prior(pulses.size(), x, options.line_prior);
    for (size_t i = 0; i < pulses.size(); ++i) {
      const Pulse& p = pulses[i];
      f[static_cast<Eigen::Index>(i)] = 1e3 * (line_after_fall(trial, p.input->conductance, *p.levels, p.input->point.v_read, p.driven) - p.held);
    }
    return f;
  };
  const LeastSquaresResult fit = minimise(residuals, Eigen::VectorXd::Zero(static_cast<Eigen::Index>(origin.size())), 0.1, options.threads,
                                          options.max_iterations);
  if (!fit.converged) throw NumericalError("calibration: the fit of the falling word lines did not converge");
  set(unknowns(model.fall), origin, fit.x);
  bound_fall(model.fall);

  report.fall_rms = 1e-3 * fit.rms;
  report.fall_points = static_cast<int>(pulses.size());
  report.iterations += fit.iterations;
}

std::vector<Unknown> neuron_unknowns(NeuronParams& p, bool iso) {
  std::vector<Unknown> unknowns{{&p.c_l, 0.1, true},     {&p.c_x, 0.1, true},      {&p.c_b, 0.1, true},     {&p.c_out, 0.1, true},   {&p.gm, 0.1, true},      {&p.i_up, 0.1, true},
          {&p.i_down, 0.1, true},  {&p.g_out, 0.1, true},    {&p.tau, 0.1, true},     {&p.v_offset, 1e-4},     {&p.r_line, 0.1, true},  {&p.r_az, 0.1, true},
          {&p.r_int, 0.1, true},   {&p.q_az, 5e-18},         {&p.q_int, 5e-18},       {&p.q_int_slope, 3e-17}, {&p.q_int_curve, 3e-17}, {&p.q_line, 2e-17},
          {&p.q_line_slope, 2e-16}, {&p.q_up, 3e-18},        {&p.q_down, 3e-18}};
  if (iso) unknowns.insert(unknowns.end(), {{&p.r_iso, 0.1, true}, {&p.q_iso, 5e-18}, {&p.v_start, 0.05}});
  return unknowns;
}

// Decrements of each conversion that the fit uses: enough to fix their charge; conversions start all over the range, so the range is covered.
constexpr int fitted_decrements = 12;
// Pull of each unknown to its start, in residuals per step: what the data do not determine stays where it was.
constexpr double prior = 0.05;

bool counts(const circuits::ControlProgram& program, int step) {
  const circuits::Step& s = program.steps[static_cast<size_t>(step)];
  return !s.decides && (s.name.find("integrate") != std::string::npos || s.name == "restore" || s.name == "sample");
}

struct Conversion {
  const circuits::ControlProgram* program;
  const circuits::ColumnInput* input;
  const circuits::ConversionRecord* record;
};

void fit_neuron(NeuronModel& model, std::span<const Conversion> conversions, const CalibrationOptions& options, FitReport& report) {
  std::vector<Eigen::Index> first{0};
  for (const Conversion& c : conversions) {
    const auto n = std::count_if(c.record->steps.begin(), c.record->steps.end(), [&](const auto& s) { return counts(*c.program, s.step); });
    first.push_back(first.back() + 4 * n);
  }
  const bool iso = std::any_of(conversions.begin(), conversions.end(), [](const Conversion& c) { return c.program->uses(circuits::Signal::iso); });
  const Eigen::Index points = first.back();
  const NeuronModel start = model;
  NeuronModel reference = start;
  std::vector<double> origin;
  for (const Unknown& u : neuron_unknowns(reference.neuron, iso)) origin.push_back(*u.value);
  const auto residuals = [&](const Eigen::VectorXd& x) {
    NeuronModel trial = start;
    set(neuron_unknowns(trial.neuron, iso), origin, x);
    Eigen::VectorXd f = Eigen::VectorXd::Zero(points + x.size());
    f.tail(x.size()) = prior * x;
    parallel_for(conversions.size(), options.threads, [&](size_t r) {
      const circuits::ConversionRecord& record = *conversions[r].record;
      const circuits::ControlProgram& program = *conversions[r].program;
      OdeOptions ode;
      ode.tolerance = 3e-6;
      ode.follow = &record;
      ode.max_decrements = fitted_decrements;
      const OdeResult sim = simulate_conversion(trial, program, *conversions[r].input, ode);
      Eigen::Index at = first[r];
      double integrated = 0;  // error of the integrated voltage: the decrements are judged by what they change
      bool decided = false;
      for (size_t s = 0; s < std::min(sim.record.steps.size(), record.steps.size()); ++s) {
        decided = decided || program.steps[static_cast<size_t>(record.steps[s].step)].decides;
        if (!counts(program, record.steps[s].step)) continue;
        const circuits::StepRecord &ours = sim.record.steps[s], &theirs = record.steps[s];
        const bool integrates = program.steps[static_cast<size_t>(theirs.step)].name.find("sample") == std::string::npos;
        const double out = ours.v_out - theirs.v_out;
        if (integrates && !decided) integrated = out;
        f[at++] = 1e3 * (integrates && decided ? out - integrated : out);
        f[at++] = 0.3e3 * (ours.v_line - theirs.v_line);
        f[at++] = 0.3e3 * (ours.v_x - theirs.v_x);
        f[at++] = 0.3e3 * (ours.v_cib - theirs.v_cib);
      }
    });
    return f;
  };
  const LeastSquaresResult fit = minimise(residuals, Eigen::VectorXd::Zero(static_cast<Eigen::Index>(origin.size())), 0.1, 1, options.max_iterations);
  if (!fit.converged) throw NumericalError("calibration: the fit of the neuron did not converge");
  set(neuron_unknowns(model.neuron, iso), origin, fit.x);
  report.neuron_rms = 1e-3 * fit.rms;
  report.neuron_points = static_cast<int>(points);
  report.iterations += fit.iterations;
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
  const std::vector<ProgramRuns> runs{{program, data}};
  return calibrate_neuron(start, runs, lines, options, report);
}

NeuronModel calibrate_neuron(const NeuronModel& start, std::span<const ProgramRuns> runs, const LineRuns& lines, const CalibrationOptions& options, FitReport* report) {
  std::vector<Conversion> conversions;
  std::vector<circuits::ConversionRecord> records;
  std::vector<Pulse> pulses;
  for (const ProgramRuns& r : runs) {
    if (r.data.inputs.size() != r.data.records.size()) throw Error("calibration: inputs and records differ in number");
    for (size_t i = 0; i < r.data.records.size(); ++i) conversions.push_back({&r.program, &r.data.inputs[i], &r.data.records[i]});
    records.insert(records.end(), r.data.records.begin(), r.data.records.end());
    add_pulses(r.program, r.data, pulses);
  }
  if (conversions.empty()) throw Error("calibration: there are no conversions to fit to");
  NeuronModel model = start;
  FitReport local;
  if (!lines.data.records.empty()) add_pulses(lines.program, lines.data, pulses);
  fit_line(model, pulses, options, local);
  fit_fall(model, pulses, options, local);
  fit_neuron(model, conversions, options, local);
  local.latch = latch_turn(records);
  model.neuron.v_latch = local.latch.v.value_or(model.neuron.v_latch);
  model.min_rows = 1e9;
  for (const Conversion& c : conversions) {
    const double rows = static_cast<double>(c.input->conductance.size());
    model.min_rows = std::min(model.min_rows, rows);
    model.max_rows = std::max(model.max_rows, rows);
    model.max_v_read = std::max(model.max_v_read, c.input->point.v_read);
    model.max_abs_v_integrated = std::max(model.max_abs_v_integrated, std::abs(c.record->v_integrated));
  }
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
