// A whole conversion as an ODE system, stepped by Boost.Odeint (Dormand-Prince 5 with step control) from control edge to control edge.
//
// States, relative to VREF: line, l (left plate of C_sample), x (amplifier input), b (far plate of C_integ), out, and the amplifier's drive, held
// as the voltage i/gm.
//   (c_line + N c_on) line'                 = I_array(line) − (line − l)/r                 while the N word lines are on
//   c_line · line'                          = I_leak(line) − (line − l)/r                  while they are off
//   (C_s + c_l) l' − C_s x'                 = Σ_switches (v_switch − l)/r
//   (C_s + C_i + c_x) x' − C_s l' − C_i b'  = (out − x)/r_az                               charge is conserved while auto-zero is open
//   (C_i + c_b) b' − C_i x'                 = (out − b)/r_int or (VCB − b)/r_int
//   c_out · out'                            = i · swing(out) − g_out · out − switch currents
// VCB, and the levels of the other switches at the left plate, are what the program last set. lk joins l and out, rst b and x, through resistances as of the far plate's
// switches. In programs that move iso its resistance adds to that of the switches at the far plate while it is closed (the two and C_integ are in series); while it is open
// C_integ keeps its charge: C_i leaves the second equation and b is left with c_b. Charges are conserved when it opens and closes.
//   tau · i'                                = saturate(gm (v_offset − x)) − i     up to i_up, i_down
// The latch decides by out − v_latch when it is turned on; what it does to out afterwards is left out.
// Opening switches put their charge on the node that is left floating. swing() takes the drive away within 0.1 V of the swing limits.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "circuits/control_program.hpp"
#include "circuits/conversion_data.hpp"
#include "solver/line.hpp"
#include "solver/neuron_model.hpp"

namespace mho::solver {

struct OdeOptions {
  double tolerance = 1e-6;  // [V] absolute, per step of the integrator
  // Follow the decisions and held line voltages of a record instead of the model's own: for fitting part by part.
  const circuits::ConversionRecord* follow = nullptr;
  const std::vector<double>* held = nullptr;  // [V] of each bit, relative to VREF: what the falling word lines leave, in place of the model's own; only for programs that hold the line
  int max_decrements = 1 << 30;  // stop after so many decrements
  bool waveform = false;    // keep every accepted step
  // Given to the program besides the operating point: start of its shift register, values in place of its own parameters.
  std::uint32_t lfsr = 1;
  std::vector<std::pair<std::string, double>> parameters;
  // Current into the sampled line for each bit while the word lines are on, in place of that of the column alone: what an array with wires or shared drivers gives.
  std::span<const LineCurrent> lines;
};

struct OdeWaveform {
  std::vector<double> t, v_out, v_line, v_x;  // [s], [V] relative to VREF
};

struct OdeResult {
  circuits::ConversionRecord record;  // the fields that ngspice fills, except energies; steps hold absolute v_x, v_l, v_cib as there
  size_t steps = 0;                   // accepted integrator steps
  OdeWaveform waveform;
};

// Throws Error for a program that samples the driven line, moves levels, or has the switches sbl, lk, rst or iso: calibration to that program alone and its energies know
// the held line and fixed levels. The ODE form takes every program.
void check_modelled(const circuits::ControlProgram& program);
// The column's line is the one that the program samples, by ssl or by sbl. Starts from model.rest or, without it, in balance at the line's reference.
OdeResult simulate_conversion(const NeuronModel& model, const circuits::ControlProgram& program, const circuits::ColumnInput& input,
                              const OdeOptions& options = {});

// From a held state (C_integ closed around the amplifier) through the named steps, word lines ignored: what the vectorised form tabulates.
struct HeldState {
  double v_integ;  // [V] across C_integ, plus v_offset: what out settles to. Conserved from cycle to cycle even where out has not settled
  double v_line;   // [V] relative to VREF
  double v_out = 0.0;  // [V] out when the latch was turned on, else at the end, relative to VREF; not read at the start
};
HeldState simulate_steps(const NeuronModel& model, const circuits::ControlProgram& program, const circuits::ReadPoint& point, const HeldState& start,
                         std::span<const int> steps, int decrement_sign);

// A step with its expressions evaluated: what the circuit sees of it.
struct ControlEvent {
  double time;   // [s] from the start of the step
  int target;    // as circuits::Event
  double value;  // 0 or 1, or [V] from ground
  bool operator==(const ControlEvent&) const = default;
};
struct ControlStep {
  double duration;  // [s]
  bool decides;
  std::vector<ControlEvent> events;
  bool operator==(const ControlStep&) const = default;
};
ControlStep control_step(const circuits::ControlState& state);

// Control lines and levels as one step leaves them to the next.
struct ControlLines {
  std::array<bool, circuits::signal_count> on{};
  std::array<double, circuits::level_count> level{};  // [V] relative to VREF
  // Before the first step of a conversion.
  explicit ControlLines(const circuits::ReadPoint& point);
  void apply(const ControlStep& step, double v_ref);
  bool held() const;  // C_integ closed around the amplifier, the left plate at its reference, nothing else closed; word lines either way
  bool operator==(const ControlLines&) const = default;
};

// Any steps, from a held state that earlier steps left behind `lines`, or, without `start`, from the beginning of a conversion. While word lines are on, `array` drives the
// line; falling they leave it where it is. `separate_iso`: whether the program moves iso.
HeldState simulate_steps(const NeuronModel& model, bool separate_iso, const circuits::ReadPoint& point, const ControlLines& lines, const std::optional<HeldState>& start,
                         std::span<const ControlStep> steps, const LineCurrent& array, double rows_on);

// Integrated voltage [V] at which the latch turns, by the program's step "compare". Throws Error when it has none.
double comparator_turn(const NeuronModel& model, const circuits::ControlProgram& program, const circuits::ReadPoint& point);

// The pulse phase alone: line voltage just before the word lines fall, from a line at v_start. t_on [s].
double driven_line(const NeuronModel& model, std::span<const double> conductance, std::span<const std::int8_t> levels, double v_read, double v_start,
                   double t_on);

}  // namespace mho::solver
