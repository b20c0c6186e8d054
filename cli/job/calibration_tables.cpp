#include <fmt/format.h>

#include <cmath>

#include "cli/job/tables.hpp"

namespace mho::job {

std::string calibration_table(const validation::Calibration& c) {
  std::string text = fmt::format("{:<58}{:>10}{:>10}\n", fmt::format("behavioural neuron against ngspice, {}, {:g} °C", c.neuron.corner, c.neuron.temperature), "fit", "unseen");
  const auto row = [&](const std::string& what, double fit, double unseen, int digits) {
    text += fmt::format("{:<58}{:>10.{}f}{:>10.{}f}\n", what, fit, digits, unseen, digits);
  };
  const validation::ErrorSummary &f = c.fitted, &u = c.unseen;
  row("conversions", f.conversions, u.conversions, 0);
  row("integrated voltage, rms [LSB]", f.v_rms, u.v_rms, 3);
  row("integrated voltage, worst [LSB]", f.v_worst, u.v_worst, 3);
  row("equal codes where the residue is clear of a decision [%]", 100 * f.equal_share, 100 * u.equal_share, 1);
  row("codes off by one", f.code_off_by_one, u.code_off_by_one, 0);
  row("codes off by more", f.code_off_by_more, u.code_off_by_more, 0);
  row("range of codes used [%]", 100 * f.code_range_used, 100 * u.code_range_used, 1);
  row("comparisons that the latch left undecided", f.undecided, u.undecided, 0);
  row("energy, total, rms [%]", 100 * f.energy_total_rms, 100 * u.energy_total_rms, 2);
  for (size_t i = 0; i < solver::component_names.size(); ++i)
    row(fmt::format("energy, {}, rms [%]", solver::component_names[i]), 100 * f.energy_rms[i], 100 * u.energy_rms[i], 2);
  text += fmt::format("latch turns at {:.1f} mV of the output: {} decisions, {} on the wrong side of it, the next two {:.1f} mV apart\n", 1e3 * c.neuron.neuron.v_latch, c.fit.latch.decisions,
                      c.fit.latch.wrong, 1e3 * c.fit.latch.bracket);
  text += fmt::format("\n{:<24}{:>10}", "energy of a phase [fJ]", "times");
  for (const auto name : solver::component_names) text += fmt::format("{:>12}", name);
  text += "\n";
  for (const validation::PhaseEnergy& p : c.phases) {
    text += fmt::format("{:<24}{:>10.1f}", p.phase, p.per_conversion);
    for (const double joule : p.joule) text += fmt::format("{:>12.2f}", 1e15 * joule);
    text += "\n";
  }
  if (const std::string doubts = validation::doubts(c); !doubts.empty()) text += doubts + "\n";
  if (!c.failures.empty()) text += fmt::format("{} conversions did not finish; the first: {}\n", c.failures.size(), c.failures.front());
  return text;
}

std::string parameters_table(const validation::Calibration& c) {
  std::string text = "stages of the fit\n";
  for (const solver::FitStage& s : c.fit.stages)
    text += fmt::format("  {:<22}{:>8}  {:>6} points{}\n", s.name + ":", s.from_cache ? "cached" : "fitted", s.points, s.rms > 0 ? fmt::format(", residual {:.3f} mV rms", 1e3 * s.rms) : "");
  text += fmt::format("  {:<22}{:>8}  {:>6} decisions\n\n", "latch:", "counted", c.fit.latch.decisions);
  if (c.covariance.parameters.empty()) return text;
  text += fmt::format("{:<28}{:>14}{:>14}{:>10}{:>14}\n{:<28}{:>14}{:>14}{:>10}{:>14}\n", "parameter", "value", "error", "error", "were residuals", "", "", "(over runs)", "[%]", "independent");
  for (const solver::ParameterError& p : c.covariance.parameters) {
    const std::string unit = p.unit == "1" ? "" : " " + p.unit;
    text += fmt::format("{:<28}{:>14}{:>14}{:>10.2g}{:>14.3g}{}{}\n", p.name, fmt::format("{:.5g}", p.value), fmt::format("{:.3g}", p.error), p.value != 0 ? 100 * std::abs(p.error / p.value) : 0.0,
                        p.independent, unit, p.note.empty() ? "" : "  " + p.note);
  }
  text += fmt::format("\n{:<24}{:>6}{:>8}{:>11}   {}\n", "stage", "runs", "points", "condition", "least determined combination, in steps of equal effect");
  for (const solver::StageDirections& s : c.covariance.stages) text += fmt::format("{:<24}{:>6}{:>8}{:>11.3g}   {}\n", s.stage, s.runs, s.points, s.condition, s.weakest);
  return text + "\n";
}

Json calibration_json(const validation::Calibration& calibration) {
  Json fitted, unseen, neuron, energy;
  validation::to_json(fitted, calibration.fitted);
  validation::to_json(unseen, calibration.unseen);
  solver::to_json(neuron, calibration.neuron);
  solver::to_json(energy, calibration.energy);
  Json phases = Json::array();
  for (const validation::PhaseEnergy& p : calibration.phases) {
    Json row{{"phase", p.phase}, {"per_conversion", p.per_conversion}};
    for (size_t c = 0; c < p.joule.size(); ++c) row["energy"][std::string(solver::component_names[c])] = quantity(p.joule[c], "J");
    phases.push_back(row);
  }
  Json covariance;
  solver::to_json(covariance, calibration.covariance);
  return with_units({{"fitted", fitted}, {"unseen", unseen}, {"failures", calibration.failures}, {"phases", phases}, {"neuron", neuron}, {"energy", energy}, {"covariance", covariance}});
}

}  // namespace mho::job
