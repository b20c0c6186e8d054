#include "circuits/core_array.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"

namespace mho::circuits {
namespace {

void check(const CoreInput& input) {
  const size_t rows = input.conductance.size(), columns = rows == 0 ? 0 : input.conductance.front().size();
  if (rows == 0 || columns == 0) throw Error("a core needs at least one bit line and one source line");
  for (size_t i = 0; i < rows; ++i) {
    if (input.conductance[i].size() != columns) throw Error(fmt::format("core: bit line {} has {} cells, the first {}", i, input.conductance[i].size(), columns));
    for (double g : input.conductance[i])
      if (!(g >= 1e-12 && g <= 1.0)) throw Error(fmt::format("core: a conductance of {} S on bit line {}: wants 1 pS to 1 S", g, i));
  }
  if (!input.sinh_scale.empty()) {
    if (input.sinh_scale.size() != rows) throw Error(fmt::format("core: voltage scales for {} of {} bit lines", input.sinh_scale.size(), rows));
    for (const auto& row : input.sinh_scale) {
      if (row.size() != columns) throw Error(fmt::format("core: {} voltage scales for {} cells of a bit line", row.size(), columns));
      for (double v0 : row)
        if (!(v0 >= 0.02 && v0 <= 1e3)) throw Error(fmt::format("core: a voltage scale of {} V: wants 0.02 V to 1 kV", v0));
    }
  }
  const size_t driven = input.forward ? rows : columns;
  if (input.levels.empty()) throw Error("core: no input bits");
  for (const auto& bit : input.levels) {
    if (bit.size() != driven) throw Error(fmt::format("core: {} levels for {} driven {} lines", bit.size(), driven, input.forward ? "bit" : "source"));
    for (std::int8_t level : bit)
      if (level < -1 || level > 1) throw Error(fmt::format("core: a level of {}: wants -1, 0 or 1", static_cast<int>(level)));
  }
  if (input.bit_line >= rows || input.source_line >= columns)
    throw Error(fmt::format("core: no neuron at bit line {}, source line {} of {} by {}", input.bit_line, input.source_line, rows, columns));
}

// One family of parallel lines: name, how many, cells along each, resistance per cell. Node k of line i; without resistance all are one. Line `named` carries the
// neuron at its node 0, under the neuron's own name.
struct LineSet {
  std::string prefix, neuron_name;
  size_t count, cells, named;
  double ohm;
  std::string node(size_t line, size_t cell) const {
    if (ohm == 0.0) return end(line);
    return cell == 0 ? end(line) : fmt::format("{}{}_{}", prefix, line, cell);
  }
  std::string end(size_t line) const { return line == named ? neuron_name : fmt::format("{}{}", prefix, line); }
};

}  // namespace

NeuronSite neuron_site(size_t corelet_row, size_t corelet_column, size_t corelet) {
  return {corelet * corelet_row + corelet_column, corelet * corelet_column + corelet_row};
}

ArrayPart core_part(const CircuitParams& circuit, const WireParams& wires, const CoreInput& input) {
  check(input);
  const size_t rows = input.conductance.size(), columns = input.conductance.front().size();
  const LineSet bl{"b", "bl", rows, columns, input.bit_line, wires.r_bl}, sl{"s", "sl", columns, rows, input.source_line, wires.r_sl};
  const LineSet &driven = input.forward ? bl : sl, &floating = input.forward ? sl : bl;
  const RowGroups groups = group_rows(input.levels, driven.count);
  std::string text;
  const auto line = [&]<class... T>(fmt::format_string<T...> format, T&&... args) {
    text += fmt::format(format, std::forward<T>(args)...);
    text += '\n';
  };
  line("vc vc 0 {:.17g}", circuit.v_ref);
  line("vbl blref 0 {:.17g}", circuit.v_ref);  // metered with the array; carries no current here
  const double cells = static_cast<double>(rows * columns);
  line("xwl c_wl wld vwlh vwll v5 wldrv m={}", (rows * columns + 15) / 16);
  line("rwl wld wl {:.17g}", circuit.r_wl * circuit.rows / cells);
  line("cwl wl 0 {:.17g}", circuit.c_wl_cell * cells);
  // Drivers: one source per sequence of levels; a shared resistance makes one line feel what the others draw.
  for (size_t g = 0; g < groups.sequence.size(); ++g)
    if (wires.r_shared > 0.0) line("rsh{0} r{0} rs{0} {1:.17g}", g, wires.r_shared);
  for (size_t i = 0; i < driven.count; ++i)
    line("rd{0} r{1}{2} {3} {4:.17g}", i, wires.r_shared > 0.0 ? "s" : "", groups.group_of_row[i], driven.end(i), circuit.r_driver);
  const auto wire = [&](const LineSet& set, double c_end, double c_cell) {
    for (size_t i = 0; i < set.count; ++i) {
      line("ce{0}{1} {2} 0 {3:.17g}", set.prefix, i, set.end(i), c_end + (set.ohm == 0.0 ? c_cell * static_cast<double>(set.cells) : 0.0));
      if (set.ohm == 0.0) continue;
      for (size_t k = 0; k < set.cells; ++k) {
        if (k > 0) line("rw{0}{1}_{2} {3} {4} {5:.17g}", set.prefix, i, k, set.node(i, k - 1), set.node(i, k), set.ohm);
        line("cw{0}{1}_{2} {3} 0 {4:.17g}", set.prefix, i, k, set.node(i, k), c_cell);
      }
    }
    if (wires.c_couple <= 0.0) return;
    for (size_t i = 0; i + 1 < set.count; ++i) {
      const size_t parts = set.ohm == 0.0 ? 1 : set.cells;
      for (size_t k = 0; k < parts; ++k)
        line("cc{0}{1}_{2} {3} {4} {5:.17g}", set.prefix, i, k, set.node(i, k), set.node(i + 1, k),
             wires.c_couple * static_cast<double>(set.cells) / static_cast<double>(parts));
    }
  };
  // A floating line carries the neuron side's capacitance, a driven one that of its driver.
  wire(driven, circuit.c_bl, circuit.c_line_cell);
  wire(floating, circuit.c_line, circuit.c_line_cell);
  const bool bent = !input.sinh_scale.empty();
  if (bent) text += read_text_file(data_path("netlists/cell_sinh.sub"));
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < columns; ++j) {
      const double g = input.conductance[i][j];
      if (bent) line("xc{0}_{1} {2} wl {3} cell_sinh i0={4:.17g} v0={5:.17g}", i, j, bl.node(i, j), sl.node(j, i), g * input.sinh_scale[i][j], input.sinh_scale[i][j]);
      else line("xc{0}_{1} {2} wl {3} cell r={4:.17g}", i, j, bl.node(i, j), sl.node(j, i), 1.0 / g);
    }
  return {text, groups.sequence, input.forward ? "sl" : "bl"};
}

ConversionSetup core_setup(const CircuitParams& circuit, const WireParams& wires, const ControlProgram& program, const CoreInput& input) {
  ConversionSetup setup{circuit, program, core_part(circuit, wires, input), program_input(circuit, input.point, input.levels.size()), {}};
  if (!input.forward) setup.input.parameters.emplace_back("forward", 0.0);
  return setup;
}

}  // namespace mho::circuits
