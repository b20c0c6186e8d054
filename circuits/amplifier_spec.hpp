// What the neuron needs of its amplifier, each limit derived from the conversion that it serves,
// and what the amplifier gives beside it.
//
// One LSB at the output is  LSB = v_decrement Cs/Ci, full scale FS = max_code LSB. Every charge
// transfer may be wrong by the part
//   eps = 1/(2 max_code),
// so that a code at the end of the range is wrong by half an LSB from one cause. beta = Ci/(Ci + Cs
// + Cp) is the part of the output that returns to the input while C_integ closes the loop, Cp being
// wire, switches and the input of the amplifier. A first-order loop of crossing frequency f settles
// to eps in ln(1/eps)/(2 pi f); one with a second pole p2 above its crossing has the envelope
// exp(−p2 t/2) and the phase margin atan(p2/(2 pi f)).
#pragma once
#include <string>
#include <vector>

#include "circuits/control_program.hpp"
#include "circuits/conversion_data.hpp"
#include "core/params.hpp"

namespace mho::circuits {

// Time that the amplifier has in each phase: from the last corner of the control lines to the end.
struct PhaseTimes {
  double sample = 0.0, integrate = 0.0, compare = 0.0, restore = 0.0;  // [s]
  double cycle = 0.0;       // [s] one sample and one integrate phase, whole
  double conversion = 0.0;  // [s] the longest conversion
  int cycles = 0;           // [1] of sample and integrate in it
};
// Takes the phases by these names. Throws ConfigError when one is not there.
PhaseTimes phase_times(const ControlProgram& program, const ReadPoint& point, int magnitude_bits);

// Capacitances of the neuron besides C_sample and C_integ [F], as netlists/neuron.sub has them.
struct NeuronLoad {
  double l = 0.0, x = 0.0, cib = 0.0, out = 0.0;
};
NeuronLoad neuron_load();

// Limits. A limit of 0 asks for nothing.
struct AmplifierNeeds {
  double gain = 0.0;                // [1] DC, at least
  double swing = 0.0;               // [V] either side of VREF with that gain, at least
  double offset = 0.0;              // [V] systematic, at most
  double crossing_sample = 0.0;     // [Hz] of the loop in unity gain, at least
  double crossing_integrate = 0.0;  // [Hz] of the loop through C_integ, at least
  double pole_sample = 0.0;         // [1/s] second pole of the loop in unity gain, at least
  double pole_integrate = 0.0;      // [1/s] the same through C_integ
  double slew = 0.0;                // [V/s] at the output, at least
  double step_error = 0.0;          // [1] part of a charge transfer that may be missing
  double restore_error = 0.0;       // [V] at the output, at the end of a restore phase
  double settling_sample = 0.0;     // [s] to step_error, at most
  double settling_integrate = 0.0;  // [s]
  double settling_restore = 0.0;    // [s] to restore_error after a compare phase, at most
  double noise = 0.0;               // [V] rms at the output after a conversion, at most
  double supply_current = 0.0;      // [A] at most
  double inl = 0.0, dnl = 0.0;      // [LSB] of the whole converter, at most
  double energy = 0.0;              // [J] of a conversion to the largest code, at most
};

// c_in: input capacitance of the amplifier [F], which is part of beta.
AmplifierNeeds derive_needs(const CircuitParams& circuit, const ReadPoint& point,
                            const PhaseTimes& times, const NeuronLoad& load, double c_in);
// Part of the output that returns to the input through C_integ.
double feedback_factor(const CircuitParams& circuit, const NeuronLoad& load, double c_in);
double lsb_at_output(const CircuitParams& circuit, const ReadPoint& point);

// What was measured; circuits/amplifier_bench.hpp says how.
struct AmplifierFigures {
  double gain = 0.0;               // [1] DC, output at VREF
  double swing_low = 0.0;          // [V] below VREF over which the gain holds
  double swing_high = 0.0;         // [V] above VREF
  double offset = 0.0;             // [V] output minus VREF in unity gain
  double input_capacitance = 0.0;  // [F]
  double gain_bandwidth = 0.0;     // [Hz] |A| f on the slope, load of the sample phase
  double crossing_sample = 0.0, crossing_integrate = 0.0;                          // [Hz]
  double margin_sample = 0.0, margin_integrate = 0.0;                              // [degrees]
  double slew_rise = 0.0, slew_fall = 0.0;                                         // [V/s]
  double settling_sample = 0.0, settling_integrate = 0.0, settling_restore = 0.0;  // [s]
  double noise_density = 0.0;  // [V/sqrt(Hz)] at the input, 10 MHz
  double noise_sample = 0.0;   // [V] rms that one sample leaves at the output
  double noise_hold = 0.0;     // [V] rms that opening C_integ leaves at the output
  double noise_output = 0.0;   // [V] rms of the output while C_integ is closed
  double noise_compare = 0.0;  // [V] rms of one decision, at the output
  double noise = 0.0;          // [V] rms after a conversion
  double ktc_sample = 0.0, ktc_integrate = 0.0;  // [V] rms, a switch and C_sample or C_integ alone
  double supply_current = 0.0;                   // [A] amplifier
  double bias_current = 0.0;                     // [A] bias generator of a core
  double inl = 0.0, dnl = 0.0;  // [LSB] of the whole converter, the worse polarity
  double missing = 0.0;         // [1] codes of both polarities that it does not give
  double energy = 0.0;          // [J] of a conversion to the largest code, a 256th of the bias generator included
};

enum class Bound { none, at_least, at_most };
// One line of the table. Values in SI.
struct SpecRow {
  std::string quantity, unit;
  double value = 0.0;
  Bound bound = Bound::none;
  double limit = 0.0;
  std::string how;
  bool passes() const;
};
std::vector<SpecRow> specification(const AmplifierFigures& figures, const AmplifierNeeds& needs,
                                   const CircuitParams& circuit, const PhaseTimes& times,
                                   double temperature);

}  // namespace mho::circuits

