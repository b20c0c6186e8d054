// The calibrated behavioural neuron: what the ODE form and the vectorised form know about the circuit. Every value is fitted to ngspice conversions except the
// circuit constants, which are copied from the netlist's parameters.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "circuits/conversion_data.hpp"
#include "core/json_file.hpp"
#include "core/params.hpp"

namespace mho::solver {

// Select transistor in series with the cell, symmetric in its two channel ends (voltages relative to VREF):
//   I = beta/2 · [(v_pinch − s)² − (v_pinch − m)²] / (1 + theta · (v_pinch − (s + m)/2)),  terms (v_pinch − ·) not below 0.
// This is the charge-sheet model linearised in the bulk charge (Enz, Krummenacher, Vittoz, AICSP 8, 83 (1995), Eq. 20 in strong inversion).
struct TransistorParams {
  double beta = 4e-4;     // [A/V²]
  double v_pinch = 0.6;   // [V] pinch-off voltage of the on word line, relative to VREF
  double theta = 0.2;     // [1/V] mobility reduction
};

// How a word line falls and what each cell's transistor leaves on the source line (word_line_fall.hpp). The defaults are where fits start.
struct FallParams {
  double c_channel = 1.42e-15;   // [F] mobile charge per volt of pinch-off, whole transistor
  double c_overlap = 3.4e-16;    // [F] gate to the channel end at the line
  double c_overlap_m = 4e-16;    // [F] gate to the channel end at the cell
  double c_m = 4.4e-16;          // [F] node between cell and transistor, without the gate
  double n = 1.17;               // [1] slope factor: pinch-off follows the word line as 1/n …
  double curve = -0.06;          // [1/V] … and this times the square of the fall
  double phi = 0.028;            // [V] thermal voltage of the turn-off
  double lambda = 1.0;           // [1/V] current in saturation grows with the voltage along the channel
  double c_line_slope = -5e-14;  // [F/V] line capacitance per volt of the line: junctions
  double i_drive = 1.75e-4;      // [A] largest current of a driver stage (16 cells)
  double r_drive = 2600;         // [ohm] resistance of a driver stage near its rail
  double c_feed = 3e-15;         // [F] driver's gate to word line, per stage
  double c_gate = 4.8e-16;       // [F] word line per cell besides wire, channel and overlaps
};

struct NeuronParams {
  double c_line = 4e-13;      // [F] source line, its word lines off
  double c_on = 2e-15;        // [F] what a cell adds to it while its word line is on
  double c_l = 8e-15;         // [F] parasitic at the left plate of C_sample
  double c_x = 1.4e-14;       // [F] amplifier input
  double c_b = 6e-15;         // [F] far plate of C_integ
  double c_out = 1.5e-14;     // [F] amplifier output
  double gm = 5e-5;           // [S] transconductance
  double i_up = 3e-6;         // [A] slewing current, out rising
  double i_down = 3e-6;       // [A] slewing current, out falling
  double g_out = 5e-8;        // [S] output conductance: gain = gm/g_out
  double tau = 3e-10;         // [s] second pole of the amplifier
  double v_offset = 0.0;      // [V] input offset
  double v_high = 0.85;       // [V] upper swing limit, relative to VREF
  double v_low = -0.85;       // [V] lower swing limit
  double r_line = 1500;       // [ohm] switches at the left plate
  double r_az = 4000;         // [ohm] auto-zero switch
  double r_int = 4000;        // [ohm] switches at the far plate of C_integ
  double q_az = 0.0;          // [C] injected into the amplifier input when auto-zero opens
  double q_int = 0.0;         // [C] injected into the far plate when it starts to float
  double q_int_slope = 0.0;   // [F] the same per volt of the far plate
  double q_int_curve = 0.0;   // [F/V] the same per volt squared
  double q_line = 0.0;        // [C] put on the line when the sample switch opens
  double q_line_slope = 0.0;  // [F] the same per volt of the line against its reference
  double v_latch = 0.0;       // [V] out, relative to VREF, above which the latch decides for +1 when it is turned on
  double q_up = 0.0;          // [C] extra charge at the amplifier input in a decrement step, positive sign
  double q_down = 0.0;        // [C] the same, negative sign
  double r_iso = 35000;       // [ohm] switch iso, closed: in programs that move it
  double q_iso = 0.0;         // [C] put on C_integ when it opens
};

// Where a circuit at rest, all switches open, is left by its leaks: what a conversion starts from, and of what a short first step keeps a part.
// Measured, not fitted. Both plates of C_sample and C_integ are at VREF.
struct RestState {
  double line = 0.0, out = 0.0;  // [V] relative to VREF
};

struct NeuronModel {
  circuits::CircuitParams circuit;
  TransistorParams transistor;
  NeuronParams neuron;
  FallParams fall;
  std::optional<RestState> rest;         // nothing: line and left plate start at their reference, the amplifier in balance
  std::string program;                   // text of the control program that the records were made with
  std::string corner = "tt";             // process corner and …
  double temperature = 27;               // [°C] … temperature of the records
  // Range of what the fit saw; using the model outside is reported (outside_of_fit), not refused. Zeros: not known.
  double min_rows = 0, max_rows = 0, min_v_read = 0, max_v_read = 0, min_v_decrement = 0, max_v_decrement = 0, max_abs_v_integrated = 0;
};

// How a calibrated neuron is used, as far as it is known; what is left empty is not looked at.
struct ModelUse {
  std::vector<double> rows, v_read, v_decrement, v_integrated;  // [1], [V]
  const circuits::CircuitParams* circuit = nullptr;
  const std::string* program = nullptr;                         // text
  std::optional<std::string> corner = std::nullopt;
  std::optional<double> temperature = std::nullopt;             // [°C]
};
// What of a use lies outside of what the fit saw: one line with its values and the ranges, empty when nothing does. A plan comes near its ends but not onto them, so three hundredths of a
// range beyond either end count as inside.
std::string outside_of_fit(const NeuronModel& model, const ModelUse& use);

// Pinch-off voltage [V, relative to VREF] of the select transistors at word line voltage `w` [V]: v_pinch − d/n − curve · d², d = wl_high − w.
double pinch_off(const NeuronModel& model, double w);
// Current [A] into a held line at `line` through the off transistors of all rows: beta/2 · L², L as in word_line_fall.hpp at the off word line. What the fall was fitted to
// determines it; nothing else is fitted.
double leakage(const NeuronModel& model, double line);

void to_json(Json& json, const NeuronModel& model);
void from_json(const Json& json, NeuronModel& model);

}  // namespace mho::solver

