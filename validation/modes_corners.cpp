// Both converters at every process corner, temperature and supply, and over mismatch.
//
// Unary: one full-scale ramp of decrements per polarity gives every threshold (modes_converter.cpp). Binary: conversions of 33 levels, each of which gives the two thresholds
// beside its code; INL over those, DNL where both of a code are known.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "circuits/mismatched_netlist.hpp"
#include "circuits/model_card.hpp"
#include "circuits/spice/worker_pool.hpp"
#include "core/errors.hpp"
#include "core/statistics.hpp"
#include "validation/conversion_runs.hpp"
#include "validation/converter_thresholds.hpp"
#include "validation/modes.hpp"

namespace mho::validation {
namespace {

constexpr int codes = 127, levels = 33;
constexpr double decrement = 0.016, limit = 1.0;

struct Condition {
  circuits::Corner corner;
  double temperature, supply;  // [°C], factor
};

// Both polarities of one condition.
struct Verdict {
  double inl = 0.0, dnl = 0.0;
  int missing = 0, wrong_signs = 0, reached = codes, undecided = 0;
  void take(const ConverterLine& line) {
    inl = std::max(inl, line.inl);
    dnl = std::max(dnl, line.dnl);
    missing += line.missing;
    reached = std::min(reached, line.codes);
  }
};

// Resistance between two nodes at VREF of the smallest transmission gate, at the supply of the condition, and of what would take its place where that does not conduct:
// a thick-oxide n-channel switch driven to `io_supply`.
constexpr double io_supply = 2.5;       // [V]
constexpr double longest_phase = 18e-9;  // [s] restore
struct Switches {
  double gate = 0.0, io = 0.0;  // [ohm]
};
Switches switches_at(const Condition& c) {
  const circuits::CircuitParams circuit = mode_circuit();
  circuits::Transistors transistors;
  transistors.models = circuits::card_text(c.corner);
  const std::string netlist = circuits::subcircuit_text(transistors) +
                              fmt::format("vdd vdd 0 {:.17g}\nvio io 0 {:.17g}\nva a 0 {:.17g}\nvb b a 0.01\nvc c a 0.01\nx1 b a vdd 0 vdd tgate_small\nmio a io c 0 n50 w=1u l=0.5u\n",
                                          circuit.v_dd * c.supply, io_supply, circuit.v_ref);
  Switches result;
  spice::run_in_workers(1, {.workers = 1}, [&](size_t) {
    spice::Session session;
    const auto op = session.analyse({"switches", netlist, {{"op", {"vb#branch", "vc#branch"}}}, fmt::format("temp={} reltol=1e-6", c.temperature)});
    return fmt::format("{:.17g} {:.17g}", 0.01 / std::abs(op.front().value("vb#branch")), 0.01 / std::abs(op.front().value("vc#branch")));
  }, [&](size_t, spice::TaskOutcome outcome) {
    if (!outcome.ok) throw NumericalError("resistance of the switches: " + outcome.error);
    const size_t space = outcome.result.find(' ');
    result = {std::stod(outcome.result.substr(0, space)), std::stod(outcome.result.substr(space))};
  });
  return result;
}

circuits::ConversionSetup at(const Condition& c, const circuits::ControlProgram& program, double v, int max_code) {
  circuits::CircuitParams circuit = mode_circuit();
  circuit.v_dd *= c.supply;
  circuits::ReadPoint point;
  point.v_decrement = decrement;
  point.max_code = max_code;
  auto setup = converter_setup(circuit, program, point, v);
  setup.transistors.models = circuits::card_text(c.corner);
  return setup;
}

std::vector<circuits::ConversionRecord> run_at(double temperature, const std::vector<circuits::ConversionSetup>& setups, const ModeSettings& settings, const std::string& title) {
  RunSettings run;
  run.ngspice.tolerance = settings.tolerance;
  run.ngspice.fast = true;
  run.ngspice.temperature = temperature;
  run.workers = settings.workers;
  run.timeout = 1800;
  run.title = title;
  ConversionRuns runs = run_conversions(setups, run, settings.cache);
  std::vector<circuits::ConversionRecord> records;
  for (auto& record : runs.records) records.push_back(record ? std::move(*record) : circuits::ConversionRecord{});
  return records;
}

}  // namespace

Section validate_corners(const ModeSettings& settings) {
  const circuits::ControlProgram ramp = mode_program("preset_ramp"), binary = mode_program("preset_binary");
  const circuits::CircuitParams nominal = mode_circuit();
  const double lsb = decrement * nominal.c_sample / nominal.c_integ;
  std::vector<Condition> conditions;
  for (circuits::Corner corner : circuits::all_corners)
    for (double temperature : {-40.0, 27.0, 125.0})
      for (double supply : {0.9, 1.0, 1.1}) conditions.push_back({corner, temperature, supply});
  Section s{"corners", {}, {}, {}, {}};
  s.text = fmt::format("decrement {:.0f} mV, {} codes of each sign; limits INL and DNL {} LSB\n{:<28}{:>24}{:>30}\n{:<6}{:>8}{:>10}    {:>8}{:>8}{:>9}{:>10}{:>8}{:>9}{:>9}{:>14}{:>16}\n", 1e3 * decrement,
                       codes, limit, "", "unary", "binary, 33 levels", "corner", "[°C]", "VDD [V]", "INL", "DNL", "missing", "INL", "DNL", "missing", "signs", "switch [kohm]", "at 2.5 V [kohm]");
  std::string high;  // conditions whose smallest gate hardly conducts
  double io_worst = 0.0;
  for (const Condition& c : conditions) {
    const std::string name = fmt::format("{} {:.0f} °C {:.2f} V", circuits::corner_name(c.corner), c.temperature, nominal.v_dd * c.supply);
    std::vector<circuits::ConversionSetup> setups{at(c, ramp, lsb * (codes + 6), codes + 40), at(c, ramp, -lsb * (codes + 6), codes + 40)};
    for (int i = 0; i < levels; ++i) setups.push_back(at(c, binary, lsb * ((i - levels / 2) * (codes - 1.0) / (levels / 2) + 0.5), codes));
    const auto records = run_at(c.temperature, setups, settings, name);
    const std::vector<circuits::ConversionRecord> ramps(records.begin(), records.begin() + 2), conversions(records.begin() + 2, records.end());
    Verdict unary, search;
    const double turn = comparator_turn(ramp, ramps);
    for (int p = 0; p < 2; ++p) unary.take(converter_line(ramp_thresholds(ramps[static_cast<size_t>(p)], turn, codes), codes));
    const BinaryThresholds found = binary_thresholds(binary, conversions);
    for (int p = 0; p < 2; ++p) search.take(converter_line(found.thresholds[static_cast<size_t>(p)], codes));
    for (int i = 0; i < levels; ++i) {
      const auto& r = conversions[static_cast<size_t>(i)];
      const double above = r.v_integrated - found.turn;
      search.wrong_signs += std::abs(above) > 0.5 * lsb && (above > 0) != (r.sign > 0);
      search.undecided += r.undecided;
    }
    const Switches ohm = switches_at(c);
    io_worst = std::max(io_worst, ohm.io);
    s.text += fmt::format("{:<6}{:>7.0f}{:>10.2f}    {:>8.2f}{:>8.2f}{:>9}{:>10.2f}{:>8.2f}{:>9}{:>9}{:>14.4g}{:>16.4g}\n", circuits::corner_name(c.corner), c.temperature, nominal.v_dd * c.supply, unary.inl, unary.dnl,
                          unary.missing, search.inl, search.dnl, search.missing, search.wrong_signs, 1e-3 * ohm.gate, 1e-3 * ohm.io);
    s.json["conditions"].push_back(Json{{"name", name}, {"unary_inl", unary.inl}, {"unary_dnl", unary.dnl}, {"binary_inl", search.inl}, {"binary_dnl", search.dnl}, {"switch", quantity(ohm.gate, "ohm")}, {"switch_io", quantity(ohm.io, "ohm")}});
    const auto miss = [&](const char* what, const Verdict& v) {
      if (v.inl > limit || v.dnl > limit || v.missing > 0 || v.wrong_signs > 0)
        s.missed.push_back(fmt::format("corners, {}, {}: INL {:.2f}, DNL {:.2f}, {} codes missing, {} wrong signs", what, name, v.inl, v.dnl, v.missing, v.wrong_signs));
    };
    // Longer than a phase with C_integ in series with C_sample.
    const double series = nominal.c_sample * nominal.c_integ / (nominal.c_sample + nominal.c_integ);
    if (ohm.gate * series > longest_phase) high += (high.empty() ? "" : "; ") + name;
    if (unary.reached < codes) s.missed.push_back(fmt::format("corners, unary, {}: {} of {} codes reached", name, unary.reached, codes));
    miss("unary", unary);
    miss("binary", search);
  }
  if (!high.empty())
    s.text += fmt::format("At these the smallest gate needs more than {:.0f} ns to share the charge of C_sample: {}.\nWhat would mend it: thick-oxide n-channel switches (1 um / 0.5 um) driven to {} V, "
                          "at most {:.1f} kohm at VREF over all conditions (last column; their charge injection was not run).\n", 1e9 * longest_phase, high, io_supply, 1e-3 * io_worst);
  return s;
}

Section validate_mismatch(const ModeSettings& settings) {
  const circuits::ControlProgram program = mode_program("comparator");
  const circuits::CircuitParams circuit = mode_circuit();
  // Lines at ±200 mV give the gain; at ±40 mV the open amplifier is still linear, and the output at the end of the comparison tells where it turns.
  const std::array<double, 4> lines{-0.2, -0.04, 0.04, 0.2};
  Section s{"mismatch", {}, {}, {}, {}};
  s.text = fmt::format("{} dies: amplifier, bias, latch and capacitors drawn; lines at ±200 and ±40 mV\n\n", settings.dies);
  for (int cds : {1, 0}) {
    std::vector<circuits::ConversionSetup> setups;
    for (int die = 0; die < settings.dies; ++die)
      for (double line : lines) {
        circuits::ColumnInput input;
        input.conductance.assign(4, 30e-6);
        input.levels.assign(1, std::vector<std::int8_t>(4, static_cast<std::int8_t>(line > 0 ? 1 : -1)));
        input.point.v_read = std::abs(line);
        auto setup = column_setup(circuit, program, input);
        setup.input.parameters = {{"cds", static_cast<double>(cds)}};
        circuits::apply_mismatch(setup, {}, settings.seed, static_cast<std::uint32_t>(die));
        setups.push_back(setup);
      }
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
      const double n = static_cast<double>(x.size()), m = mean(x), sd = standard_deviation(x);
      // 95 %: of the mean by the normal law, of σ by the normal approximation of the chi-squared law.
      s.text += fmt::format("  {:<34}{:>10.4f} ± {:.4f} {}   sigma {:.4f} [{:.4f}, {:.4f}]   2.5 % to 97.5 %: {:.4f} to {:.4f}\n", what, scale * m, scale * 1.96 * sd / std::sqrt(n), unit, scale * sd,
                            scale * sd * (1 - 1.96 / std::sqrt(2 * n)), scale * sd * (1 + 1.96 / std::sqrt(2 * n)), scale * quantile(x, 0.025), scale * quantile(x, 0.975));
      s.json[fmt::format("cds_{}", cds)][what] = Json{{"mean", m}, {"sigma", sd}, {"n", n}};
    };
    s.text += fmt::format("correlated double sampling {}\n", cds ? "on" : "off");
    row("gain over C_sample/C_integ", gain, 1.0, "   ");
    row("offset of the integrated voltage", offset, 1e3, "mV ");
    row("turn of the comparison", compare, 1e3, "mV ");
  }
  return s;
}

}  // namespace mho::validation
