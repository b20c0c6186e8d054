#include "circuits/energy_table.hpp"

#include <algorithm>
#include <numeric>

#include "core/errors.hpp"

namespace mho::circuits {
namespace {

enum : size_t { array_part = 0, word_line, amplifier, switches, comparator, bias };

}  // namespace

std::array<double, component_count> rest_power(const ControlProgram& hold,
                                               const ConversionRecord& record) {
  std::array<double, component_count> watt{};
  double time = 0.0, last = 0.0;
  for (const StepRecord& step : record.steps) {
    const std::string& name = hold.steps[static_cast<size_t>(step.step)].name;
    if (name == "follow" || name == "integrate") {
      time += step.t_end - last;
      for (size_t c = 0; c < component_count; ++c) watt[c] += step.joule[c];
    }
    last = step.t_end;
  }
  if (time <= 0.0) throw Error("the power at rest needs a record of the program hold");
  for (double& w : watt) w /= time;
  return watt;
}

EnergyTable energy_table(const ControlProgram& program,
                         const std::vector<ConversionRecord>& records,
                         const std::array<double, component_count>& rest) {
  std::vector<PhaseEnergyRow> rows(program.phases.size());
  for (size_t p = 0; p < rows.size(); ++p) rows[p].phase = program.phases[p].name;
  const double share = 1.0 / static_cast<double>(records.size());
  EnergyTable table;
  for (const ConversionRecord& record : records) {
    double last = 0.0;
    for (const StepRecord& step : record.steps) {
      const Step& now = program.steps[static_cast<size_t>(step.step)];
      PhaseEnergyRow& row = rows[static_cast<size_t>(now.phase)];
      const double t = step.t_end - last;
      row.decides = row.decides || now.decides;
      row.count += share;
      row.time += share * t;
      for (size_t c = 0; c < component_count; ++c) {
        row.joule[c] += share * step.joule[c] / (c == bias ? neurons_per_bias : 1);
        if (c == bias) continue;
        // While it decides the amplifier is the comparator.
        const size_t owner = c == amplifier && now.decides ? comparator : c;
        row.at_rest[owner] += share * rest[c] * t;
      }
      last = step.t_end;
    }
    table.duration += share * record.duration;
  }
  for (const PhaseEnergyRow& row : rows) {
    if (row.count == 0.0) continue;
    table.phases.push_back(row);
    for (size_t c = 0; c < component_count; ++c) {
      table.joule[c] += row.joule[c];
      table.statics += row.at_rest[c];
    }
  }
  table.total = std::accumulate(table.joule.begin(), table.joule.end(), 0.0);
  table.bias = table.joule[bias];
  table.dynamics = table.total - table.statics - table.bias;
  return table;
}

}  // namespace mho::circuits