namespace mho {
template <>
struct ParameterTable<solver::TransistorParams> {
  using P = solver::TransistorParams;
  static constexpr auto table = std::to_array<Parameter<P>>({
      {"beta", &P::beta, "A/V2", 1e-6, 1e-1, "gain factor"},
      {"v_pinch", &P::v_pinch, "V", -5, 5, "pinch-off voltage of the on word line"},
      {"theta", &P::theta, "1/V", 0, 10, "mobility reduction"},
  });
};
template <>
struct ParameterTable<solver::FallParams> {
  using P = solver::FallParams;
  static constexpr auto table = std::to_array<Parameter<P>>({
      {"c_channel", &P::c_channel, "F", 1e-17, 1e-13, "gate to channel"},
      {"c_overlap", &P::c_overlap, "F", 0, 1e-14, "gate to the channel end at the line"},
      {"c_overlap_m", &P::c_overlap_m, "F", 0, 1e-14, "gate to the channel end at the cell"},
      {"c_m", &P::c_m, "F", 1e-16, 1e-14, "node between cell and transistor"},
      {"n", &P::n, "1", 1, 3, "slope factor"},
      {"curve", &P::curve, "1/V", -1, 1, "curvature of pinch-off against the word line"},
      {"phi", &P::phi, "V", 0.01, 0.1, "thermal voltage of the turn-off"},
      {"lambda", &P::lambda, "1/V", -1, 2, "channel length modulation during turn-off"},
      {"c_line_slope", &P::c_line_slope, "F/V", -1e-13, 1e-13, "line capacitance per volt"},
      {"i_drive", &P::i_drive, "A", 1e-6, 1e-1, "largest current of a driver stage"},
      {"r_drive", &P::r_drive, "ohm", 1, 1e6, "resistance of a driver stage"},
      {"c_feed", &P::c_feed, "F", 0, 1e-13, "driver's gate to word line, per stage"},
      {"c_gate", &P::c_gate, "F", 0, 1e-13, "word line per cell besides wire and transistor"},
  });
};
template <>
struct ParameterTable<solver::NeuronParams> {
  using P = solver::NeuronParams;
  static constexpr auto table = std::to_array<Parameter<P>>({
      {"c_line", &P::c_line, "F", 1e-15, 1e-11, "source line"},
      {"c_on", &P::c_on, "F", 0, 1e-13, "added by a cell that is on"},
      {"c_l", &P::c_l, "F", 0, 1e-12, "parasitic at the left plate of C_sample"},
      {"c_x", &P::c_x, "F", 0, 1e-12, "amplifier input"},
      {"c_b", &P::c_b, "F", 0, 1e-12, "far plate of C_integ"},
      {"c_out", &P::c_out, "F", 1e-16, 1e-11, "amplifier output"},
      {"gm", &P::gm, "S", 1e-7, 1e-2, "transconductance"},
      {"i_up", &P::i_up, "A", 1e-8, 1e-2, "slewing current, out rising"},
      {"i_down", &P::i_down, "A", 1e-8, 1e-2, "slewing current, out falling"},
      {"g_out", &P::g_out, "S", 0, 1e-4, "output conductance"},
      {"tau", &P::tau, "s", 1e-12, 1e-7, "second pole of the amplifier"},
      {"v_offset", &P::v_offset, "V", -0.2, 0.2, "input offset"},
      {"v_high", &P::v_high, "V", 0, 5, "upper swing limit"},
      {"v_low", &P::v_low, "V", -5, 0, "lower swing limit"},
      {"r_line", &P::r_line, "ohm", 10, 1e6, "switches at the left plate"},
      {"r_az", &P::r_az, "ohm", 10, 1e6, "auto-zero switch"},
      {"r_int", &P::r_int, "ohm", 10, 1e6, "switches at the far plate"},
      {"q_az", &P::q_az, "C", -1e-12, 1e-12, "injection when auto-zero opens"},
      {"q_int", &P::q_int, "C", -1e-12, 1e-12, "injection into the floating far plate"},
      {"q_int_slope", &P::q_int_slope, "F", -1e-12, 1e-12, "the same per volt"},
      {"q_int_curve", &P::q_int_curve, "F/V", -1e-12, 1e-12, "the same per volt squared"},
      {"q_line", &P::q_line, "C", -1e-12, 1e-12, "charge put on the line by the sample switch"},
      {"q_line_slope", &P::q_line_slope, "F", -1e-12, 1e-12, "the same per volt"},
      {"v_latch", &P::v_latch, "V", -0.5, 0.5, "out at which the latch turns"},
      {"q_up", &P::q_up, "C", -1e-12, 1e-12, "extra charge of a decrement, positive sign"},
      {"q_down", &P::q_down, "C", -1e-12, 1e-12, "extra charge of a decrement, negative sign"},
      {"r_iso", &P::r_iso, "ohm", 10, 1e6, "switch iso"},
      {"q_iso", &P::q_iso, "C", -1e-12, 1e-12, "put on C_integ when iso opens"},
  });
};
}  // namespace mho
