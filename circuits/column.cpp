#include "circuits/column.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"

namespace mho::circuits {

RowGroups group_rows(const ColumnInput& input) {
  RowGroups groups;
  std::map<std::vector<std::int8_t>, int> known;
  for (size_t row = 0; row < input.conductance.size(); ++row) {
    std::vector<std::int8_t> sequence;
    for (const auto& bit : input.levels) sequence.push_back(bit[row]);
    const auto [at, added] = known.try_emplace(sequence, static_cast<int>(groups.sequence.size()));
    if (added) groups.sequence.push_back(sequence);
    groups.group_of_row.push_back(at->second);
  }
  return groups;
}

std::vector<double> bit_start_times(const ControlProgram& program, const std::vector<int>& samples) {
  ControlState state(program, samples, 1);
  std::vector<double> starts;
  double t = 0.0;
  while (!state.ended() && state.step().decision == Decision::none && starts.size() < samples.size()) {
    if (state.bit() >= static_cast<int>(starts.size())) starts.push_back(t);
    t += state.phase().duration;
    state.advance(false);
  }
  if (starts.size() < samples.size())
    throw Error(fmt::format("control program {}: decides before the last of {} bits is applied", program.name, samples.size()));
  return starts;
}

std::string subcircuit_text() {
  std::string text;
  for (const char* file : {"card_130nm.lib", "switch.sub", "ota.sub", "neuron.sub", "cell.sub"})
    text += read_text_file(data_path(fmt::format("netlists/{}", file)));
  return text;
}

std::string column_netlist(const CircuitParams& circuit, const ColumnInput& input, const ControlProgram& program,
                           const std::vector<std::string>& control_pwl) {
  const size_t rows = input.conductance.size();
  const RowGroups groups = group_rows(input);
  const auto starts = bit_start_times(program, samples_per_bit(input.levels.size(), input.point.pulse_multiplier));
  std::string out = subcircuit_text();
  const auto line = [&]<class... T>(fmt::format_string<T...> format, T&&... args) {
    out += fmt::format(format, std::forward<T>(args)...);
    out += '\n';
  };
  line("vdda vdda 0 {:.17g}", circuit.v_dd);
  line("vddb vddb 0 {:.17g}", circuit.v_dd);
  line("vdds vdds 0 {:.17g}", circuit.v_dd);
  line("vref vref 0 {:.17g}", circuit.v_ref);
  const double v_lr = circuit.v_ref + input.point.v_trim;
  line("vlr vlr 0 {:.17g}", v_lr);
  line("vdp vdp 0 {:.17g}", v_lr + input.point.v_decrement);
  line("vdn vdn 0 {:.17g}", v_lr - input.point.v_decrement);
  line("vcb vcb 0 {:.17g}", circuit.v_ref);
  line("vwlh vwlh 0 {:.17g}", circuit.wl_high);
  line("vwll vwll 0 {:.17g}", circuit.wl_low);
  line("vv5 v5 0 {:.17g}", circuit.v_dd_wl);
  line("xbias vddb bn bp cn cp ota_bias");
  std::string gates;
  for (size_t s = 0; s < signal_count; ++s) {
    const char* name = signal_names[s];
    if (control_pwl.empty())
      line("vc_{0} c_{0} 0 external", name);
    else
      line("vc_{0} c_{0} 0 {1}", name, control_pwl[s]);
    if (s == static_cast<size_t>(Signal::wl)) continue;
    line("xd_{0} c_{0} g_{0} gb_{0} vdds swdrv", name);
    gates += fmt::format(" g_{0} gb_{0}", name);
  }
  out += fmt::format("xn sl l x cib out vref vlr vdp vdn vcb vdda bn bp cn cp{} neuron cs={:.17g} ci={:.17g}\n", gates, circuit.c_sample, circuit.c_integ);
  // The source line with the wire of all rows, and the off transistors of the rows without an input.
  line("csl sl 0 {:.17g}", circuit.c_line + circuit.c_line_cell * circuit.rows);
  const int off_rows = static_cast<int>(circuit.rows) - static_cast<int>(rows);
  if (off_rows > 0) {
    line("roff vc moff {:.17g}", circuit.r_off_row / off_rows);
    line("moff moff vwll sl 0 n50 w=1u l=0.5u ad=0.29p as=0.29p pd=2.58u ps=2.58u m={}", off_rows);
  }
  // Word line driver: one stage for each 16 cells of the column's share.
  line("xwl c_wl wld vwlh vwll v5 wldrv m={}", (rows + 15) / 16);
  line("rwl wld wl {:.17g}", circuit.r_wl * circuit.rows / static_cast<double>(rows));
  line("cwl wl 0 {:.17g}", circuit.c_wl_cell * static_cast<double>(rows));
  line("vc vc 0 {:.17g}", circuit.v_ref);
  for (size_t g = 0; g < groups.sequence.size(); ++g) {
    std::string pwl = fmt::format("0 {:.17g}", circuit.v_ref);
    double previous = circuit.v_ref;
    for (size_t k = 0; k < starts.size(); ++k) {
      const double v = circuit.v_ref + input.point.v_read * groups.sequence[g][k];
      pwl += fmt::format(" {:.17g} {:.17g} {:.17g} {:.17g}", starts[k], previous, starts[k] + program.edge * 5, v);
      previous = v;
    }
    line("vr{} r{} 0 pwl({})", g, g, pwl);
  }
  for (size_t row = 0; row < rows; ++row) {
    line("rd{0} r{1} b{0} {2:.17g}", row, groups.group_of_row[row], circuit.r_driver);
    line("cb{0} b{0} 0 {1:.17g}", row, circuit.c_bl);
    line("xc{0} b{0} wl sl cell r={1:.17g}", row, 1.0 / input.conductance[row]);
  }
  return out;
}

}  // namespace mho::circuits