namespace mho {
template <>
struct ParameterTable<circuits::AmplifierNeeds> {
  using P = circuits::AmplifierNeeds;
  static constexpr auto table = std::to_array<Parameter<P>>({
      {"gain", &P::gain, "1", 0.0, 1e9, "DC gain, at least"},
      {"swing", &P::swing, "V", 0.0, 5.0, "either side of VREF with that gain, at least"},
      {"offset", &P::offset, "V", 0.0, 5.0, "systematic offset, at most"},
      {"crossing_sample", &P::crossing_sample, "Hz", 0.0, 1e12, "crossing of the unity-gain loop"},
      {"crossing_integrate", &P::crossing_integrate, "Hz", 0.0, 1e12,
       "crossing of the loop through C_integ"},
      {"pole_sample", &P::pole_sample, "1/s", 0.0, 1e13, "second pole of the unity-gain loop"},
      {"pole_integrate", &P::pole_integrate, "1/s", 0.0, 1e13,
       "second pole of the loop through C_integ"},
      {"slew", &P::slew, "V/s", 0.0, 1e13, "slew rate, at least"},
      {"step_error", &P::step_error, "1", 1e-9, 1.0, "part of a transfer that may be missing"},
      {"restore_error", &P::restore_error, "V", 1e-9, 1.0, "output at the end of a restore phase"},
      {"settling_sample", &P::settling_sample, "s", 0.0, 1.0, "settling in unity gain, at most"},
      {"settling_integrate", &P::settling_integrate, "s", 0.0, 1.0,
       "settling through C_integ, at most"},
      {"settling_restore", &P::settling_restore, "s", 0.0, 1.0,
       "return from a compare phase, at most"},
      {"noise", &P::noise, "V", 0.0, 5.0, "rms at the output after a conversion, at most"},
      {"supply_current", &P::supply_current, "A", 0.0, 1.0, "of the amplifier, at most"},
      {"inl", &P::inl, "1", 0.0, 100.0, "LSB of the whole converter, at most"},
      {"dnl", &P::dnl, "1", 0.0, 100.0, "LSB of the whole converter, at most"},
      {"energy", &P::energy, "J", 0.0, 1.0, "of a conversion to the largest code, at most"},
  });
};

template <>
struct ParameterTable<circuits::AmplifierFigures> {
  using P = circuits::AmplifierFigures;
  static constexpr auto table = std::to_array<Parameter<P>>({
      {"gain", &P::gain, "1", -1e12, 1e12, "DC gain, output at VREF"},
      {"swing_low", &P::swing_low, "V", 0.0, 5.0, "below VREF over which the gain holds"},
      {"swing_high", &P::swing_high, "V", 0.0, 5.0, "above VREF over which the gain holds"},
      {"offset", &P::offset, "V", -5.0, 5.0, "output minus VREF in unity gain"},
      {"input_capacitance", &P::input_capacitance, "F", 0.0, 1.0, "of the inverting input"},
      {"gain_bandwidth", &P::gain_bandwidth, "Hz", 0.0, 1e13, "|A| f on the slope"},
      {"crossing_sample", &P::crossing_sample, "Hz", 0.0, 1e13, "of the unity-gain loop"},
      {"crossing_integrate", &P::crossing_integrate, "Hz", 0.0, 1e13,
       "of the loop through C_integ"},
      {"margin_sample", &P::margin_sample, "deg", -360.0, 360.0, "phase margin, unity gain"},
      {"margin_integrate", &P::margin_integrate, "deg", -360.0, 360.0,
       "phase margin through C_integ"},
      {"slew_rise", &P::slew_rise, "V/s", 0.0, 1e13, "output rising"},
      {"slew_fall", &P::slew_fall, "V/s", 0.0, 1e13, "output falling"},
      {"settling_sample", &P::settling_sample, "s", 0.0, 1.0, "settling in unity gain"},
      {"settling_integrate", &P::settling_integrate, "s", 0.0, 1.0, "settling through C_integ"},
      {"settling_restore", &P::settling_restore, "s", 0.0, 1.0, "return from a compare phase"},
      {"noise_density", &P::noise_density, "V/sqrt(Hz)", 0.0, 1.0, "at the input, 10 MHz"},
      {"noise_sample", &P::noise_sample, "V", 0.0, 5.0, "rms of one sample at the output"},
      {"noise_hold", &P::noise_hold, "V", 0.0, 5.0, "rms of one hold at the output"},
      {"noise_output", &P::noise_output, "V", 0.0, 5.0, "rms of the output, C_integ closed"},
      {"noise_compare", &P::noise_compare, "V", 0.0, 5.0, "rms of one decision at the output"},
      {"noise", &P::noise, "V", 0.0, 5.0, "rms after a conversion"},
      {"ktc_sample", &P::ktc_sample, "V", 0.0, 5.0, "switch and C_sample alone, rms"},
      {"ktc_integrate", &P::ktc_integrate, "V", 0.0, 5.0, "switch and C_integ alone, rms"},
      {"supply_current", &P::supply_current, "A", -1.0, 1.0, "of the amplifier"},
      {"bias_current", &P::bias_current, "A", -1.0, 1.0, "of the bias generator"},
      {"inl", &P::inl, "1", 0.0, 1e6, "LSB of the whole converter"},
      {"dnl", &P::dnl, "1", 0.0, 1e6, "LSB of the whole converter"},
      {"missing", &P::missing, "1", 0.0, 1e6, "codes that the converter does not give"},
      {"energy", &P::energy, "J", 0.0, 1.0, "of a conversion to the largest code"},
  });
};
}  // namespace mho
