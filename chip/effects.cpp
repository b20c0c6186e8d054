#include "chip/effects.hpp"

#include <algorithm>
#include <cmath>

#include "chip/operating_point.hpp"
#include "devices/array_noise.hpp"

namespace mho::chip {
namespace {

constexpr double least_conductance = 1e-9;  // [S] what the core takes a cell for at least

}  // namespace

Effects with_all_switches(Effects effects, bool on) {
  for (const EffectSwitch& s : effect_switches) effects.*s.member = on;
  return effects;
}

Effects seen_by_points(Effects effects) {
  const Effects defaults;
  effects.bad_rows = effects.programming = effects.relaxation = effects.adc = true;
  effects.read_noise = effects.circuit_noise = effects.shared_supplies = false;
  effects.noise_rate = defaults.noise_rate;
  effects.sample_noise = defaults.sample_noise, effects.decision_noise = defaults.decision_noise;
  effects.supply_source = defaults.supply_source, effects.supply_step = defaults.supply_step;
  return effects;
}

Effects read_line_effects(TomlFile& file) {
  Effects effects = seen_by_points({});
  for (const EffectSwitch& s : effect_switches)
    for (const auto member : {&Effects::wires, &Effects::drivers, &Effects::transistors, &Effects::bent_cells, &Effects::neuron})
      if (s.member == member) effects.*member = file.boolean("effects." + std::string(s.key), effects.*member);
  for (const auto& p : ParameterTable<Effects>::table)
    if (p.member == &Effects::r_bl || p.member == &Effects::r_sl) effects.*p.member = file.number("effects." + std::string(p.key), effects.*p.member, p.unit, p.min, p.max);
  return effects;
}

Effects read_effects(TomlFile& file) {
  Effects effects;
  for (const EffectSwitch& s : effect_switches) effects.*s.member = file.boolean("effects." + std::string(s.key), effects.*s.member);
  file.read("effects", effects);
  return effects;
}

void add_to_key(CacheKey& key, const Effects& effects) {
  for (const EffectSwitch& s : effect_switches) key.add(s.key, std::int64_t{effects.*s.member});
  for (const auto& p : ParameterTable<Effects>::table) key.add(p.key, effects.*p.member);
}

bool needs_programming(const Effects& effects) { return effects.programming || effects.relaxation; }

DieCells cells_of(const ProgrammedDie& die, std::span<const MatrixSpec> matrices, const ChipConfig& config, const Effects& effects, std::uint64_t seed) {
  DieCells cells;
  const std::vector<Eigen::MatrixXf> targets = target_conductances(matrices, die.mapping, config.mapping);
  for (size_t b = 0; b < targets.size(); ++b) {
    Eigen::MatrixXf g = effects.programming ? (effects.relaxation ? die.relaxed[b] : die.programmed[b]) : targets[b];
    if (!effects.programming && effects.relaxation) g += die.relaxed[b] - die.programmed[b];
    if (effects.read_noise) {
      const Eigen::MatrixXd at_least = g.cast<double>().cwiseMax(least_conductance);
      devices::ArrayNoise noise = devices::array_noise({}, at_least, seed, die.die, static_cast<std::uint32_t>(b), 0, config.programming.options.wait, effects.noise_rate);
      g = noise.conductance.cast<float>();
      cells.sigma.push_back(std::move(noise.sigma));
    }
    cells.conductance.push_back(std::move(g));
  }
  return cells;
}

}  // namespace mho::chip
