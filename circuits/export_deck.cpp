#include "circuits/export_deck.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "core/units.hpp"

namespace mho::circuits {
namespace {

// End of the step before the first decision: the last integration.
const StepRecord& last_integration(const ControlProgram& program, const ConversionRecord& record) {
  for (size_t i = 1; i < record.steps.size(); ++i)
    if (program.steps[static_cast<size_t>(record.steps[i].step)].decides) return record.steps[i - 1];
  throw Error("a deck needs the record of a conversion that takes a decision");
}

std::string drive_comment(const ArrayPart& array) {
  std::string text = "* levels of the drivers r0, r1, …, one line per magnitude bit, least significant first:\n";
  for (size_t bit = 0; !array.drive.empty() && bit < array.drive.front().size(); ++bit) {
    text += "*  ";
    for (const auto& sequence : array.drive) text += sequence[bit] > 0 ? '+' : sequence[bit] < 0 ? '-' : '0';
    text += '\n';
  }
  return text;
}

std::string head(const ConversionSetup& setup, const ConversionRecord& record) {
  const ProgramInput& p = setup.input;
  return fmt::format(
      "* A voltage-mode neuron of an RRAM compute-in-memory core and what it reads, written by mho.\n"
      "* Run it with: ngspice -b FILE     It prints the integrated voltage and writes no file. Units are SI: V, A, s, F, ohm.\n"
      "* Control program {}, {} magnitude bits, run of {}.\n"
      "* read voltage {}, trim {}, decrement {}, pulse multiplier {}, largest code {}; word lines {} to {}.\n"
      "* With the control loop closed by the host, libngspice reached code {} ({} decrements), v(out) - VREF = {:.6g} V\n"
      "* before the first decision. The decisions are frozen here in the waveforms of the moved sources.\n"
      "{}",
      setup.program.name, p.bits, format_quantity(record.duration, "s"), format_quantity(p.v_read, "V"), format_quantity(p.v_trim, "V"),
      format_quantity(p.v_decrement, "V"), p.pulse_multiplier, p.max_code, format_quantity(setup.circuit.wl_low, "V"),
      format_quantity(setup.circuit.wl_high, "V"), record.code, record.decrements, record.v_integrated, drive_comment(setup.array));
}

// Level of a source at t; `at` is the last corner before it, and moves on.
double level_at(const std::vector<std::pair<double, double>>& corners, size_t& at, double t) {
  if (corners.empty()) return 0.0;
  while (at + 1 < corners.size() && corners[at + 1].first <= t) ++at;
  if (at + 1 == corners.size() || corners[at].first > t) return corners[at].second;
  const auto& [t0, v0] = corners[at];
  const auto& [t1, v1] = corners[at + 1];
  return v0 + (v1 - v0) * (t - t0) / (t1 - t0);
}

}  // namespace

std::string source_pwl(const std::vector<std::pair<double, double>>& corners) {
  std::vector<std::pair<double, double>> points;
  for (const auto& corner : corners) {
    while (!points.empty() && points.back().first > corner.first) points.pop_back();
    if (points.empty() || corner.first > points.back().first) points.push_back(corner);
    else points.back() = corner;
  }
  if (points.empty()) return "0";
  if (points.size() == 1) return fmt::format("{:.17g}", points[0].second);
  std::string text = "pwl(";
  for (size_t i = 0; i < points.size(); ++i)  // continued lines: an unbroken one of thousands of corners is hard to read
    text += fmt::format("{}{:.17g} {:.17g}", i == 0 ? "" : i % 4 == 0 ? "\n+ " : " ", points[i].first, points[i].second);
  return text + ")";
}

std::string export_deck(const ConversionSetup& setup, const ConversionOptions& options, const ConversionRecord& record, const ConversionWaveform& waveform) {
  if (waveform.sources.empty()) throw Error("a deck needs the waveform of its conversion");
  const StepRecord& at = last_integration(setup.program, record);
  const SourceText text = [&](const std::string& name) {
    const auto found = std::find(waveform.sources.begin(), waveform.sources.end(), name);
    if (found == waveform.sources.end()) throw Error(fmt::format("the waveform has no source {}", name));
    return source_pwl(waveform.corners[static_cast<size_t>(found - waveform.sources.begin())]);
  };
  std::string deck = head(setup, record) + conversion_netlist(setup.circuit, setup.program, setup.array, setup.transistors, text);
  deck += fmt::format(
      ".options {}\n"
      ".save v(out) v(sl) v(x) v(l) v(cib) v(q) v(qb)\n"
      ".tran {:.17g} {:.17g} 0 {:.17g}\n"
      ".control\n"
      "set num_threads=1\n"
      "run\n"
      "* before the first decision\n"
      "meas tran v_out find v(out) at={:.17g}\n"
      "let v_integrated = v_out - {:.17g}\n"
      "print v_integrated\n"
      "quit\n"
      ".endc\n"
      ".end\n",
      ngspice_options(options), options.dt_max, record.duration, options.dt_max, at.t_end, setup.circuit.v_ref);
  return deck;
}

void write_raw(const std::string& path, const ConversionWaveform& waveform, const std::string& title) {
  std::vector<std::pair<std::string, const std::vector<double>*>> traces{{"v(out)", &waveform.v_out}, {"v(sl)", &waveform.v_line}, {"v(x)", &waveform.v_x},
                                                                         {"v(l)", &waveform.v_l},     {"v(cib)", &waveform.v_cib}, {"v(q)", &waveform.v_q},
                                                                         {"v(qb)", &waveform.v_qb}};
  std::string text = fmt::format("Title: {}\nPlotname: Transient Analysis\nFlags: real\nNo. Variables: {}\nNo. Points: {}\nVariables:\n\t0\ttime\ttime\n",
                                 title, 1 + traces.size() + waveform.sources.size(), waveform.t.size());
  size_t number = 0;
  for (const auto& trace : traces) text += fmt::format("\t{}\t{}\tvoltage\n", ++number, trace.first);
  for (const std::string& source : waveform.sources) text += fmt::format("\t{}\tv({})\tvoltage\n", ++number, source.starts_with("vc_") || source.starts_with("vr") ? source.substr(1) : source);
  text += "Binary:\n";
  const auto put = [&](double value) { text.append(reinterpret_cast<const char*>(&value), sizeof value); };
  std::vector<size_t> corner(waveform.sources.size(), 0);
  for (size_t i = 0; i < waveform.t.size(); ++i) {
    const double t = waveform.t[i];
    put(t);
    for (const auto& trace : traces) put((*trace.second)[i]);
    for (size_t s = 0; s < waveform.sources.size(); ++s) put(level_at(waveform.corners[s], corner[s], t));
  }
  write_text_file(path, text);
}

}  // namespace mho::circuits
