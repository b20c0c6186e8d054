#include "validation/plan_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "validation/conversion_plan.hpp"

namespace mho::validation {
namespace {

// What a sequence that fills the cube on purpose would reach with as many points.
void compare_with_sobol(PlanSet& set, const std::vector<UnitPoint>& points) {
  set.axes = points.front().size();
  std::vector<UnitPoint> filled;
  for (std::uint32_t i = 0; i < points.size(); ++i) filled.push_back(sobol_point(1, 0, i, set.axes, Purpose::calibration_plan));
  set.discrepancy = centred_discrepancy(points);
  set.sobol_discrepancy = centred_discrepancy(filled);
  if (points.size() < 2) return;
  set.distance = smallest_distance(points);
  set.sobol_distance = smallest_distance(filled);
}

std::vector<PlanAxis> ranges_of(const std::vector<circuits::ColumnInput>& inputs, bool converts) {
  std::vector<PlanAxis> axes;
  const auto add = [&](const char* name, const char* unit, const auto& of) {
    PlanAxis axis{name, unit, of(inputs.front()), of(inputs.front())};
    for (const circuits::ColumnInput& input : inputs) {
      axis.least = std::min(axis.least, of(input));
      axis.largest = std::max(axis.largest, of(input));
    }
    axes.push_back(axis);
  };
  const auto mean_over_rows = [](const circuits::ColumnInput& input, const auto& of) {
    double sum = 0;
    for (size_t row = 0; row < input.conductance.size(); ++row) sum += of(row);
    return sum / static_cast<double>(input.conductance.size());
  };
  add("rows", "1", [](const auto& i) { return static_cast<double>(i.conductance.size()); });
  add("mean conductance", "S", [&](const auto& i) { return mean_over_rows(i, [&](size_t row) { return i.conductance[row]; }); });
  add("read voltage", "V", [](const auto& i) { return i.point.v_read; });
  if (!converts) return axes;
  add("rows with an input", "1", [&](const auto& i) {
    return mean_over_rows(i, [&](size_t row) { return std::any_of(i.levels.begin(), i.levels.end(), [&](const auto& bit) { return bit[row] != 0; }) ? 1.0 : 0.0; });
  });
  add("decrement", "V", [](const auto& i) { return i.point.v_decrement; });
  add("samples of the least bit", "1", [](const auto& i) { return static_cast<double>(i.point.pulse_multiplier); });
  add("largest code", "1", [](const auto& i) { return static_cast<double>(i.point.max_code); });
  // ΣGx/ΣG · v_read · samples: what the columns aim their integrated voltage by.
  add("mean input times read", "V", [](const auto& i) {
    double g = 0, gx = 0;
    for (size_t row = 0; row < i.conductance.size(); ++row) {
      g += i.conductance[row];
      for (size_t k = 0; k < i.levels.size(); ++k) gx += i.conductance[row] * i.levels[k][row] * static_cast<double>(1u << k);
    }
    return gx / g * i.point.v_read * i.point.pulse_multiplier;
  });
  return axes;
}

}  // namespace

PlanReport plan_report(const CalibrationSettings& settings, const Cache& cache) {
  PlanReport report{.sets = {}, .workers = settings.workers};
  for (const PlannedRuns& planned : planned_runs(settings)) {
    PlanSet set{.name = planned.name, .runs = static_cast<int>(planned.inputs.size()), .ranges = {}};
    if (planned.inputs.empty()) continue;
    double rows_run = 0, rows_missing = 0, seconds = 0;
    const ConversionRuns found = find_conversions(settings.circuit, planned.program, planned.inputs, planned.settings, cache);
    for (size_t i = 0; i < planned.inputs.size(); ++i) {
      const double rows = static_cast<double>(planned.inputs[i].conductance.size());
      (found.records[i] ? rows_run : rows_missing) += rows;
      if (found.records[i]) seconds += found.records[i]->cpu_seconds;
    }
    set.cached = static_cast<int>(found.from_cache);
    set.processor_seconds = rows_run > 0 ? seconds / rows_run * rows_missing : 0.0;
    if (!planned.coordinates.empty()) compare_with_sobol(set, planned.coordinates);
    set.ranges = ranges_of(planned.inputs, planned.converts);
    report.sets.push_back(std::move(set));
  }
  return report;
}

Json to_json(const PlanReport& report) {
  Json sets = Json::array();
  for (const PlanSet& s : report.sets) {
    Json ranges = Json::array();
    for (const PlanAxis& a : s.ranges) ranges.push_back({{"axis", a.name}, {"least", quantity(a.least, a.unit)}, {"largest", quantity(a.largest, a.unit)}});
    sets.push_back({{"set", s.name}, {"runs", s.runs}, {"cached", s.cached}, {"processor_time", quantity(s.processor_seconds, "s")}, {"axes", s.axes}, {"discrepancy", s.discrepancy},
                    {"sobol_discrepancy", s.sobol_discrepancy}, {"distance", s.distance}, {"sobol_distance", s.sobol_distance}, {"ranges", ranges}});
  }
  return {{"sets", sets}, {"workers", report.workers}};
}

std::string plan_table(const PlanReport& report) {
  std::string text = fmt::format("{:<34}{:>6}{:>10}{:>16}{:>7}{:>13}{:>9}{:>16}{:>9}\n", "ngspice runs", "runs", "in cache", "time for rest", "axes", "discrepancy", "Sobol", "least distance", "Sobol");
  for (const PlanSet& s : report.sets) {
    const int missing = s.runs - s.cached;
    const std::string time = missing == 0 ? "none" : s.cached == 0 ? "not known yet" : fmt::format("{:.1f} min", s.processor_seconds / report.workers / 60);
    text += fmt::format("{:<34}{:>6}{:>10}{:>16}", s.name, s.runs, s.cached, time);
    text += s.axes > 0 ? fmt::format("{:>7}{:>13.4f}{:>9.4f}{:>16.3f}{:>9.3f}\n", s.axes, s.discrepancy, s.sobol_discrepancy, s.distance, s.sobol_distance) : fmt::format("   these judge\n");
  }
  text += fmt::format("time: with {} idle processors, from the processor time per row of runs in the cache\n", report.workers);
  for (const PlanSet& s : report.sets) {
    text += fmt::format("\n{:<34}{:>14}{:>14}\n", s.name, "least", "largest");
    for (const PlanAxis& a : s.ranges) text += fmt::format("  {:<32}{:>14.4g}{:>14.4g}{}\n", a.name, a.least, a.largest, a.unit == "1" ? "" : " " + a.unit);
  }
  return text;
}

}  // namespace mho::validation
