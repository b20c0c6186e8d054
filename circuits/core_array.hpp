// Part of a core at transistor level with every line of its own: bit lines with drivers, source lines, 1T1R cells, wires with resistance and capacitance, coupling
// between neighbours. The neuron sits on one bit line and one source line and reads either: forward (inputs on bit lines, output on a source line) or backward.
#pragma once
#include <cstdint>
#include <vector>

#include "circuits/conversion.hpp"

namespace mho::circuits {

// Wires between cells. All zero: each line is one node.
struct WireParams {
  double r_bl = 0.0;       // [ohm] bit line, per cell
  double r_sl = 0.0;       // [ohm] source line, per cell
  double c_couple = 0.0;   // [F] between neighbouring lines of the same kind, per cell
  double r_shared = 0.0;   // [ohm] in the supply of all drivers
};

struct CoreInput {
  std::vector<std::vector<double>> conductance;     // [bit line][source line] [S], at 0 V
  std::vector<std::vector<double>> sinh_scale;      // [bit line][source line] [V]: cells carry conductance · V0 sinh(v/V0). Empty: ohmic
  std::vector<std::vector<std::int8_t>> levels;     // [bit][driven line] of −1, 0, +1, least significant bit first
  bool forward = true;                              // inputs on bit lines; otherwise on source lines
  size_t bit_line = 0, source_line = 0;             // where the neuron sits
  ReadPoint point;
};

// Lines of the neuron of corelet (row, column) among 16×16 corelets of 16×16 cells: each bit line and each source line has one neuron (Wan et al. 2022, Fig. 2).
struct NeuronSite {
  size_t bit_line, source_line;
};
NeuronSite neuron_site(size_t corelet_row, size_t corelet_column, size_t corelet = 16);

// Throws Error for shapes that do not fit and values out of range.
ArrayPart core_part(const CircuitParams& circuit, const WireParams& wires, const CoreInput& input);
// The setup of a conversion of this core; the program must have the parameter `forward` when the input is backward.
ConversionSetup core_setup(const CircuitParams& circuit, const WireParams& wires, const ControlProgram& program, const CoreInput& input);

}  // namespace mho::circuits

namespace mho {
template <>
struct ParameterTable<circuits::WireParams> {
  using P = circuits::WireParams;
  static constexpr auto table = std::to_array<Parameter<P>>({
      {"r_bl", &P::r_bl, "ohm", 0.0, 1e4, "resistance of a bit line, per cell"},
      {"r_sl", &P::r_sl, "ohm", 0.0, 1e4, "resistance of a source line, per cell"},
      {"c_couple", &P::c_couple, "F", 0.0, 1e-12, "capacitance between neighbouring lines, per cell"},
      {"r_shared", &P::r_shared, "ohm", 0.0, 1e5, "resistance in the supply of all drivers"},
  });
};
}  // namespace mho
