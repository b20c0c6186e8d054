#include "circuits/array.hpp"

#include <fmt/format.h>

#include "core/errors.hpp"

namespace mho::circuits {

std::string array_netlist(const CircuitParams& circuit, const ArrayInput& input, const Transistors& transistors) {
  if (input.conductance.empty() || input.levels.size() != input.conductance.size()) throw Error("an array needs rows, and one level for each");
  const size_t rows = input.conductance.size(), columns = input.conductance.front().size();
  std::string out = subcircuit_text(transistors);
  const auto line = [&]<class... T>(fmt::format_string<T...> format, T&&... args) {
    out += fmt::format(format, std::forward<T>(args)...);
    out += '\n';
  };
  line("vwl wl 0 {:.17g}", circuit.wl_high);
  for (size_t i = 0; i < rows; ++i) {
    line("vr{0} r{0} 0 {1:.17g}", i, circuit.v_ref + input.v_read * input.levels[i]);
    line("rd{0} r{0} b{0} {1:.17g}", i, circuit.r_driver);
    line("cb{0} b{0} 0 {1:.17g}", i, circuit.c_bl * static_cast<double>(columns));
    for (size_t j = 0; j < columns; ++j) line("xc{0}_{1} b{0} wl s{1} cell r={2:.17g}", i, j, 1.0 / input.conductance[i][j]);
  }
  for (size_t j = 0; j < columns; ++j) line("cs{0} s{0} 0 {1:.17g}", j, circuit.c_line + circuit.c_line_cell * circuit.rows);
  return out;
}

std::vector<double> settled_lines(spice::Session& session, const CircuitParams& circuit, const ArrayInput& input, const ConversionOptions& options, const Transistors& transistors) {
  spice::TransientRequest request;
  request.name = fmt::format("array of {} rows and {} columns", input.conductance.size(), input.conductance.empty() ? 0 : input.conductance.front().size());
  request.netlist = array_netlist(circuit, input, transistors);
  for (size_t j = 0; j < input.conductance.front().size(); ++j) request.watch.push_back(fmt::format("s{}", j));
  request.t_stop = 200e-9;
  request.options = ngspice_options(options);
  std::vector<double> lines;
  spice::Hooks hooks;
  hooks.value = [](size_t, double) { return 0.0; };
  hooks.accepted = [&](double, std::span<const double> v) { lines.assign(v.begin(), v.end()); };
  session.transient(request, hooks);
  for (double& v : lines) v -= circuit.v_ref;
  return lines;
}

}  // namespace mho::circuits
