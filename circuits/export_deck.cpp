#include "circuits/export_deck.hpp"

#include <fmt/format.h>

#include "core/errors.hpp"
#include "core/units.hpp"

namespace mho::circuits {
namespace {

// End of the step before the sign decision: the last integration.
const StepRecord& last_integration(const ControlProgram& program, const ConversionRecord& record) {
  for (size_t i = 1; i < record.steps.size(); ++i)
    if (program.steps[static_cast<size_t>(record.steps[i].step)].decision == Decision::sign) return record.steps[i - 1];
  throw Error("a deck needs the record of a conversion with a sign decision");
}

std::string levels_comment(const ColumnInput& input) {
  std::string text = "* levels of the rows, one line per magnitude bit, least significant first:\n";
  for (const auto& bit : input.levels) {
    text += "*  ";
    for (std::int8_t level : bit) text += level > 0 ? '+' : level < 0 ? '-' : '0';
    text += '\n';
  }
  return text;
}

std::string head(const CircuitParams& circuit, const ControlProgram& program, const ColumnInput& input, const ConversionRecord& record) {
  const ReadPoint& p = input.point;
  return fmt::format(
      "* One conversion of one column of an RRAM compute-in-memory core with its voltage-mode neuron, written by mho.\n"
      "* Run it with: ngspice -b FILE     It prints the integrated voltage and writes no file. Units are SI: V, A, s, F, ohm.\n"
      "* {} rows of {:.0f}, {} magnitude bits, control program {}, conversion of {}.\n"
      "* read voltage {}, trim {}, decrement {}, pulse multiplier {}, largest code {}; word lines {} to {}.\n"
      "* With the control loop closed by the host, libngspice reached code {} ({} decrements), v(out) - VREF = {:.6g} V\n"
      "* after the last integration. The decisions are frozen here in the waveforms of the sources vc_*.\n"
      "{}",
      input.conductance.size(), circuit.rows, input.levels.size(), program.name, format_quantity(record.duration, "s"),
      format_quantity(p.v_read, "V"), format_quantity(p.v_trim, "V"), format_quantity(p.v_decrement, "V"), p.pulse_multiplier, p.max_code,
      format_quantity(circuit.wl_low, "V"), format_quantity(circuit.wl_high, "V"), record.code, record.decrements, record.v_integrated, levels_comment(input));
}

}  // namespace

std::string control_pwl(const std::vector<std::pair<double, double>>& corners) {
  std::vector<std::pair<double, double>> points{{0.0, 0.0}};
  for (const auto& corner : corners) {
    while (points.back().first > corner.first) points.pop_back();
    if (corner.first > points.back().first) points.push_back(corner);
    else points.back() = corner;
  }
  if (points.size() == 1) return fmt::format("{:.17g}", points[0].second);
  std::string text = "pwl(";
  for (size_t i = 0; i < points.size(); ++i)  // continued lines: an unbroken one of thousands of corners is hard to read
    text += fmt::format("{}{:.17g} {:.17g}", i == 0 ? "" : i % 4 == 0 ? "\n+ " : " ", points[i].first, points[i].second);
  return text + ")";
}

std::string export_deck(const CircuitParams& circuit, const ControlProgram& program, const ColumnInput& input, const ConversionOptions& options,
                        const ConversionRecord& record, const ConversionWaveform& waveform) {
  if (waveform.control.size() != signal_count) throw Error("a deck needs the control lines of its conversion");
  const StepRecord& at = last_integration(program, record);
  std::vector<std::string> control;
  for (const auto& corners : waveform.control) control.push_back(control_pwl(corners));
  std::string deck = head(circuit, program, input, record) + column_netlist(circuit, input, program, control);
  deck += fmt::format(
      ".options {}\n"
      ".save v(out) v(sl) v(x)\n"
      ".tran {:.17g} {:.17g} 0 {:.17g}\n"
      ".control\n"
      "set num_threads=1\n"
      "run\n"
      "* end of the last integration\n"
      "meas tran v_out find v(out) at={:.17g}\n"
      "let v_integrated = v_out - {:.17g}\n"
      "print v_integrated\n"
      "quit\n"
      ".endc\n"
      ".end\n",
      ngspice_options(options), options.dt_max, record.duration, options.dt_max, at.t_end, circuit.v_ref);
  return deck;
}

}  // namespace mho::circuits
