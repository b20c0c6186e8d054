// Both converters at every process corner, temperature and supply, and over mismatch.
//
// Unary: one full-scale ramp of decrements per polarity gives every threshold (modes_converter.cpp). Binary: conversions of 33 levels, each of which gives the two thresholds
// beside its code: INL at those, DNL where two neighbours are known, a code missing where a stretch between two known ones is too short. Some levels lie beside the
// transitions of the large bits and next to zero. VREF and the levels stay where they are when the supply moves. A decision counts as the latch took it.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "circuits/mismatched_netlist.hpp"
#include "circuits/model_card.hpp"
#include "core/intervals.hpp"
#include "core/statistics.hpp"
#include "validation/conversion_runs.hpp"
#include "validation/converter_thresholds.hpp"
#include "validation/modes.hpp"

namespace mho::validation {
namespace {

constexpr int codes = 127;
// Of the binary converter, in codes: evenly spread, beside transitions of the large bits, and next to zero.
constexpr std::array levels{-126.5, -112.5, -111.5, -96.5, -95.5, -80.5, -79.5, -64.5, -63.5, -48.5, -47.5, -32.5, -31.5, -16.5, -15.5, -4.5, 0.5,
                            4.5, 15.5, 16.5, 31.5, 32.5, 47.5, 48.5, 63.5, 64.5, 79.5, 80.5, 95.5, 96.5, 111.5, 112.5, 126.5};
static_assert(levels.size() == 33);
constexpr double decrement = 0.016, limit = 1.0;

struct Condition {
  circuits::Corner corner;
  double temperature, supply;  // [°C], factor
  std::string name() const { return fmt::format("{} {:.0f} °C {:.2f} V", circuits::corner_name(corner), temperature, mode_circuit().v_dd * supply); }
};

// Both polarities of one converter.
struct Verdict {
  double inl = 0.0, dnl = 0.0;
  int missing = 0, wrong = 0, unknown = 0, undecided = 0, failed = 0;  // unknown: codes in a row without a threshold
  void take(const std::vector<double>& thresholds) {
    const ConverterLine line = converter_line(thresholds, codes);
    inl = std::max(inl, line.inl);
    dnl = std::max(dnl, line.dnl);
    missing += line.missing;
    int last = 0;
    for (int k = 1; k <= codes + 1; ++k) {
      const bool known = static_cast<size_t>(k) <= thresholds.size() && std::isfinite(thresholds[static_cast<size_t>(k - 1)]);
      if (!known && k <= codes) continue;
      unknown = std::max(unknown, k - 1 - last);
      last = k;
    }
  }
  // stretch: codes in a row that may go unseen.
  bool passes(int stretch) const { return inl <= limit && dnl <= limit && missing == 0 && wrong == 0 && undecided == 0 && failed == 0 && unknown <= stretch; }
};

constexpr int between_levels = 20;      // codes; the levels lie 16 apart
constexpr double boost = 0.7;           // [V] of the mended circuit: gates at VDD + 0.7 V
constexpr double latch_time = 3e-9;     // [s] of the mended programs; the shipped ones give the latch 1 ns
constexpr double at_latch = 1e-3;       // [V] difference for which its time is printed

// What is changed of the circuit.
struct Mend {
  double switch_boost = 0.0;    // [V]
  bool reference_moves = false;  // VREF is half of the supply at hand instead of half of the nominal one
  double latch_time = 0.0;       // [s] from the latch's clock to the end of the phase; 0: as the programs have it
  std::string name() const {
    return std::string(switch_boost > 0.0 ? ", gates boosted" : "") + (reference_moves ? ", VREF with the supply" : "") + (latch_time > 0.0 ? ", latch given longer" : "");
  }
};

circuits::CircuitParams circuit_at(const Condition& c, const Mend& mend) {
  circuits::CircuitParams circuit = mode_circuit();
  circuit.v_dd *= c.supply;
  circuit.switch_boost = mend.switch_boost;
  if (mend.reference_moves) circuit.v_ref = 0.5 * circuit.v_dd;
  return circuit;
}

// Resistance [ohm] of the smallest transmission gate between two nodes at VREF, driven as the condition and the mend do.
double gate_resistance(const Condition& c, const Mend& mend) {
  const circuits::CircuitParams circuit = circuit_at(c, mend);
  circuits::Transistors transistors;
  transistors.models = circuits::card_text(c.corner);
  const std::string netlist = circuits::subcircuit_text(transistors) +
                              fmt::format("vdd vdd 0 {:.17g}\nvg g 0 {:.17g}\nva a 0 {:.17g}\nvb b a 0.01\nx1 b a g 0 vdd tgate_small\n", circuit.v_dd, circuit.v_dd + circuit.switch_boost, circuit.v_ref);
  return resistance_at("transmission gate", netlist, "vb", 0.01, fmt::format("temp={} reltol=1e-6", c.temperature));
}

double latch_time_at(const Condition& c, const Mend& mend) {
  circuits::Transistors transistors;
  transistors.models = circuits::card_text(c.corner);
  const auto times = latch_times(circuit_at(c, mend), transistors, c.temperature, {at_latch, -at_latch}, 1);
  return std::max(times[0], times[1]);
}

circuits::ConversionSetup at(const Condition& c, const Mend& mend, const circuits::ControlProgram& program, double v, int max_code) {
  circuits::ReadPoint point;
  point.v_decrement = decrement;
  point.max_code = max_code;
  auto setup = converter_setup(circuit_at(c, mend), program, point, v);
  setup.transistors.models = circuits::card_text(c.corner);
  return setup;
}

std::vector<std::optional<circuits::ConversionRecord>> run_at(double temperature, const std::vector<circuits::ConversionSetup>& setups, const ModeSettings& settings, const std::string& title,
                                                              std::vector<std::string>& failures) {
  RunSettings run;
  run.ngspice.tolerance = settings.tolerance;
  run.ngspice.fast = true;
  run.ngspice.temperature = temperature;
  run.workers = settings.workers;
  run.timeout = 1800;
  run.title = title;
  ConversionRuns runs = run_conversions(setups, run, settings.cache);
  for (const std::string& failure : runs.failures) failures.push_back(title + ": " + failure);
  return std::move(runs.records);
}

struct Judged {
  Verdict unary, binary;
  double turn = 0.0, gate = 0.0, latch = 0.0;  // [V], [ohm], [s]
  double cpu = 0.0;                            // [s] of ngspice, also when the records were at hand
  std::vector<std::string> failures;
  bool passes() const { return unary.passes(0) && binary.passes(between_levels); }
};

Judged judge(const Condition& c, const Mend& mend, const ModeSettings& settings) {
  circuits::ControlProgram ramp = circuits::named_program("preset_ramp"), search = circuits::named_program("preset_binary");
  if (mend.latch_time > 0.0) {
    ramp = with_latch_time(ramp, mend.latch_time);
    search = with_latch_time(search, mend.latch_time);
  }
  const circuits::CircuitParams nominal = mode_circuit();
  const double lsb = decrement * nominal.c_sample / nominal.c_integ;
  // A step may be a fifth larger or smaller than the ideal one.
  const double top = 1.2 * lsb * codes;
  constexpr int steps = 200;
  Judged j;
  std::vector<circuits::ConversionSetup> setups{at(c, mend, ramp, top, steps), at(c, mend, ramp, -top, steps)};
  for (double level : levels) setups.push_back(at(c, mend, search, lsb * level, codes));
  const auto records = run_at(c.temperature, setups, settings, c.name() + mend.name(), j.failures);
  std::vector<circuits::ConversionRecord> ramps, conversions;
  for (size_t i = 0; i < records.size(); ++i) {
    if (!records[i]) {
      (i < 2 ? j.unary : j.binary).failed += 1;
      continue;
    }
    (i < 2 ? ramps : conversions).push_back(*records[i]);
    j.cpu += records[i]->cpu_seconds;
  }
  const ComparatorTurn turn = comparator_turn(ramp, ramps), search_turn = comparator_turn(search, conversions);
  j.unary.undecided = turn.undecided;
  j.binary.undecided = search_turn.undecided;
  for (const auto& r : ramps) {
    j.unary.take(ramp_thresholds(r, turn.residue, codes));
    j.unary.wrong += wrong_decisions(ramp, r, turn.residue, 0.5 * lsb);
  }
  const BinaryThresholds found = binary_thresholds(search, conversions, search_turn.residue);
  for (const auto& thresholds : found.thresholds) j.binary.take(thresholds);
  for (const auto& r : conversions) j.binary.wrong += wrong_decisions(search, r, search_turn.residue, 0.5 * lsb);
  j.turn = search_turn.residue;
  j.gate = gate_resistance(c, mend);
  j.latch = latch_time_at(c, mend);
  return j;
}

std::string row(const Condition& c, const Judged& j) {
  const double lsb = decrement * mode_circuit().c_sample / mode_circuit().c_integ;
  std::string text = fmt::format("{:<6}{:>7.0f}{:>10.2f}    ", circuits::corner_name(c.corner), c.temperature, mode_circuit().v_dd * c.supply);
  for (const Verdict* v : {&j.unary, &j.binary}) text += fmt::format("{:>8.3g}{:>8.3g}{:>9}{:>9}{:>7}{:>11}", v->inl, v->dnl, v->unknown, v->missing, v->wrong, v->undecided);
  return text + fmt::format("{:>12.2f}{:>12.3g}{:>12.2f}  {}\n", j.turn / lsb, 1e-3 * j.gate, 1e9 * j.latch, j.passes() ? "" : "misses");
}

}  // namespace

Section validate_corners(const ModeSettings& settings) {
  std::vector<Condition> conditions;
  for (circuits::Corner corner : settings.corners)
    for (double temperature : {-40.0, 27.0, 125.0})
      for (double supply : {0.9, 1.0, 1.1}) conditions.push_back({corner, temperature, supply});
  Section s{"corners", {}, {}, {}, {}};
  s.text = fmt::format("decrement {:.0f} mV, {} codes of each sign; limits INL and DNL {} LSB, no code missing or unseen (binary: {} in a row between the levels), no wrong sign,\n"
                       "no comparison undecided; latch: time until it has decided on {:.0f} mV\n", 1e3 * decrement, codes, limit, between_levels, 1e3 * at_latch);
  std::string header = fmt::format("{:<28}{:>51}{:>52}\n{:<6}{:>8}{:>10}   ", "", "unary", "binary, 33 levels", "corner", "[°C]", "VDD [V]");
  for (int converter = 0; converter < 2; ++converter) header += fmt::format("{:>8}{:>8}{:>9}{:>9}{:>7}{:>11}", "INL", "DNL", "unseen", "missing", "wrong", "undecided");
  header += fmt::format("{:>12}{:>12}{:>12}\n", "turn [LSB]", "gate [kohm]", "latch [ns]");
  double cpu = 0.0;
  const auto run = [&](const std::vector<Condition>& which, const Mend& mend, const char* key) {
    std::vector<Condition> misses;
    s.text += header;
    for (const Condition& c : which) {
      const Judged j = judge(c, mend, settings);
      s.text += row(c, j);
      cpu += j.cpu;
      for (const std::string& failure : j.failures) s.text += "  " + failure + "\n";
      s.json[key].push_back(Json{{"name", c.name()}, {"passes", j.passes()}, {"unary_inl", j.unary.inl}, {"unary_dnl", j.unary.dnl}, {"binary_inl", j.binary.inl}, {"binary_dnl", j.binary.dnl},
                                 {"unary_undecided", j.unary.undecided}, {"binary_undecided", j.binary.undecided}, {"gate", quantity(j.gate, "ohm")}, {"turn", quantity(j.turn, "V")},
                                 {"latch", quantity(j.latch, "s")}});
      if (!j.passes()) misses.push_back(c);
    }
    s.text += fmt::format("{} of these {} conditions miss a limit; ngspice took {:.0f} core minutes so far\n", misses.size(), which.size(), cpu / 60.0);
    return misses;
  };
  std::vector<Condition> missing = run(conditions, {}, "conditions");
  if (missing.empty()) return s;
  s.text += fmt::format("\nWith VREF at half the nominal supply a transmission gate has the least gate drive there: slow gates when cold or at a low supply move no charge in time. When hot, the gate `az` between the\n"
                        "amplifier's input and its output leaks while a comparison holds the output at a rail. Both follow from the level of the gates. The same conditions with the drivers of all switches fed from\n"
                        "VDD + {:.1f} V (`switch_boost`), everything else as before:\n", boost);
  missing = run(missing, {.switch_boost = boost}, "boosted");
  if (missing.empty()) return s;
  s.text += "\nAt a low supply the amplifier's output comes near its upper limit. Those with VREF at half of the supply at hand besides:\n";
  missing = run(missing, {.switch_boost = boost, .reference_moves = true}, "boosted, VREF moved");
  if (missing.empty()) return s;
  s.text += fmt::format("\nThe latch is fast by what VREF lies above the threshold of its input pair: at a low VREF of slow transistors its nanosecond ends before its outputs are half the supply apart,\n"
                        "and the comparison is undecided. Those whose phase `compare` ends {:.0f} ns after the latch's clock besides:\n", 1e9 * latch_time);
  for (const Condition& c : run(missing, {.switch_boost = boost, .reference_moves = true, .latch_time = latch_time}, "boosted, VREF moved, latch longer"))
    s.missed.push_back(fmt::format("corners: {} misses, also with boosted gates, VREF at half the supply and {:.0f} ns for the latch", c.name(), 1e9 * latch_time));
  return s;
}

std::vector<circuits::ConversionSetup> mismatch_setups(const circuits::CircuitParams& circuit, const circuits::ControlProgram& program, const circuits::ReadPoint& point,
                                                       std::span<const double> lines, int dies, std::uint64_t seed) {
  std::vector<circuits::ConversionSetup> setups;
  for (int die = 0; die < dies; ++die)
    for (double line : lines) {
      circuits::ColumnInput input;
      input.conductance.assign(4, 30e-6);
      input.levels.assign(1, std::vector<std::int8_t>(4, static_cast<std::int8_t>(line > 0 ? 1 : -1)));
      input.point = point;
      input.point.v_read = std::abs(line);
      auto setup = column_setup(circuit, program, input);
      circuits::apply_mismatch(setup, {}, seed, static_cast<std::uint32_t>(die));
      setups.push_back(setup);
    }
  return setups;
}

Section validate_mismatch(const ModeSettings& settings) {
  const circuits::CircuitParams circuit = mode_circuit();
  // Lines at ±200 mV give the gain; at ±40 mV the open amplifier is still linear, and the output at the end of the comparison tells where it turns.
  const std::array<double, 4> lines{-0.2, -0.04, 0.04, 0.2};
  Section s{"mismatch", {}, {}, {}, {}};
  s.text = fmt::format("{} dies: amplifier, bias, latch and capacitors drawn (the turn is the amplifier's: the latch's own offset is divided by its gain and not in it); lines at ±200 and ±40 mV\n\n", settings.dies);
  std::array<double, 2> spread{};  // of the turn, CDS off and on
  for (int cds : {1, 0}) {
    auto setups = mismatch_setups(circuit, circuits::named_program("comparator"), {}, lines, settings.dies, settings.seed);
    for (auto& setup : setups) setup.input.parameters = {{"cds", static_cast<double>(cds)}};
    ModeSettings loose = settings;
    loose.tolerance = 1e-4;
    const auto records = run_modes(setups, loose, fmt::format("mismatch, CDS {}", cds ? "on" : "off"));
    std::vector<double> gain, offset, compare;
    for (int die = 0; die < settings.dies; ++die) {
      const auto* r = &records[lines.size() * static_cast<size_t>(die)];
      const double slope = (r[3].v_integrated - r[0].v_integrated) / (lines[3] - lines[0]);
      gain.push_back(slope * circuit.c_integ / circuit.c_sample);
      offset.push_back(0.5 * (r[3].v_integrated + r[0].v_integrated));
      // The comparison's own turn, where its output crosses VREF on the straight line through the two middle runs.
      const double low = r[1].steps.back().v_out, high = r[2].steps.back().v_out;
      compare.push_back(r[1].v_integrated - low * (r[2].v_integrated - r[1].v_integrated) / (high - low));
    }
    const auto row = [&](const char* what, const std::vector<double>& x, double scale, const char* unit) {
      const double m = mean(x), sd = standard_deviation(x);
      const Interval of_mean = mean_interval(x), of_sigma = sigma_interval(x);
      s.text += fmt::format("  {:<34}{:>10.4f} [{:.4f}, {:.4f}] {}   sigma {:.4f} [{:.4f}, {:.4f}]   2.5 % to 97.5 %: {:.4f} to {:.4f}\n", what, scale * m, scale * of_mean.low, scale * of_mean.high, unit,
                            scale * sd, scale * of_sigma.low, scale * of_sigma.high, scale * quantile(x, 0.025), scale * quantile(x, 0.975));
      s.json[fmt::format("cds_{}", cds)][what] =
          Json{{"mean", m}, {"mean_95", {of_mean.low, of_mean.high}}, {"sigma", sd}, {"sigma_95", {of_sigma.low, of_sigma.high}}, {"n", x.size()}};
    };
    s.text += fmt::format("correlated double sampling {}\n", cds ? "on" : "off");
    row("gain over C_sample/C_integ", gain, 1.0, "   ");
    row("offset of the integrated voltage", offset, 1e3, "mV ");
    row("turn of the comparison", compare, 1e3, "mV ");
    spread[static_cast<size_t>(cds)] = standard_deviation(compare);
  }
  if (!(spread[1] < spread[0])) s.missed.push_back(fmt::format("mismatch: the comparison turns within {:.2f} mV with CDS, {:.2f} mV without", 1e3 * spread[1], 1e3 * spread[0]));
  return s;
}

}  // namespace mho::validation
