#include "circuits/column.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "circuits/spice_text.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"

namespace mho::circuits {
namespace {

// Text of a netlist, a line at a time.
class Lines {
 public:
  template <class... T>
  void operator()(fmt::format_string<T...> format, T&&... args) {
    text += fmt::format(format, std::forward<T>(args)...);
    text += '\n';
  }
  std::string text;
};

// Pins that the deck connects, by file of netlists/: a designer who edits one is told what it lacks before ngspice sees it.
struct Pins {
  const char *file, *name, *pins;
};
constexpr Pins subcircuit_pins[] = {
    {"ota.sub", "ota", "inp inm out vdd bn bp cn cp"},
    {"ota.sub", "ota_bias", "vdd bn bp cn cp"},
    {"latch.sub", "latch", "inp inm clk q qb vdd"},
    {"switch.sub", "tgate", "a b g gb vdd"},
    {"switch.sub", "tgate_small", "a b g gb vdd"},
    {"switch.sub", "swdrv", "in g gb vdd"},
    {"neuron.sub", "neuron",
     "sl bl l x y cib out q qb vref vlr vdp vdn vcb vdd vddl bn bp cn cp az azb ref refb ssl sslb sbl sblb sdp sdpb sdn sdnb int intb cmp cmpb lk lkb rst rstb lat latb"},
    {"cell.sub", "cell", "bl wl sl"},
    {"cell.sub", "wldrv", "in wl vh vl v5"},
};

}  // namespace

RowGroups group_rows(const std::vector<std::vector<std::int8_t>>& levels, size_t rows) {
  RowGroups groups;
  std::map<std::vector<std::int8_t>, int> known;
  for (size_t row = 0; row < rows; ++row) {
    std::vector<std::int8_t> sequence;
    for (const auto& bit : levels) sequence.push_back(bit[row]);
    const auto [at, added] = known.try_emplace(sequence, static_cast<int>(groups.sequence.size()));
    if (added) groups.sequence.push_back(sequence);
    groups.group_of_row.push_back(at->second);
  }
  return groups;
}

Transistors transistors_at(Corner corner) {
  Transistors transistors;
  if (corner != Corner::tt) transistors.models = card_text(corner);
  return transistors;
}

std::string subcircuit_text(const Transistors& transistors) {
  if (!transistors.netlist.empty()) return transistors.netlist;
  const auto shipped = [](const char* file) {
    const std::string path = data_path(fmt::format("netlists/{}", file)), netlist = read_text_file(path);
    for (const Pins& p : subcircuit_pins)
      if (file == std::string_view(p.file)) check_subcircuit_pins(netlist, p.name, p.pins, path);
    return netlist;
  };
  std::string text = transistors.models.empty() ? shipped("card_130nm.lib") : transistors.models;
  text += transistors.amplifier.empty() ? shipped("ota.sub") : transistors.amplifier;
  text += transistors.latch.empty() ? shipped("latch.sub") : transistors.latch;
  for (const char* file : {"switch.sub", "neuron.sub", "cell.sub"}) text += shipped(file);
  return text;
}

ArrayPart column_part(const CircuitParams& circuit, const ColumnInput& input) {
  const size_t rows = input.conductance.size();
  const RowGroups groups = group_rows(input.levels, rows);
  Lines line;
  line("vbl bl 0 {:.17g}", circuit.v_ref);  // the neuron's bit line, which this column does not have
  // The source line with the wire of all rows, and the off transistors of the rows without an input.
  line("csl sl 0 {:.17g}", circuit.c_line + circuit.c_line_cell * circuit.rows);
  line("vc vc 0 {:.17g}", circuit.v_ref);
  const int off_rows = static_cast<int>(circuit.rows) - static_cast<int>(rows);
  if (off_rows > 0) {
    line("roff vc moff {:.17g}", circuit.r_off_row / off_rows);
    line("moff moff vwll sl 0 n50 w=1u l=0.5u ad=0.29p as=0.29p pd=2.58u ps=2.58u m={}", off_rows);
  }
  // Word line driver: one stage for each 16 cells of the column's share.
  line("xwl c_wl wld vwlh vwll v5 wldrv m={}", (rows + 15) / 16);
  line("rwl wld wl {:.17g}", circuit.r_wl * circuit.rows / static_cast<double>(rows));
  line("cwl wl 0 {:.17g}", circuit.c_wl_cell * static_cast<double>(rows));
  for (size_t row = 0; row < rows; ++row) {
    line("rd{0} r{1} b{0} {2:.17g}", row, groups.group_of_row[row], circuit.r_driver);
    line("cb{0} b{0} 0 {1:.17g}", row, circuit.c_bl);
    line("xc{0} b{0} wl sl cell r={1:.17g}", row, 1.0 / input.conductance[row]);
  }
  return {line.text, groups.sequence, "sl"};
}

ArrayPart line_part(const CircuitParams& circuit) {
  Lines line;
  line("vbl bl 0 {:.17g}", circuit.v_ref);
  line("vc vc 0 {:.17g}", circuit.v_ref);
  line("csl sl 0 {:.17g}", circuit.c_line + circuit.c_line_cell * circuit.rows);
  line("rsl sl vc 1e9");  // an operating point for a line that nothing holds
  line("rwl c_wl 0 1e12");
  return {line.text, {}, "sl"};
}

std::vector<std::string> moved_sources(const ControlProgram& program, const ArrayPart& array) {
  std::vector<std::string> names;
  for (size_t s = 0; s < signal_count; ++s)
    if (s == static_cast<size_t>(Signal::wl) || program.uses(static_cast<Signal>(s))) names.push_back(fmt::format("vc_{}", signal_names[s]));
  for (const char* level : level_names) names.push_back(level);
  for (size_t g = 0; g < array.drive.size(); ++g) names.push_back(fmt::format("vr{}", g));
  return names;
}

std::string conversion_netlist(const CircuitParams& circuit, const ControlProgram& program, const ArrayPart& array, const Transistors& transistors,
                               const SourceText& text) {
  const auto moved = [&](const std::string& name) { return text ? text(name) : std::string("external"); };
  Lines line;
  line.text = subcircuit_text(transistors);
  for (const char* supply : {"vdda", "vddb", "vddl"}) line("{0} {0} 0 {1:.17g}", supply, circuit.v_dd);
  line("vdds vdds 0 {:.17g}", circuit.v_dd + circuit.switch_boost);
  line("vref vref 0 {:.17g}", circuit.v_ref);
  line("vwlh vwlh 0 {:.17g}", circuit.wl_high);
  line("vwll vwll 0 {:.17g}", circuit.wl_low);
  line("vv5 v5 0 {:.17g}", circuit.v_dd_wl);
  for (const char* level : level_names) line("{0} {0} 0 {1}", level, moved(level));
  line("xbias vddb bn bp cn cp ota_bias");
  std::string gates;
  for (size_t s = 0; s < signal_count; ++s) {
    const char* name = signal_names[s];
    const bool is_word_line = s == static_cast<size_t>(Signal::wl);
    if (is_word_line || program.uses(static_cast<Signal>(s))) line("vc_{0} c_{0} 0 {1}", name, moved(fmt::format("vc_{}", name)));
    if (is_word_line) continue;
    // The gates of switches that the program never moves lie at the rails.
    if (program.uses(static_cast<Signal>(s))) line("xd_{0} c_{0} g_{0} gb_{0} vdds swdrv", name);
    if (s == static_cast<size_t>(Signal::iso)) continue;  // no pin of the neuron: xiso below
    gates += program.uses(static_cast<Signal>(s)) ? fmt::format(" g_{0} gb_{0}", name) : " 0 vdds";
  }
  line("{}", program.uses(Signal::iso) ? "xiso x y gb_iso g_iso vdda tgate_small" : "viso x y 0");
  line("xn sl bl l x y cib out q qb vref vlr vdp vdn vcb vdda vddl bn bp cn cp{} neuron cs={:.17g} ci={:.17g}", gates, circuit.c_sample, circuit.c_integ);
  line.text += array.netlist;
  for (size_t g = 0; g < array.drive.size(); ++g) line("vr{0} r{0} 0 {1}", g, moved(fmt::format("vr{}", g)));
  return line.text;
}

}  // namespace mho::circuits
