// Measures an amplifier in ngspice, in the loads and loops that the neuron puts it in.
//
//   gain, swing       inp at VREF; inm driven so that the output steps through the supply:
//                     A = -d out/d inm
//   offset, currents  operating point of the unity-gain loop
//   crossing, margin  loop broken at inm by 1 GH and 1 nF; the load holds what the loop loses
//   there,
//                     the input capacitance, which is measured first
//   slew rate         open amplifier, inm stepped by 0.3 V either side of VREF; output from a
//                     quarter to three quarters of the supply
//   settling, sample  unity gain through the switch az, a step of v_read on C_sample: charge on x
//   ..., integrate    C_integ closed through the switch int, C_sample steps by v_read back to VREF
//   ..., restore      integrated to +-FS and +-2 LSB, then the switches int and cmp as in a compare
//                     and a restore phase
//   noise of a sample charge on x, az and ssl closed and the line held by its capacitance, over
//                     C_integ: frozen when az opens
//   noise of a hold   charge of C_integ, closed around the amplifier, over C_integ: frozen when int
//                     opens
//
// Noise counts from one over the duration of a conversion on: what is slower is the same in both
// halves of a cycle and cancels. Flicker noise is that of the card in use; the shipped card leaves
// it at BSIM4's default numbers.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "circuits/amplifier_file.hpp"
#include "circuits/amplifier_spec.hpp"
#include "circuits/spice/session.hpp"

namespace mho::circuits {

struct AmplifierSetup {
  AmplifierFile amplifier;
  CircuitParams circuit;
  ReadPoint point;
  PhaseTimes times;
  double temperature = 27.0;  // [deg C]
  std::string corner = "tt";
  std::vector<std::pair<double AmplifierNeeds::*, double>> asked = {};  // instead of derived limits
};

// Curves for pictures.
struct AmplifierCurves {
  std::vector<double> out, gain;                             // [V], [1] DC
  std::vector<double> frequency, magnitude, phase;           // [Hz], [1], [deg] loop, sample phase
  std::vector<double> magnitude_integrate, phase_integrate;  // [1], [deg] at the same frequencies
  std::vector<double> t_integrate, v_integrate;  // [s] from the step, [V] output minus VREF
  std::vector<double> t_restore, v_restore;      // [s] from the start of compare, [V] minus VREF
};

struct AmplifierReport {
  AmplifierFigures figures;
  AmplifierNeeds needs;  // derived, with the measured input capacitance, and what was asked
  AmplifierCurves curves;
  std::string models;  // where the transistors come from
};

// Transistors are those of the PDK that the environment names (circuits/pdk.hpp), at the corner of
// the setup, else the shipped card. Throws NetlistError naming file and line of the amplifier,
// NumericalError when an operating point is missing, Error for a corner that the shipped card
// lacks.
AmplifierReport measure_amplifier(spice::Session& session, const AmplifierSetup& setup);

}  // namespace mho::circuits
