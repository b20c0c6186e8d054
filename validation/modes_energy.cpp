// Energy of whole conversions of a full column from supply currents, real switch drivers included:
// 4-bit signed inputs, 6-bit signed outputs, 256 rows. The low-energy design shall take at most
// half of the baseline at each converter and give its codes within ±1.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "circuits/spice/worker_pool.hpp"
#include "core/errors.hpp"
#include "validation/energy_balance.hpp"
#include "validation/energy_designs.hpp"
#include "validation/modes.hpp"

namespace mho::validation {
namespace {

constexpr double ratio_limit = 0.5;
constexpr int code_limit = 1;
constexpr double balance_limit = 0.01;  // of what the sources deliver
constexpr double operations = 256.0;    // of one conversion: 128 signed weights, two each
constexpr double neurons_per_bias = 256.0;
constexpr int lever_vectors = 4;
constexpr std::array<const char*, circuits::component_count> component_names{
    "array", "word line", "amplifier", "switches", "comparator", "bias"};
enum { array = 0, word_line, amplifier, switches, comparator, bias };

using Components = std::array<double, circuits::component_count>;
struct Chip {
  double input_pulses, neuron, word_line;
};
// Measured at 4-bit inputs and 6-bit outputs [fJ/op]: Wan et al., Nature 608, 504 (2022), Extended
// Data Fig. 12, digitised.
constexpr Chip chip{11.5, 29.1, 21.8};
constexpr double chip_total = 62.7;  // as given there for the whole

// Mean of one design over its vectors; energies per operation [J], bias shared.
struct Mean {
  std::vector<int> codes;
  Components component{};
  std::vector<std::pair<std::string, Components>> phases;  // in the order in which they first come
  double amplifier_standing = 0.0;  // [J] the amplifier's standing current for the whole conversion
  double duration = 0.0, magnitude = 0.0;  // [s], [1] mean |code|
  double total() const {
    double sum = 0.0;
    for (double e : component) sum += e;
    return sum;
  }
  double neuron() const {
    return component[amplifier] + component[switches] + component[comparator] + component[bias];
  }
};

std::string phase_label(const circuits::ControlProgram& program, const circuits::StepRecord& step) {
  const circuits::Step& s = program.steps[static_cast<size_t>(step.step)];
  return s.name == "decrement_integrate" ? "integrate, decrement"
                                         : program.phases[static_cast<size_t>(s.phase)].name;
}

Components& entry(std::vector<std::pair<std::string, Components>>& list, const std::string& name) {
  for (auto& item : list)
    if (item.first == name) return item.second;
  return list.emplace_back(name, Components{}).second;
}

Mean mean_of(const EnergyDesign& design, const std::vector<circuits::ConversionRecord>& records) {
  Mean mean;
  const double share = 1.0 / (operations * static_cast<double>(records.size()));
  for (const circuits::ConversionRecord& r : records) {
    mean.codes.push_back(r.code);
    mean.duration += r.duration / static_cast<double>(records.size());
    mean.magnitude += std::abs(r.code) / static_cast<double>(records.size());
    // Unity gain and nothing to charge in the first step: the amplifier's standing power.
    mean.amplifier_standing +=
        share * r.steps.front().joule[amplifier] / r.steps.front().t_end * r.duration;
    for (const circuits::StepRecord& step : r.steps) {
      Components& phase = entry(mean.phases, phase_label(design.program, step));
      for (size_t c = 0; c < circuits::component_count; ++c) {
        const double joule = share * step.joule[c] / (c == bias ? neurons_per_bias : 1.0);
        phase[c] += joule;
        mean.component[c] += joule;
      }
    }
  }
  return mean;
}

Mean run_design(const EnergyDesign& design, int vectors, double full_scale,
                const ModeSettings& settings, const std::string& title) {
  std::vector<circuits::ConversionSetup> setups;
  for (int i = 0; i < vectors; ++i)
    setups.push_back(design_setup(
        design, energy_column(settings.seed, static_cast<std::uint32_t>(i)), full_scale));
  return mean_of(design, run_modes(setups, settings, title));
}

// Sets the levels of a design in two rounds, by columns that are not among the judged ones and their negatives.
void calibrate_levels(EnergyDesign& design, double full_scale, const ModeSettings& settings, Section& s) {
  constexpr std::uint32_t first = 1u << 19, count = 6;
  constexpr int rounds = 2;
  std::vector<circuits::ColumnInput> columns;
  for (std::uint32_t i = 0; i < count; ++i) {
    columns.push_back(energy_column(settings.seed, first + i));
    columns.push_back(negated(columns.back()));
  }
  DesignLevels levels;
  for (int round = 0; round < rounds; ++round) {
    std::vector<circuits::ConversionSetup> setups;
    for (const circuits::ColumnInput& column : columns) setups.push_back(design_setup(design, column, full_scale));
    levels = design_levels(design, columns, run_modes(setups, settings, fmt::format("energy: levels of {}, {}", design.name, design.program.name)), full_scale);
    set_levels(design, levels);
  }
  s.text += fmt::format("levels of {}, {}, by {} other columns: trim {:.2f} mV, pedestal {:.2f} mV, decrement {:.4f} of the ideal one; the comparator turns at {:.2f} mV\n",
                        design.name, design.program.name, columns.size(), 1e3 * levels.v_trim, 1e3 * levels.v_pedestal, levels.decrement_gain, 1e3 * levels.v_turn);
}

int worst_difference(const Mean& a, const Mean& b) {
  int worst = 0;
  for (size_t i = 0; i < std::min(a.codes.size(), b.codes.size()); ++i)
    worst = std::max(worst, std::abs(a.codes[i] - b.codes[i]));
  return worst;
}

Json to_json(const Components& e) {
  Json json;
  for (size_t c = 0; c < circuits::component_count; ++c)
    json[component_names[c]] = quantity(e[c], "J");
  return json;
}

std::string components_line(const std::string& name, const Components& e) {
  std::string line = fmt::format("{:<24}", name);
  double sum = 0.0;
  for (double joule : e) {
    line += fmt::format("{:12.2f}", 1e15 * joule);
    sum += joule;
  }
  return line + fmt::format("{:12.2f}\n", 1e15 * sum);
}

std::string phase_table(const std::string& title, const Mean& mean) {
  std::string text = fmt::format("\n{} [fJ/op]\n{:<24}", title, "phase");
  for (const char* name : component_names) text += fmt::format("{:>12}", name);
  text += fmt::format("{:>12}\n", "total");
  for (const auto& [name, e] : mean.phases) text += components_line(name, e);
  return text + components_line("whole conversion", mean.component);
}

std::string shares_line(const std::string& name, const Mean& m) {
  const double total = m.total(),
               dynamic = total - m.amplifier_standing - m.component[bias] - m.component[array];
  return fmt::format("{:<24}{:11.1f} %{:11.1f} %{:11.1f} %{:11.1f} %\n", name,
                     100 * m.amplifier_standing / total, 100 * m.component[bias] / total,
                     100 * m.component[array] / total, 100 * dynamic / total);
}

struct Pair {
  EnergyDesign baseline_design, low_design;
  Mean baseline, low;
};

void compare(const std::string& converter, const Pair& p, Section& s) {
  const double ratio = p.low.total() / p.baseline.total();
  const int worst = worst_difference(p.baseline, p.low);
  s.text += phase_table(fmt::format("{}, baseline", converter), p.baseline) +
            phase_table(fmt::format("{}, low energy", converter), p.low);
  s.text += fmt::format("\n{:<24}{:>10}{:>14}{:>10}{:>12}{:>10}{:>14}{:>12}\n",
                        converter + " [fJ/op]", "total", "input pulses", "neuron", "word line",
                        "of chip", "conversion ns", "mean |code|");
  for (const auto& [name, m] :
       {std::pair<const char*, const Mean&>{"baseline", p.baseline}, {"low energy", p.low}})
    s.text += fmt::format("{:<24}{:10.1f}{:14.1f}{:10.1f}{:12.1f}{:10.2f}{:14.0f}{:12.1f}\n", name,
                          1e15 * m.total(), 1e15 * m.component[array], 1e15 * m.neuron(),
                          1e15 * m.component[word_line], 1e15 * m.total() / chip_total,
                          1e9 * m.duration, m.magnitude);
  s.text += fmt::format("{:<24}{:10.1f}{:14.1f}{:10.1f}{:12.1f}\n", "chip, measured", chip_total,
                        chip.input_pulses, chip.neuron, chip.word_line);
  s.text += fmt::format("{:<24}{:>13}{:>13}{:>13}{:>13}\n", "shares", "static", "bias", "array",
                        "dynamic") +
            shares_line("baseline", p.baseline) + shares_line("low energy", p.low);
  int same = 0;
  for (size_t i = 0; i < p.low.codes.size(); ++i) same += p.low.codes[i] == p.baseline.codes[i];
  s.text += fmt::format(
      "low energy over baseline {:.3f} (limit {:.2f}); codes differ by at most {} (limit {}), {} "
      "of {} equal\n",
      ratio, ratio_limit, worst, code_limit, same, p.low.codes.size());
  s.json[converter] = Json{{"ratio", ratio},
                           {"codes_lsb", worst},
                           {"baseline", to_json(p.baseline.component)},
                           {"low_energy", to_json(p.low.component)}};
  if (!(ratio <= ratio_limit))
    s.missed.push_back(fmt::format("energy: {} takes {:.2f} of the baseline, limit {:.2f}",
                                   converter, ratio, ratio_limit));
  if (worst > code_limit)
    s.missed.push_back(
        fmt::format("energy: {} codes differ by {} from the baseline's", converter, worst));
}

void noise_lines(const Pair& p, double full_scale, Section& s) {
  for (const EnergyDesign* d : {&p.baseline_design, &p.low_design}) {
    const circuits::ConversionSetup setup = design_setup(*d, energy_column(1, 0), full_scale);
    constexpr double kt = 1.380649e-23 * 300.15;  // [J]
    s.text += fmt::format(
        "{}: decrement {:.2f} mV, {:.2f} mV at the output; sqrt(kT/C_sample) is {:.3f} codes in "
        "each cycle\n",
        d->name, 1e3 * setup.input.v_decrement,
        1e3 * setup.input.v_decrement * d->circuit.c_sample / d->circuit.c_integ,
        std::sqrt(kt / d->circuit.c_sample) / setup.input.v_decrement);
  }
}

void run_levers(Converter converter, const std::string& name, const Pair& pair, double full_scale,
                const ModeSettings& settings, Section& s) {
  const int vectors = std::min(lever_vectors, settings.vectors);
  const Mean reference = run_design(pair.baseline_design, vectors, full_scale, settings,
                                    "energy: baseline of the levers");
  s.text += fmt::format(
      "\n{}: each lever alone, {} vectors, levels not calibrated again "
      "[fJ/op]\n{:<48}{:>8}{:>8}{:>12}{:>10}{:>12}{:>10}{:>8}\n",
      name, vectors, "", "total", "saved", "word line", "array", "amplifier", "switches", "codes");
  const auto line = [&](const std::string& title, const Mean& m) {
    s.text += fmt::format("{:<48}{:8.1f}{:8.1f}{:12.1f}{:10.1f}{:12.1f}{:10.1f}{:8}\n", title,
                          1e15 * m.total(), 1e15 * (reference.total() - m.total()),
                          1e15 * m.component[word_line], 1e15 * m.component[array],
                          1e15 * (m.component[amplifier] + m.component[comparator]),
                          1e15 * m.component[switches], worst_difference(m, reference));
  };
  line("baseline", reference);
  for (EnergyDesign d : lever_designs(converter)) {
    set_levels(d, {pair.baseline_design.v_trim, pair.baseline_design.v_pedestal, pair.baseline_design.decrement_gain, 0.0});
    const Mean m = run_design(d, vectors, full_scale, settings, "energy: " + d.name);
    line(d.name, m);
    s.json[name + "_levers"][d.name] = to_json(m.component);
  }
}

// One conversion of 16 rows with every part metered, at each design.
void check_balance(const ModeSettings& settings, Section& s) {
  const std::array designs{baseline_design(Converter::unary), low_energy_design(Converter::binary)};
  std::array<EnergyBalance, designs.size()> balance;
  const auto task = [&](size_t i) {
    EnergyDesign d = designs[i];
    d.circuit.rows = 16;
    spice::Session session;
    circuits::ConversionOptions options;
    options.tolerance = settings.tolerance;
    const EnergyBalance b = balance_energy(
        session,
        design_setup(d, energy_column(settings.seed, 0, 16), full_scale_sum(settings.seed, 16)),
        options);
    return Json{{"delivered", b.delivered}, {"parts", b.parts}}.dump();
  };
  spice::run_in_workers(designs.size(), {.workers = settings.workers}, task,
                        [&](size_t i, spice::TaskOutcome outcome) {
                          if (!outcome.ok) throw NumericalError("energy balance: " + outcome.error);
                          const Json json = Json::parse(outcome.result);
                          balance[i].delivered = json["delivered"].get<double>();
                          balance[i].parts =
                              json["parts"].get<std::vector<std::pair<std::string, double>>>();
                        });
  s.text += "\nsources against parts, 16 rows, the whole bias generator [fJ]\n";
  for (size_t i = 0; i < designs.size(); ++i) {
    s.text += fmt::format("{}, {}\n", designs[i].name, designs[i].program.name);
    for (const auto& [kind, joule] : balance[i].parts)
      s.text += fmt::format("  {:<34}{:12.2f}\n", kind, 1e15 * joule);
    s.text += fmt::format(
        "  {:<34}{:12.2f}\n  {:<34}{:12.2f}\n  {:<34}{:12.4f} % (limit {:.0f} %)\n", "all parts",
        1e15 * balance[i].taken(), "all sources", 1e15 * balance[i].delivered, "left over",
        100 * balance[i].residual(), 100 * balance_limit);
    s.json["balance"].push_back(Json{{"program", designs[i].program.name},
                                     {"delivered", quantity(balance[i].delivered, "J")},
                                     {"residual", balance[i].residual()}});
    if (!(std::abs(balance[i].residual()) <= balance_limit))
      s.missed.push_back(fmt::format("energy: sources and parts of {} differ by {:.2g} %",
                                     designs[i].program.name, 100 * balance[i].residual()));
  }
}

}  // namespace

Section validate_energy(const ModeSettings& settings) {
  ModeSettings coarse = settings;
  coarse.tolerance = settings.energy_tolerance;
  const double full_scale = full_scale_sum(settings.seed);
  Section s{"energy", {}, {}, {}, {}};
  s.text = fmt::format(
      "256 rows, 4-bit inputs, 6-bit outputs, {} vectors, reltol {:.0e}; {:.0f} operations a "
      "conversion; bias "
      "generator shared by {:.0f} neurons\n",
      settings.vectors, coarse.tolerance, operations, neurons_per_bias);
  for (const auto& [converter, name] :
       {std::pair<Converter, const char*>{Converter::unary, "unary"},
        {Converter::binary, "binary search"}}) {
    Pair pair{baseline_design(converter), low_energy_design(converter), {}, {}};
    calibrate_levels(pair.baseline_design, full_scale, coarse, s);
    calibrate_levels(pair.low_design, full_scale, coarse, s);
    pair.baseline = run_design(pair.baseline_design, settings.vectors, full_scale, coarse,
                               fmt::format("energy: {} baseline", name));
    pair.low = run_design(pair.low_design, settings.vectors, full_scale, coarse,
                          fmt::format("energy: {} low energy", name));
    compare(name, pair, s);
    if (converter == Converter::unary) noise_lines(pair, full_scale, s);
    run_levers(converter, name, pair, full_scale, coarse, s);
  }
  check_balance(settings, s);
  return s;
}

}  // namespace mho::validation
