#include "solver/calibration_residuals.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "circuits/mode_table.hpp"
#include "core/parallel.hpp"
#include "solver/neuron_ode.hpp"
#include "solver/word_line_fall.hpp"

namespace mho::solver {
namespace {

void add_pulses(const circuits::ControlProgram& program, const CalibrationData& data, size_t first_run, std::vector<Pulse>& pulses) {
  if (circuits::samples_driven_line(program)) return;
  const double t_on = program.word_line_on_time();
  for (size_t r = 0; r < data.records.size(); ++r) {
    const circuits::ConversionRecord& record = data.records[r];
    size_t bit = 0;
    for (size_t i = 1; i < record.steps.size() && bit < record.v_line_held.size(); ++i) {
      if (!program.pulses_word_lines(record.steps[i].step)) continue;
      pulses.push_back(
          {&data.inputs[r], &data.inputs[r].levels[bit], record.steps[i - 1].v_line, record.v_line_driven[bit], record.v_line_held[bit], t_on, first_run + r});
      ++bit;
    }
  }
}

// Decrements of each conversion that the fit uses: enough to fix their charge; conversions start all over the range, so the range is covered.
constexpr int fitted_decrements = 12;

bool counts(const circuits::Step& s) { return s.name.find("integrate") != std::string::npos || s.name == "restore" || s.name == "sample"; }

// [V] of the output about which a decision no longer depends on how far it is from zero.
constexpr double decided_output = 0.3;
double near_decision(double v) { return decided_output * std::tanh(v / decided_output); }

}  // namespace

std::vector<Pulse> pulses_of(std::span<const ProgramRuns> runs, const LineRuns& lines) {
  std::vector<Pulse> pulses;
  size_t first = 0;
  for (const ProgramRuns& r : runs) {
    add_pulses(r.program, r.data, first, pulses);
    first += r.data.records.size();
  }
  if (!lines.data.records.empty()) add_pulses(lines.program, lines.data, first, pulses);
  return pulses;
}

Eigen::VectorXd line_residuals(const NeuronModel& model, std::span<const Pulse> pulses) {
  Eigen::VectorXd f(static_cast<Eigen::Index>(pulses.size()));
  for (size_t i = 0; i < pulses.size(); ++i) {
    const Pulse& p = pulses[i];
    // The rising word lines put on the line what the falling ones take away.
    const double v_start = p.before - (p.held - p.driven);
    f[static_cast<Eigen::Index>(i)] = 1e3 * (driven_line(model, p.input->conductance, *p.levels, p.input->point.v_read, v_start, p.t_on) - p.driven);
  }
  return f;
}

Eigen::VectorXd fall_residuals(const NeuronModel& model, std::span<const Pulse> pulses) {
  Eigen::VectorXd f(static_cast<Eigen::Index>(pulses.size()));
  for (size_t i = 0; i < pulses.size(); ++i) {
    const Pulse& p = pulses[i];
    f[static_cast<Eigen::Index>(i)] = 1e3 * (line_after_fall(model, p.input->conductance, *p.levels, p.input->point.v_read, p.driven) - p.held);
  }
  return f;
}

Eigen::VectorXd neuron_residuals(const NeuronModel& model, std::span<const ProgramRuns> runs, int threads, std::vector<size_t>* run_of_each) {
  std::vector<std::pair<const ProgramRuns*, size_t>> conversions;
  for (const ProgramRuns& of_program : runs)
    for (size_t r = 0; r < of_program.data.records.size(); ++r) conversions.emplace_back(&of_program, r);
  std::vector<std::vector<double>> of_record(conversions.size());
  parallel_for(conversions.size(), threads, [&](size_t r) {
    const auto& [program, data] = *conversions[r].first;
    const circuits::ConversionRecord& record = data.records[conversions[r].second];
    OdeOptions ode;
    ode.tolerance = 3e-6;
    ode.follow = &record;
    ode.max_decrements = fitted_decrements;
    const OdeResult sim = simulate_conversion(model, program, data.inputs[conversions[r].second], ode);
    std::vector<double>& f = of_record[r];
    double integrated = 0;  // error of the integrated voltage: the decrements are judged by what they change
    bool decided = false;
    for (size_t s = 0; s < std::min(sim.record.steps.size(), record.steps.size()); ++s) {
      const circuits::StepRecord &ours = sim.record.steps[s], &theirs = record.steps[s];
      const circuits::Step& step = program.steps[static_cast<size_t>(theirs.step)];
      if (step.decides) {
        f.push_back(0.1e3 * (near_decision(ours.v_decision) - near_decision(theirs.v_decision)));
        decided = true;
        continue;
      }
      if (!counts(step)) continue;
      const bool integrates = step.name.find("sample") == std::string::npos;
      const double out = ours.v_out - theirs.v_out;
      if (integrates && !decided) integrated = out;
      f.push_back(1e3 * (integrates && decided ? out - integrated : out));
      f.push_back(0.3e3 * (ours.v_line - theirs.v_line));
      f.push_back(0.3e3 * (ours.v_x - theirs.v_x));
      f.push_back(0.3e3 * (ours.v_cib - theirs.v_cib));
    }
  });
  std::vector<double> all;
  for (size_t r = 0; r < of_record.size(); ++r) {
    all.insert(all.end(), of_record[r].begin(), of_record[r].end());
    if (run_of_each) run_of_each->insert(run_of_each->end(), of_record[r].size(), r);
  }
  return Eigen::Map<const Eigen::VectorXd>(all.data(), static_cast<Eigen::Index>(all.size()));
}

}  // namespace mho::solver
