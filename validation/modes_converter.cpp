// Thresholds of the two converters.
//
// Unary: one ramp of decrements per polarity gives the map r → f(r) of one decrement with its comparison, at every level. Code k is given when k decrements leave the residue
// beyond the comparator's threshold, so the input at which code k begins is T_k = f⁻¹(T_(k−1)), T_0 the threshold.
// Binary: a conversion of v₀ passes residues r_j with decisions q_j. As long as no decision changes, r_j moves with v₀, so its code holds from v₀ − min(r_j − r₀ | q_j = +) to
// v₀ + min(r₀ − r_j | q_j = −), r₀ the comparator's threshold: one conversion gives both thresholds beside its code.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/statistics.hpp"
#include "validation/converter_thresholds.hpp"
#include "validation/modes.hpp"

namespace mho::validation {
namespace {

constexpr int codes = 127;
constexpr double decrement = 0.016;  // [V]: ±127 codes reach ±0.33 V at the output
constexpr double limit = 0.5;       // [LSB]

circuits::ConversionSetup preset(const circuits::CircuitParams& circuit, const circuits::ControlProgram& program, double v, int max_code) {
  circuits::ReadPoint point;
  point.v_decrement = decrement;
  point.max_code = max_code;
  return converter_setup(circuit, program, point, v);
}

std::string row(const std::string& name, const ConverterLine& line) {
  return fmt::format("{:<10}{:>10}{:>14.4f}{:>14.3f}{:>12.3f} at {:>4}{:>12.3f} at {:>4}\n", name, line.codes, 1e3 * line.lsb, line.offset, line.inl, line.inl_code, line.dnl,
                     line.dnl_code);
}

}  // namespace

Section validate_converters(const ModeSettings& settings) {
  const circuits::CircuitParams circuit = mode_circuit();
  const double lsb = decrement * circuit.c_sample / circuit.c_integ;
  Section s{"converters", {}, {}, {}, {}};
  s.text = fmt::format("C_sample {:.0f} fF, C_integ {:.0f} fF, decrement {:.0f} mV: nominally {:.3f} mV a code; preset voltages on C_integ\n\n{:<10}{:>10}{:>14}{:>14}{:>20}{:>20}\n",
                       1e15 * circuit.c_sample, 1e15 * circuit.c_integ, 1e3 * decrement, 1e3 * lsb, "", "codes", "LSB [mV]", "offset [LSB]", "INL [LSB]", "DNL [LSB]");
  const auto judge = [&](const std::string& name, const ConverterLine& line) {
    s.text += row(name, line);
    s.json[name] = Json{{"codes", line.codes}, {"lsb_V", line.lsb}, {"offset_lsb", line.offset}, {"inl_lsb", line.inl}, {"dnl_lsb", line.dnl}, {"missing", line.missing}};
    if (line.codes < codes) s.missed.push_back(fmt::format("converters, {}: {} of {} codes reached", name, line.codes, codes));
    if (!(line.inl <= limit)) s.missed.push_back(fmt::format("converters, {}: INL {:.2f} LSB at code {}, limit {}", name, line.inl, line.inl_code, limit));
    if (!(line.dnl <= limit)) s.missed.push_back(fmt::format("converters, {}: DNL {:.2f} LSB at code {}, limit {}", name, line.dnl, line.dnl_code, limit));
    if (line.missing > 0) s.missed.push_back(fmt::format("converters, {}: {} codes missing", name, line.missing));
  };
  // Ramps start a little beyond the range; 30 decrements more than codes reach below zero whatever the gain.
  const circuits::ControlProgram ramp = circuits::named_program("preset_ramp"), binary = circuits::named_program("preset_binary"), unary = circuits::named_program("preset_unary");
  const double start = lsb * (codes + 8);
  const auto ramps = run_modes({preset(circuit, ramp, start, codes + 40), preset(circuit, ramp, -start, codes + 40)}, settings, "ramps of the unary converter");
  // Decisions of whole conversions near zero bracket the comparator's turn closer than the ramps alone.
  std::vector<circuits::ConversionSetup> near;
  for (double v : {-0.4, -0.2, 0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.6}) near.push_back(preset(circuit, ramp, lsb * v, 2));
  auto deciding = run_modes(near, settings, "comparisons near zero");
  deciding.insert(deciding.end(), ramps.begin(), ramps.end());
  const ComparatorTurn compare = comparator_turn(ramp, deciding);
  const double turn = compare.residue;
  std::array<std::vector<double>, 2> thresholds;
  for (size_t p = 0; p < 2; ++p) {
    thresholds[p] = ramp_thresholds(ramps[p], turn, codes);
    judge(p == 0 ? "unary, +" : "unary, -", converter_line(thresholds[p], codes));
  }
  // The ramps' thresholds foretell whole conversions.
  std::vector<circuits::ConversionSetup> checks;
  std::vector<double> check_v;
  for (int i = -4; i <= 4; ++i) check_v.push_back(turn + lsb * (i * 31.0 + 0.37));
  for (double v : check_v) checks.push_back(preset(circuit, unary, v, codes));
  const auto checked = run_modes(checks, settings, "whole unary conversions");
  int foretold = 0;
  int clear = 0;
  for (size_t i = 0; i < checked.size(); ++i) {
    const double v = checked[i].v_integrated;
    // Within 0.1 code of a threshold the tolerance of ngspice decides.
    if (code_from(thresholds, turn, v - 0.1 * lsb) != code_from(thresholds, turn, v + 0.1 * lsb)) continue;
    ++clear;
    foretold += code_from(thresholds, turn, v) == checked[i].code;
  }
  s.text += fmt::format("whole unary conversions whose code the ramps foretell: {} of {} (of {} those further than 0.1 code from a threshold)\n", foretold, clear, checked.size());
  if (foretold < clear || clear < 5) s.missed.push_back("converters: whole conversions and ramps disagree");

  std::vector<circuits::ConversionSetup> setups;
  for (int code = 1; code <= codes; code += 2)
    for (int sign : {1, -1}) setups.push_back(preset(circuit, binary, sign * (code + 0.5) * lsb, codes));
  auto records = run_modes(setups, settings, "binary conversions");
  ComparatorTurn search = comparator_turn(binary, records);
  BinaryThresholds found = binary_thresholds(binary, records, search.residue);
  // What these left out, because the offset moved a code past its neighbour: a conversion at each side of where the straight line puts the threshold.
  std::vector<circuits::ConversionSetup> more;
  for (size_t p = 0; p < 2; ++p) {
    const ConverterLine line = converter_line(found.thresholds[p], codes);
    for (int code = 1; code <= codes; ++code) {
      const auto k = static_cast<size_t>(code - 1);
      if (k < found.thresholds[p].size() && std::isfinite(found.thresholds[p][k])) continue;
      for (double side : {-0.4, 0.4}) more.push_back(preset(circuit, binary, (p == 0 ? 1.0 : -1.0) * line.lsb * (code + line.offset + side), codes));
    }
  }
  const auto others = run_modes(more, settings, "binary conversions at what these left out");
  setups.insert(setups.end(), more.begin(), more.end());
  records.insert(records.end(), others.begin(), others.end());
  search = comparator_turn(binary, records);
  found = binary_thresholds(binary, records, search.residue);
  for (size_t p = 0; p < 2; ++p) {
    judge(p == 0 ? "binary, +" : "binary, -", converter_line(found.thresholds[p], codes));
    for (size_t k = 0; k < static_cast<size_t>(codes); ++k)
      if (k >= found.thresholds[p].size() || !std::isfinite(found.thresholds[p][k])) s.text += fmt::format("  no conversion touched the threshold of code {}{}\n", p == 0 ? "" : "-", k + 1);
  }
  // Other conversions, close to thresholds that those above foretell: beside the major transitions and elsewhere.
  std::vector<double> preset_v, integrated_v;
  for (size_t i = 0; i < records.size(); ++i) {
    preset_v.push_back(setups[i].input.parameters.front().second);
    integrated_v.push_back(records[i].v_integrated);
  }
  const Line presets = fit_line(preset_v, integrated_v);
  std::vector<circuits::ConversionSetup> blind;
  for (int code : {16, 32, 64, 96, 100, 112})
    for (size_t p = 0; p < 2; ++p) {
      const auto& t = found.thresholds[p];
      if (t.size() < static_cast<size_t>(code) || !std::isfinite(t[static_cast<size_t>(code - 1)])) continue;
      for (int side : {-1, 1}) {
        const double magnitude = t[static_cast<size_t>(code - 1)] + 0.2 * side * lsb;
        blind.push_back(preset(circuit, binary, ((p == 0 ? magnitude : -magnitude) - presets.intercept) / presets.slope, codes));
      }
    }
  const auto blind_records = run_modes(blind, settings, "binary conversions beside thresholds");
  int met = 0, sure = 0;
  for (const auto& r : blind_records) {
    const int low = code_from(found.thresholds, search.residue, r.v_integrated - 0.1 * lsb), high = code_from(found.thresholds, search.residue, r.v_integrated + 0.1 * lsb);
    if (low != high) continue;
    ++sure;
    met += r.code == low;
    if (r.code != low) s.text += fmt::format("  code {} at {:.3f} mV, foretold {}\n", r.code, 1e3 * r.v_integrated, low);
  }
  s.text += fmt::format("binary conversions beside thresholds with the code that these foretell: {} of {} (of {} those further than 0.1 code); two estimates of one threshold differ by {:.3f} LSB at most\n", met, sure, blind_records.size(),
                        found.spread / lsb);
  if (met < sure || sure < 8) s.missed.push_back(fmt::format("converters, binary: {} of {} codes beside thresholds as foretold", met, sure));
  s.text += fmt::format("comparator turns at {:.3f} mV of residue ({:.1f} mV at the latch), {:.3f} mV by the binary conversions\n", 1e3 * turn, 1e3 * compare.v_latch, 1e3 * search.residue);
  const int undecided = compare.undecided + search.undecided;
  s.text += fmt::format("undecided comparisons: {}\n", undecided);
  if (undecided > 0) s.missed.push_back(fmt::format("converters: {} undecided comparisons", undecided));
  return s;
}

}  // namespace mho::validation
