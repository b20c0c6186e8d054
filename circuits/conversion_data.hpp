// What a conversion is, without any simulator: circuit constants, one column with its inputs, and the record of a run. Both ngspice and the behavioural
// model take and give these.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "circuits/control_program.hpp"
#include "core/json_file.hpp"
#include "core/params.hpp"

namespace mho::circuits {

// Everything about the circuit that is the same for all conversions.
struct CircuitParams {
  double v_dd = 1.8;             // [V] supply of amplifier and switches
  double switch_boost = 0.0;     // [V] supply of the switch drivers above v_dd
  double v_ref = 0.9;            // [V] VREF
  double c_sample = 17e-15;      // [F] the chip's (Wan et al. 2022, Methods)
  double c_integ = 104e-15;      // [F] the chip's
  double wl_low = 0.9;           // [V] word line off
  double wl_high = 2.5;          // [V] word line on; docs/circuits.md argues it against 2.2 V and 3.3 V
  double v_dd_wl = 3.3;          // [V] supply of the word line pre-driver
  double r_driver = 200.0;       // [ohm] row driver
  double c_bl = 2e-15;           // [F] bit line wire of the column's share and driver output
  double c_line = 220e-15;        // [F] source line: neuron side
  double c_line_cell = 0.84e-15; // [F] source line wire per row (1.08 mm at 0.2 fF/um over 256 rows)
  double c_wl_cell = 1.0e-15;    // [F] word line wire per cell
  double r_wl = 10.0;            // [ohm] series resistance of the word line: slows its edges
  double r_off_row = 1e6;        // [ohm] cell of a row whose word line stays off
  double rows = 256;             // [1] rows of the core; those without an input load the line through their off transistors
};

// Bias of one layer: levels that the chip can set.
struct ReadPoint {
  double v_read = 0.3;        // [V] amplitude of the row drivers
  double v_trim = 0.0;        // [V] reference of the sampled line minus VREF: nulls the charge that the falling word lines put on the line
  double v_decrement = 0.04;  // [V]
  int pulse_multiplier = 1;   // [1] samples of the least significant bit
  int max_code = 31;          // [1] 6 bits with the sign
};

// One conversion to run.
struct ColumnInput {
  std::vector<double> conductance;                  // [S] per active row
  std::vector<std::vector<std::int8_t>> levels;     // [bit][row] of −1, 0, +1, least significant bit first
  ReadPoint point;
};

// Sample-integrate cycles per magnitude bit: multiplier · 2^k.
std::vector<int> samples_per_bit(size_t bits, int pulse_multiplier);

// What a control program is given for a conversion at this point.
ProgramInput program_input(const CircuitParams& circuit, const ReadPoint& point, size_t bits);

// Components in the order of solver::Component: array, word line, amplifier, switches, comparator, bias.
inline constexpr size_t component_count = 6;

// State of the analog nodes at the end of a step.
struct StepRecord {
  int step;        // index into ControlProgram::steps
  double t_end;    // [s]
  double v_out;    // [V] minus VREF
  double v_line;   // [V] minus VREF
  double v_x, v_l, v_cib;  // [V] absolute: amplifier input, left plate of C_sample, far plate of C_integ
  std::array<double, component_count> joule;  // [J] during the step; bias not yet shared
  int decision = 0;         // +1 or −1 of the latch at the end of a step that decides; 0: it was undecided, or the step does not decide
  double v_decision = 0.0;  // [V] minus VREF: out when the latch was turned on in it
};

// Something that the program noted, as a spike.
struct Mark {
  std::string name;
  double t;  // [s] end of the step
};

struct ConversionRecord {
  int code = 0, sign = 0, decrements = 0;
  int undecided = 0;                      // decisions at which the latch's outputs were less than half the supply apart
  double v_integrated = 0.0;              // [V] out minus VREF at the end of the last integration before the sign decision
  std::vector<double> v_line_driven;      // [V] minus VREF per bit: settled line just before the word lines fall
  std::vector<double> v_line_held;        // [V] minus VREF per bit: at the end of the pulse phase
  std::vector<double> v_residue;          // [V] out minus VREF after each decrement was integrated
  std::array<double, component_count> joule{};  // [J] by component, bias of the whole generator
  double duration = 0.0;                  // [s]
  double cpu_seconds = 0.0;
  size_t time_points = 0;
  std::vector<StepRecord> steps;
  std::vector<Mark> marks;
  std::vector<std::pair<std::string, double>> registers;  // of the control program at the end
};

void to_json(Json& json, const ConversionRecord& record);
void from_json(const Json& json, ConversionRecord& record);
void to_json(Json& json, const ColumnInput& input);

}  // namespace mho::circuits

namespace mho {
template <>
struct ParameterTable<circuits::CircuitParams> {
  using P = circuits::CircuitParams;
  static constexpr auto table = std::to_array<Parameter<P>>({
      {"v_dd", &P::v_dd, "V", 1.2, 2.5, "supply of amplifier and switches"},
      {"v_ref", &P::v_ref, "V", 0.3, 1.5, "reference of the neuron and centre of the inputs"},
      {"c_sample", &P::c_sample, "F", 1e-15, 1e-12, "sampling capacitor"},
      {"switch_boost", &P::switch_boost, "V", 0.0, 2.0, "supply of the switch drivers above v_dd"},
      {"c_integ", &P::c_integ, "F", 1e-15, 1e-11, "integration capacitor"},
      {"wl_low", &P::wl_low, "V", -1.0, 2.0, "word line off level"},
      {"wl_high", &P::wl_high, "V", 1.0, 5.0, "word line on level"},
      {"v_dd_wl", &P::v_dd_wl, "V", 1.8, 5.5, "supply of the word line pre-driver"},
      {"r_driver", &P::r_driver, "ohm", 1.0, 1e5, "output resistance of a row driver"},
      {"c_bl", &P::c_bl, "F", 1e-18, 1e-12, "bit line capacitance that one column sees"},
      {"c_line", &P::c_line, "F", 1e-18, 1e-11, "source line capacitance besides the array"},
      {"c_line_cell", &P::c_line_cell, "F", 0.0, 1e-13, "source line wire capacitance per row"},
      {"c_wl_cell", &P::c_wl_cell, "F", 0.0, 1e-13, "word line wire capacitance per cell"},
      {"r_wl", &P::r_wl, "ohm", 1e-3, 1e6, "series resistance of the word line, slows its edges"},
      {"r_off_row", &P::r_off_row, "ohm", 1e3, 1e12, "cell resistance of rows without an input"},
      {"rows", &P::rows, "1", 1, 4096, "rows of the core"},
  });
};
}  // namespace mho
