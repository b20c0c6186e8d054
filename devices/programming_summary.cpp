#include <algorithm>
#include <cmath>

#include "core/statistics.hpp"
#include "devices/array_programming.hpp"

namespace mho::devices {
namespace {
constexpr size_t judged_from = 20;  // cells that a level needs to count in worst_level_rate

template <class S>
void add_table(CacheKey& key, const S& values) {
  for (const Parameter<S>& p : ParameterTable<S>::table) key.add(p.key, values.*p.member);
}
}  // namespace

ProgrammingSummary summarise(std::span<const double> targets, const ProgrammingSetup& setup,
                             const ArrayProgramming& result) {
  const double width = setup.options.level_width;
  const double top = targets.empty() ? 0.0 : *std::max_element(targets.begin(), targets.end());
  ProgrammingSummary s;
  s.cells = targets.size();
  s.failures.assign(static_cast<size_t>(WriteFailure::numerical) + 1, 0);
  // A target at the edge of two bins, as round level values are, belongs to the upper one whatever its last bit.
  const auto level_of = [&](double target) {
    return static_cast<size_t>(target / width * (1.0 + 1e-9));
  };
  s.levels.resize(targets.empty() ? 0 : level_of(top) + 1);
  for (size_t l = 0; l < s.levels.size(); ++l) {
    s.levels[l].low = static_cast<double>(l) * width;
    s.levels[l].high = static_cast<double>(l + 1) * width;
  }
  std::vector<std::vector<double>> residuals(s.levels.size());
  double pulses = 0.0, relaxed = 0.0, one_pass = 0.0;
  for (size_t i = 0; i < targets.size(); ++i) {
    const WriteResult& w = result.first_pass[i];
    LevelSummary& level = s.levels[level_of(targets[i])];
    relaxed += std::pow(result.conductance_relaxed[i] - targets[i], 2);
    one_pass += std::pow(result.conductance_one_pass[i] - targets[i], 2);
    ++s.failures[static_cast<size_t>(w.failure)];
    ++level.cells;
    if (w.pulses() == 0) continue;
    ++level.needed;
    level.mean_pulses += w.pulses();
    pulses += w.pulses();
    if (s.pulse_histogram.size() <= static_cast<size_t>(w.pulses()))
      s.pulse_histogram.resize(static_cast<size_t>(w.pulses()) + 1);
    ++s.pulse_histogram[static_cast<size_t>(w.pulses())];
    if (!w.success()) continue;
    ++level.succeeded;
    residuals[level_of(targets[i])].push_back(w.conductance - targets[i]);
  }
  for (size_t l = 0; l < s.levels.size(); ++l) {
    LevelSummary& level = s.levels[l];
    s.needed += level.needed;
    s.succeeded += level.succeeded;
    if (level.needed > 0) level.mean_pulses /= static_cast<double>(level.needed);
    if (!residuals[l].empty()) level.residual_mean = mean(residuals[l]);
    if (residuals[l].size() > 1) level.residual_sigma = standard_deviation(residuals[l]);
    if (level.needed >= judged_from)
      s.worst_level_rate = std::min(s.worst_level_rate, static_cast<double>(level.succeeded) /
                                                            static_cast<double>(level.needed));
  }
  if (s.needed > 0) s.mean_pulses = pulses / static_cast<double>(s.needed);
  if (s.cells > 0) {
    s.relaxed_rms = std::sqrt(relaxed / static_cast<double>(s.cells));
    s.one_pass_rms = std::sqrt(one_pass / static_cast<double>(s.cells));
  }
  return s;
}

void add_to_key(CacheKey& key, const ProgrammingSetup& setup) {
  std::visit(
      [&](const auto& d) {
        key.add("model", d.model.name);
        add_table(key, d.model.params);
        add_table(key, d.spread);
      },
      setup.card.device);
  add_table(key, setup.card.transistor);
  add_table(key, setup.policy);
  add_table(key, setup.policy.set);
  add_table(key, setup.policy.reset);
  key.add("max_pulses", std::int64_t{setup.policy.max_pulses});
  key.add("max_reversals", std::int64_t{setup.policy.max_reversals});
  key.add("max_held", std::int64_t{setup.policy.max_held});
  add_table(key, setup.relaxation);
  add_table(key, setup.options);
  if (setup.pulses.pair != PulsePair::dormand_prince)
    key.add("pulse pair", setup.pulses.tolerance);
  add_table(key, setup.defects);
  key.add("passes", std::int64_t{setup.options.passes});
}

Json to_json(const ProgrammingSummary& s) {
  Json json;
  json["cells"] = s.cells;
  json["cells_needing_pulses"] = s.needed;
  json["cells_written"] = s.succeeded;
  json["success_rate"] = s.success_rate();
  json["worst_level_success_rate"] = s.worst_level_rate;
  json["mean_pulses"] = s.mean_pulses;
  json["pulse_histogram"] = s.pulse_histogram;
  json["energy"] = quantity(s.energy, "J");
  json["time"] = quantity(s.time, "s");
  json["relaxed_rms"] = quantity(s.relaxed_rms, "S");
  json["one_pass_relaxed_rms"] = quantity(s.one_pass_rms, "S");
  json["levels"] = Json::array();
  for (const LevelSummary& l : s.levels)
    json["levels"].push_back({{"target_low", quantity(l.low, "S")},
                              {"target_high", quantity(l.high, "S")},
                              {"cells", l.cells},
                              {"cells_needing_pulses", l.needed},
                              {"cells_written", l.succeeded},
                              {"mean_pulses", l.mean_pulses},
                              {"residual_mean", quantity(l.residual_mean, "S")},
                              {"residual_sigma", quantity(l.residual_sigma, "S")}});
  for (size_t f = 1; f < s.failures.size(); ++f)
    json["failures"][std::string(name_of(static_cast<WriteFailure>(f)))] = s.failures[f];
  return json;
}

}  // namespace mho::devices
