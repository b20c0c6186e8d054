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
//   tau · i'                                = saturate(gm (v_offset − x)) − i     up to i_up, i_down
// The latch decides by out − v_latch when it is turned on; what it does to out afterwards is left out.
// Opening switches put their charge on the node that is left floating. swing() takes the drive away within 0.1 V of the swing limits.
#pragma once
#include <span>
#include <vector>

#include "circuits/control_program.hpp"
#include "circuits/conversion_data.hpp"
#include "solver/neuron_model.hpp"

namespace mho::solver {

struct OdeOptions {
  double tolerance = 1e-6;  // [V] absolute, per step of the integrator
  // Follow the decisions and held line voltages of a record instead of the model's own: for fitting part by part.
  const circuits::ConversionRecord* follow = nullptr;
  int max_decrements = 1 << 30;  // stop after so many decrements
  bool waveform = false;    // keep every accepted step
};

struct OdeWaveform {
  std::vector<double> t, v_out, v_line, v_x;  // [s], [V] relative to VREF
};

struct OdeResult {
  circuits::ConversionRecord record;  // the fields that ngspice fills, except energies; steps hold absolute v_x, v_l, v_cib as there
  size_t steps = 0;                   // accepted integrator steps
  OdeWaveform waveform;
};

// Throws Error for a program that samples the driven line, moves levels, or has the switches sbl, lk, rst or iso, which the model does not know.
void check_modelled(const circuits::ControlProgram& program);
// Throws as check_modelled().
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

// Integrated voltage [V] at which the latch turns, by the program's step "compare". Throws Error when it has none.
double comparator_turn(const NeuronModel& model, const circuits::ControlProgram& program, const circuits::ReadPoint& point);

// The pulse phase alone: line voltage just before the word lines fall, from a line at v_start. t_on [s].
double driven_line(const NeuronModel& model, std::span<const double> conductance, std::span<const std::int8_t> levels, double v_read, double v_start,
                   double t_on);

}  // namespace mho::solver
