#include "solver/calibrate.hpp"

#include <fmt/format.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>

#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "core/statistics.hpp"
#include "solver/least_squares.hpp"
#include "solver/line.hpp"
#include "solver/neuron_ode.hpp"
#include "solver/word_line_fall.hpp"

namespace mho::solver {
namespace {

// An unknown of a fit: where it lives and the step that counts as one.
struct Unknown {
  double* value;
  double scale;
};

void set(std::span<const Unknown> unknowns, const std::vector<double>& start, const Eigen::VectorXd& x) {
  for (size_t i = 0; i < unknowns.size(); ++i) *unknowns[i].value = start[i] + unknowns[i].scale * x[static_cast<Eigen::Index>(i)];
}

// Time that the word lines are on in the program's pulse phase.
double word_line_on_time(const circuits::ControlProgram& program) {
  for (const circuits::Phase& phase : program.phases) {
    double rise = -1.0;
    for (const circuits::Event& e : phase.events) {
      if (e.signal != static_cast<int>(circuits::Signal::wl)) continue;
      if (e.level) rise = e.time;
      else if (rise >= 0.0) return e.time - rise;
    }
  }
  throw Error(fmt::format("control program {}: no phase pulses the word lines", program.name));
}

// Line voltage before the pulse of each bit, from the record of the step before.
std::vector<double> line_before_pulse(const circuits::ControlProgram& program, const circuits::ConversionRecord& record) {
  std::vector<double> before;
  for (size_t i = 1; i < record.steps.size(); ++i) {
    const auto& events = program.phases[static_cast<size_t>(program.steps[static_cast<size_t>(record.steps[i].step)].phase)].events;
    const bool pulses = std::any_of(events.begin(), events.end(), [](const auto& e) { return e.signal == static_cast<int>(circuits::Signal::wl) && e.level; });
    if (pulses) before.push_back(record.steps[i - 1].v_line);
  }
  return before;
}

void fit_line(NeuronModel& model, const circuits::ControlProgram& program, const CalibrationData& data, const CalibrationOptions& options, FitReport& report) {
  const double t_on = word_line_on_time(program);
  std::vector<std::pair<size_t, size_t>> points;  // (run, bit)
  std::vector<std::vector<double>> before;
  for (size_t r = 0; r < data.records.size(); ++r) {
    before.push_back(line_before_pulse(program, data.records[r]));
    for (size_t k = 0; k < data.records[r].v_line_driven.size(); ++k) points.emplace_back(r, k);
  }
  const NeuronModel start = model;
  const auto unknowns = [](NeuronModel& m) {
    return std::vector<Unknown>{{&m.transistor.beta, 5e-5}, {&m.transistor.v_pinch, 0.05}, {&m.transistor.theta, 0.1}, {&m.neuron.c_line, 2e-14}};
  };
  NeuronModel reference = start;
  std::vector<double> origin;
  for (const Unknown& u : unknowns(reference)) origin.push_back(*u.value);
  const auto residuals = [&](const Eigen::VectorXd& x) {
    NeuronModel trial = start;
    set(unknowns(trial), origin, x);
    trial.transistor.beta = std::max(trial.transistor.beta, 1e-6);
    trial.neuron.c_line = std::max(trial.neuron.c_line, 1e-14);
    Eigen::VectorXd f(static_cast<Eigen::Index>(points.size()));
    for (size_t i = 0; i < points.size(); ++i) {
      const auto [r, k] = points[i];
      const circuits::ColumnInput& in = data.inputs[r];
      const circuits::ConversionRecord& record = data.records[r];
      // The rising word lines put on the line what the falling ones take away.
      const double v_start = before[r][k] - (record.v_line_held[k] - record.v_line_driven[k]);
      f[static_cast<Eigen::Index>(i)] =
          1e3 * (driven_line(trial, in.conductance, in.levels[k], in.point.v_read, v_start, t_on) - record.v_line_driven[k]);
    }
    return f;
  };
  const LeastSquaresResult fit = minimise(residuals, Eigen::VectorXd::Zero(4), 1e-3, options.threads, options.max_iterations);
  if (!fit.converged) throw NumericalError("calibration: the fit of the line did not converge");
  set(unknowns(model), origin, fit.x);
  report.line_rms = 1e-3 * fit.rms;
  report.line_points = static_cast<int>(points.size());
  report.iterations += fit.iterations;
}

void fit_fall(NeuronModel& model, const CalibrationData& data, const CalibrationOptions& options, FitReport& report) {
  std::vector<std::pair<size_t, size_t>> points;  // (run, bit)
  for (size_t r = 0; r < data.records.size(); ++r)
    for (size_t k = 0; k < data.records[r].v_line_held.size(); ++k) points.emplace_back(r, k);
  const NeuronModel start = model;
  const auto unknowns = [](FallParams& f) {
    return std::vector<Unknown>{{&f.c_channel, 2e-16}, {&f.c_overlap, 5e-17}, {&f.c_overlap_m, 5e-17}, {&f.c_m, 1e-16}, {&f.n, 0.05}, {&f.curve, 0.02},
                                {&f.phi, 5e-3}, {&f.phi_current, 1e-2},        {&f.t_fall, 2e-11},    {&f.t_linear, 2e-11}};
  };
  const auto bound_fall = [](FallParams& f) {
    for (const Parameter<FallParams>& row : ParameterTable<FallParams>::table) f.*row.member = std::clamp(f.*row.member, row.min, row.max);
    f.t_fall = std::max(f.t_fall, 1e-11);
    f.c_m = std::max(f.c_m, 1e-16);
  };
  NeuronModel reference = start;
  std::vector<double> origin;
  for (const Unknown& u : unknowns(reference.fall)) origin.push_back(*u.value);
  const auto residuals = [&](const Eigen::VectorXd& x) {
    NeuronModel trial = start;
    set(unknowns(trial.fall), origin, x);
    bound_fall(trial.fall);
    Eigen::VectorXd f(static_cast<Eigen::Index>(points.size()));
    for (size_t i = 0; i < points.size(); ++i) {
      const auto [r, k] = points[i];
      const circuits::ColumnInput& in = data.inputs[r];
      f[static_cast<Eigen::Index>(i)] = 1e3 * (line_after_fall(trial, in.conductance, in.levels[k], in.point.v_read, data.records[r].v_line_driven[k]) -
                                               data.records[r].v_line_held[k]);
    }
    return f;
  };
  const LeastSquaresResult fit = minimise(residuals, Eigen::VectorXd::Zero(static_cast<Eigen::Index>(origin.size())), 1e-2, options.threads,
                                          options.max_iterations);
  if (!fit.converged) throw NumericalError("calibration: the fit of the falling word lines did not converge");
  set(unknowns(model.fall), origin, fit.x);
  bound_fall(model.fall);

  // What is left over, by linear least squares with a ridge of a hundredth of the points' weight.
  const Eigen::VectorXd left = residuals(fit.x);
  const Eigen::Index terms = static_cast<Eigen::Index>(fall_terms);
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(left.size() + terms, terms);
  Eigen::VectorXd b = Eigen::VectorXd::Zero(left.size() + terms);
  for (size_t i = 0; i < points.size(); ++i) {
    const auto [r, k] = points[i];
    const auto sums = fall_sums(data.inputs[r].conductance, data.inputs[r].levels[k], data.inputs[r].point.v_read, data.records[r].v_line_driven[k]);
    for (Eigen::Index t = 0; t < terms; ++t) a(static_cast<Eigen::Index>(i), t) = sums[static_cast<size_t>(t)];
    b[static_cast<Eigen::Index>(i)] = -1e-3 * left[static_cast<Eigen::Index>(i)];
  }
  const double ridge = 0.01 * std::sqrt(static_cast<double>(points.size()));
  for (Eigen::Index t = 0; t < terms; ++t) a(left.size() + t, t) = ridge * a.col(t).head(left.size()).cwiseAbs().maxCoeff();
  const Eigen::VectorXd x = a.colPivHouseholderQr().solve(b);
  for (size_t t = 0; t < fall_terms; ++t) model.fall_remainder[t] = x[static_cast<Eigen::Index>(t)];
  report.kick_rms = (a * x - b).head(left.size()).norm() / std::sqrt(static_cast<double>(points.size()));
  report.kick_points = static_cast<int>(points.size());
  report.iterations += fit.iterations;
}

std::vector<Unknown> neuron_unknowns(NeuronParams& p) {
  return {{&p.c_l, 2e-15},    {&p.c_x, 3e-15},      {&p.c_b, 2e-15},    {&p.c_out, 3e-15},  {&p.gm, 1e-5},      {&p.i_up, 5e-7},
          {&p.i_down, 5e-7},  {&p.g_out, 3e-8},     {&p.tau, 1e-10},    {&p.v_offset, 1e-3}, {&p.r_line, 500},   {&p.r_az, 1000},
          {&p.r_int, 1000},   {&p.q_az, 5e-17},     {&p.q_int, 5e-17},  {&p.q_int_slope, 3e-16}, {&p.q_int_curve, 3e-16}, {&p.q_line, 5e-16},
          {&p.q_line_slope, 2e-15}, {&p.q_up, 2e-17}, {&p.q_down, 2e-17}};
}

// Decrements of each conversion that the fit uses: enough to fix their charge; conversions start all over the range, so the range is covered.
constexpr int fitted_decrements = 8;

// Keeps a trial step of the fit physical.
void bound(NeuronParams& p) {
  for (const Parameter<NeuronParams>& row : ParameterTable<NeuronParams>::table) p.*row.member = std::clamp(p.*row.member, row.min, row.max);
  p.c_out = std::max(p.c_out, 3e-15);
  p.tau = std::max(p.tau, 3e-11);
  p.r_line = std::max(p.r_line, 300.0);
  p.r_az = std::max(p.r_az, 500.0);
  p.r_int = std::max(p.r_int, 500.0);
  p.i_up = std::max(p.i_up, 2e-7);
  p.i_down = std::max(p.i_down, 2e-7);
}

bool counts(const circuits::ControlProgram& program, int step) {
  const circuits::Step& s = program.steps[static_cast<size_t>(step)];
  return s.decision == circuits::Decision::none && (s.name.find("integrate") != std::string::npos || s.name == "restore" || s.name == "sample");
}

void fit_neuron(NeuronModel& model, const circuits::ControlProgram& program, const CalibrationData& data, const CalibrationOptions& options, FitReport& report) {
  std::vector<Eigen::Index> first{0};
  for (const circuits::ConversionRecord& r : data.records) {
    const auto n = std::count_if(r.steps.begin(), r.steps.end(), [&](const auto& s) { return counts(program, s.step); });
    first.push_back(first.back() + 4 * n);
  }
  const NeuronModel start = model;
  NeuronModel reference = start;
  std::vector<double> origin;
  for (const Unknown& u : neuron_unknowns(reference.neuron)) origin.push_back(*u.value);
  const auto residuals = [&](const Eigen::VectorXd& x) {
    NeuronModel trial = start;
    set(neuron_unknowns(trial.neuron), origin, x);
    bound(trial.neuron);
    Eigen::VectorXd f = Eigen::VectorXd::Zero(first.back());
    for (size_t r = 0; r < data.records.size(); ++r) {
      const circuits::ConversionRecord& record = data.records[r];
      OdeOptions ode;
      ode.tolerance = 1e-5;
      ode.follow = &record;
      ode.max_decrements = fitted_decrements;
      const OdeResult sim = simulate_conversion(trial, program, data.inputs[r], ode);
      Eigen::Index at = first[r];
      for (size_t s = 0; s < std::min(sim.record.steps.size(), record.steps.size()); ++s) {
        if (!counts(program, record.steps[s].step)) continue;
        f[at++] = 1e3 * (sim.record.steps[s].v_out - record.steps[s].v_out);
        f[at++] = 0.3e3 * (sim.record.steps[s].v_line - record.steps[s].v_line);
        f[at++] = 1e3 * (sim.record.steps[s].v_x - record.steps[s].v_x);
        f[at++] = 0.5e3 * (sim.record.steps[s].v_cib - record.steps[s].v_cib);
      }
    }
    return f;
  };
  const LeastSquaresResult fit = minimise(residuals, Eigen::VectorXd::Zero(static_cast<Eigen::Index>(origin.size())), 1e-2, options.threads,
                                          options.max_iterations);
  if (!fit.converged) throw NumericalError("calibration: the fit of the neuron did not converge");
  set(neuron_unknowns(model.neuron), origin, fit.x);
  bound(model.neuron);
  report.neuron_rms = 1e-3 * fit.rms;
  report.neuron_points = static_cast<int>(first.back());
  report.iterations += fit.iterations;
}

}  // namespace

double lsb(const circuits::CircuitParams& circuit, const circuits::ReadPoint& point) { return point.v_decrement * circuit.c_sample / circuit.c_integ; }

NeuronModel calibrate_neuron(const NeuronModel& start, const circuits::ControlProgram& program, const CalibrationData& data,
                             const CalibrationOptions& options, FitReport* report) {
  if (data.records.empty() || data.inputs.size() != data.records.size()) throw Error("calibration: there are no conversions to fit to");
  NeuronModel model = start;
  FitReport local;
  fit_line(model, program, data, options, local);
  fit_fall(model, data, options, local);
  fit_neuron(model, program, data, options, local);
  model.min_rows = 1e9;
  for (size_t r = 0; r < data.records.size(); ++r) {
    const double rows = static_cast<double>(data.inputs[r].conductance.size());
    model.min_rows = std::min(model.min_rows, rows);
    model.max_rows = std::max(model.max_rows, rows);
    model.max_v_read = std::max(model.max_v_read, data.inputs[r].point.v_read);
    model.max_abs_v_integrated = std::max(model.max_abs_v_integrated, std::abs(data.records[r].v_integrated));
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
    double distance = std::abs(record.v_integrated - model.neuron.v_offset);
    for (double v : record.v_residue) distance = std::min(distance, std::abs(v - model.neuron.v_offset));
    errors[i] = {i, (sim.record.v_integrated - record.v_integrated) / unit, record.code, sim.record.code, distance / unit};
  });
  return errors;
}

}  // namespace mho::solver
