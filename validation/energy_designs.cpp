#include "validation/energy_designs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "core/random.hpp"
#include "core/statistics.hpp"
#include "validation/converter_thresholds.hpp"
#include "validation/modes.hpp"

namespace mho::validation {
namespace {

constexpr double g_min = 1e-6, g_max = 40e-6;  // [S]
constexpr double w_max = 1.959964;             // [1] 95th percentile of |w| for a standard normal w
constexpr int bits = 3, full_scale_code = 7, max_code_bits = 5, max_code = (1 << max_code_bits) - 1;

std::string suffix(Converter converter) {
  return converter == Converter::unary ? "unary" : "binary";
}

// Levers.
void smaller_swing(EnergyDesign& d) {
  d.circuit.wl_low = 0.9;
  d.circuit.wl_high = d.circuit.v_dd_wl = 2.8;
}
// A quarter of the conduction loss; the smaller C_integ keeps the voltage of a code at the output.
void lower_read_voltage(EnergyDesign& d) {
  d.v_read = 0.15;
  d.circuit.c_integ = 104e-15;
}
// Word lines fall after each bit.
void pulse_per_bit(circuits::ControlProgram& program) {
  for (circuits::Phase& phase : program.phases)
    for (circuits::Event& e : phase.events)
      if (phase.name == "integrate" && e.target == static_cast<int>(circuits::Signal::wl))
        e.value = "n<1&&sample<pulse_multiplier*2^bit";
  program.text += "# a word line pulse for each bit\n";  // a program is known by its text
}
}  // namespace

circuits::ColumnInput energy_column(std::uint64_t seed, std::uint32_t index, int rows) {
  RandomStream random(seed, 0, 0, index, Purpose::bench);
  circuits::ColumnInput input;
  input.levels.assign(bits, {});
  for (int pair = 0; pair < rows / 2; ++pair) {
    const double w = random.normal(),
                 strong = g_min + (g_max - g_min) * std::min(std::abs(w) / w_max, 1.0);
    input.conductance.push_back(w > 0 ? strong : g_min);
    input.conductance.push_back(w > 0 ? g_min : strong);
    const int code = static_cast<int>(random.below(2 * full_scale_code + 1)) - full_scale_code;
    for (int k = 0; k < bits; ++k) {
      const int level = (std::abs(code) >> k & 1) * (code > 0 ? 1 : -1);
      input.levels[static_cast<size_t>(k)].push_back(static_cast<std::int8_t>(level));
      input.levels[static_cast<size_t>(k)].push_back(static_cast<std::int8_t>(-level));
    }
  }
  input.point.max_code = max_code;
  return input;
}

circuits::ColumnInput negated(circuits::ColumnInput column) {
  for (auto& bit : column.levels)
    for (std::int8_t& level : bit) level = static_cast<std::int8_t>(-level);
  return column;
}

double ideal_sum(const circuits::ColumnInput& input) {
  double g = 0.0, gx = 0.0;
  for (size_t row = 0; row < input.conductance.size(); ++row) {
    g += input.conductance[row];
    for (size_t k = 0; k < input.levels.size(); ++k)
      gx += input.conductance[row] * std::exp2(k) * input.levels[k][row];
  }
  return gx / g;
}

double full_scale_sum(std::uint64_t seed, int rows) {
  std::vector<double> sums;
  constexpr std::uint32_t first = 1u << 20, count = 2000;  // apart from the columns that are run
  for (std::uint32_t i = 0; i < count; ++i)
    sums.push_back(std::abs(ideal_sum(energy_column(seed, first + i, rows))));
  const auto at = sums.begin() + static_cast<std::ptrdiff_t>(0.995 * (count - 1));
  std::nth_element(sums.begin(), at, sums.end());
  return *at;
}

circuits::ConversionSetup design_setup(const EnergyDesign& design, circuits::ColumnInput column,
                                       double full_scale) {
  column.point.v_read = design.v_read;
  column.point.v_decrement =
      design.decrement_gain * design.v_read * full_scale / (column.point.max_code + 0.5);
  column.point.v_trim = design.v_trim;
  circuits::ConversionSetup setup = circuits::column_setup(design.circuit, design.program, column);
  setup.transistors = design.transistors;
  setup.input.parameters.emplace_back("v_pedestal", design.v_pedestal);
  return setup;
}

DesignLevels design_levels(const EnergyDesign& design, const std::vector<circuits::ColumnInput>& columns,
                           const std::vector<circuits::ConversionRecord>& records, double full_scale) {
  const double ratio = design.circuit.c_sample / design.circuit.c_integ;
  std::vector<double> sum, integrated, units, change;
  for (size_t i = 0; i < records.size(); ++i) {
    sum.push_back(design.v_read * ideal_sum(columns[i]));
    integrated.push_back(records[i].v_integrated);
    double before = records[i].v_integrated;
    size_t decrement = 0;
    int decision = 0;
    for (const circuits::StepRecord& step : records[i].steps) {
      const circuits::Step& s = design.program.steps[static_cast<size_t>(step.step)];
      if (s.decides) decision = step.decision;
      if (s.name != "decrement_integrate" || decrement >= records[i].v_residue.size()) continue;
      // The binary search takes half of the codes first, then half of that.
      units.push_back(-decision * (design.converter == Converter::unary ? 1.0 : std::exp2(max_code_bits - 1 - static_cast<int>(decrement))));
      change.push_back(records[i].v_residue[decrement] - before);
      before = records[i].v_residue[decrement++];
    }
  }
  if (std::count_if(units.begin(), units.end(), [](double u) { return u < 0; }) == 0 || std::count_if(units.begin(), units.end(), [](double u) { return u > 0; }) == 0)
    throw Error("levels of " + design.name + ": the columns that set them have decrements of one sign only");
  const ComparatorTurn turn = comparator_turn(design.program, records);
  if (!std::isfinite(turn.residue)) throw Error("levels of " + design.name + ": the comparator decided one way only");
  const Line line = fit_line(sum, integrated), step = fit_line(units, change);
  // Zero inputs shall integrate to where the comparator turns; each of the 2^bits − 1 samples adds ratio times what the reference lies lower.
  DesignLevels levels;
  levels.v_trim = design.v_trim + (line.intercept - turn.residue) / (ratio * full_scale_code);
  levels.v_turn = turn.residue;
  levels.v_pedestal = design.v_pedestal + step.intercept / ratio;
  levels.decrement_gain = design.decrement_gain * line.slope * design.v_read * full_scale / (max_code + 0.5) / step.slope;
  return levels;
}

void set_levels(EnergyDesign& design, const DesignLevels& levels) {
  design.v_trim = levels.v_trim;
  design.v_pedestal = levels.v_pedestal;
  design.decrement_gain = levels.decrement_gain;
}

std::string amplifier_with_current(double factor) {
  std::string text = read_text_file(data_path("netlists/ota.sub"));
  const std::string reference = "iref vdd bn 3u";
  const size_t at = text.find(reference);
  if (at == std::string::npos) throw Error("netlists/ota.sub: has no line \"" + reference + "\" to scale");
  text.replace(at, reference.size(), fmt::format("iref vdd bn {:g}u", 3.0 * factor));
  return text;
}

circuits::ControlProgram with_duration(circuits::ControlProgram program, const std::string& phase,
                                       double duration) {
  for (circuits::Phase& p : program.phases) {
    if (p.name != phase) continue;
    for (circuits::Event& e : p.events)
      if (e.target == static_cast<int>(circuits::Signal::lat) && e.value != "0")
        e.time += duration - p.duration;
    p.duration = duration;
    program.text +=
        fmt::format("# {}: {:.17g} s\n", phase, duration);  // a program is known by its text
    return program;
  }
  throw Error(fmt::format("{} has no phase {}", program.name, phase));
}

EnergyDesign baseline_design(Converter converter) {
  EnergyDesign d;
  d.name = "baseline";
  d.converter = converter;
  d.circuit = mode_circuit();
  d.circuit.rows = 256;
  d.circuit.c_line = 20e-15;  // the line is driven in every sample, so nothing need hold it
  d.program = circuits::named_program("baseline_" + suffix(converter));
  return d;
}

EnergyDesign low_energy_design(Converter converter) {
  EnergyDesign d = baseline_design(converter);
  d.name = "low energy";
  d.program = circuits::named_program("low_energy_" + suffix(converter));
  smaller_swing(d);
  lower_read_voltage(d);
  return d;
}

std::vector<EnergyDesign> lever_designs(Converter converter) {
  std::vector<EnergyDesign> levers;
  const auto lever = [&](const std::string& name, auto change) {
    EnergyDesign d = baseline_design(converter);
    d.name = name;
    change(d);
    levers.push_back(std::move(d));
  };
  lever("word lines 0.9 to 2.8 V", smaller_swing);
  lever("v_read 0.15 V, C_integ 104 fF", lower_read_voltage);
  lever("compare 6 ns, restore 9 ns", [](EnergyDesign& d) {
    d.program = with_duration(with_duration(d.program, "compare", 6e-9), "restore", 9e-9);
  });
  lever("init 15 ns, sample, integrate, decrement 8 ns", [](EnergyDesign& d) {
    d.program = with_duration(d.program, "initialise", 15e-9);
    for (const char* phase : {"sample", "integrate", "decrement"})
      d.program = with_duration(d.program, phase, 8e-9);
  });
  lever("the other way: a word line pulse for each bit", [](EnergyDesign& d) { pulse_per_bit(d.program); });
  lever("not taken: 17/104 fF", [](EnergyDesign& d) {
    d.circuit.c_sample = 17e-15;
    d.circuit.c_integ = 104e-15;
  });
  lever("not taken: half the amplifier's current",
        [](EnergyDesign& d) { d.transistors.amplifier = amplifier_with_current(0.5); });
  return levers;
}

}  // namespace mho::validation
