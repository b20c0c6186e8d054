#include "circuits/amplifier_spec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "circuits/expression.hpp"
#include "circuits/spice_text.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "core/units.hpp"

namespace mho::circuits {
namespace {

constexpr double pi = std::numbers::pi;
constexpr double boltzmann = 1.380649e-23;  // [J/K]

const Phase& phase(const ControlProgram& program, const std::string& name) {
  for (const Phase& p : program.phases)
    if (p.name == name) return p;
  throw ConfigError(program.name, 0, "phase." + name,
                    "is not in this control program, and the check of an amplifier needs it");
}

double free_time(const ControlProgram& program, const std::string& name) {
  const Phase& p = phase(program, name);
  double last = 0.0;
  for (const Event& e : p.events) last = std::max(last, e.time + program.edge);
  return p.duration - last;
}

}  // namespace

PhaseTimes phase_times(const ControlProgram& program, const ReadPoint& point, int magnitude_bits) {
  PhaseTimes t{free_time(program, "sample"), free_time(program, "integrate"),
               free_time(program, "compare"), free_time(program, "restore")};
  t.cycle = phase(program, "sample").duration + phase(program, "integrate").duration;
  // The comparator never flips: all steps to the end of the range.
  ProgramInput input;
  input.bits = magnitude_bits;
  input.pulse_multiplier = point.pulse_multiplier;
  input.max_code = point.max_code;
  ControlState state(program, input);
  while (!state.ended()) {
    t.conversion += state.phase().duration;
    t.cycles += state.phase().name == "integrate";
    state.advance(true);
  }
  return t;
}

NeuronLoad neuron_load() {
  const std::string file = "netlists/neuron.sub";
  NeuronLoad load;
  for (const LogicalLine& line : logical_lines(read_text_file(data_path(file)))) {
    const std::vector<std::string> word = card_words(line.text);
    double farad = 0.0;
    // A capacitor to ground with a plain number; C_sample and C_integ have neither.
    if (word.size() != 4 || word[0][0] != 'c' || word[2] != "0" ||
        read_spice_number(word[3], farad) == 0)
      continue;
    if (word[1] == "l") load.l += farad;
    if (word[1] == "x") load.x += farad;
    if (word[1] == "cib") load.cib += farad;
    if (word[1] == "out") load.out += farad;
  }
  return load;
}

double lsb_at_output(const CircuitParams& circuit, const ReadPoint& point) {
  return point.v_decrement * circuit.c_sample / circuit.c_integ;
}

double feedback_factor(const CircuitParams& circuit, const NeuronLoad& load, double c_in) {
  return circuit.c_integ / (circuit.c_integ + circuit.c_sample + load.x + c_in);
}

AmplifierNeeds derive_needs(const CircuitParams& circuit, const ReadPoint& point,
                            const PhaseTimes& times, const NeuronLoad& load, double c_in) {
  const double lsb = lsb_at_output(circuit, point);
  const double beta = feedback_factor(circuit, load, c_in);
  AmplifierNeeds n;
  n.step_error = 0.5 / point.max_code;
  const double time_constants = std::log(1.0 / n.step_error);
  // A finite gain leaves 1/(A beta) of each transfer behind.
  n.gain = 1.0 / (n.step_error * beta);
  n.swing = point.max_code * lsb;
  // Sample and integrate cancel the offset, but the output starts there: one code of the range.
  n.offset = lsb;
  n.settling_sample = times.sample;
  n.settling_integrate = times.integrate;
  n.settling_restore = times.restore;
  // A restore phase starts at a rail: half of it may be slewing, the rest settles.
  n.slew = std::max(circuit.v_ref, circuit.v_dd - circuit.v_ref) / (0.5 * times.restore);
  const double linear = std::min(times.integrate, 0.5 * times.restore);
  n.crossing_sample = time_constants / (2.0 * pi * times.sample);
  n.crossing_integrate = time_constants / (2.0 * pi * linear);
  n.pole_sample = 2.0 * time_constants / times.sample;
  n.pole_integrate = 2.0 * time_constants / linear;
  // An output error e after restore is an error beta e of the input; the charge that it holds
  // there, beta e (Cs + Cp), is lost in the next sample and moves the output by that over Ci.
  const double lost = beta * (circuit.c_sample + load.x + c_in) / circuit.c_integ;
  n.restore_error = n.step_error * lsb / lost;
  n.noise = lsb / std::sqrt(12.0);  // no more than rounding to codes adds itself
  n.inl = n.dnl = 0.5;              // thresholds within half a code of a straight line, steps of half to one and a half
  return n;
}

bool SpecRow::passes() const {
  switch (bound) {
    case Bound::at_least:
      return value >= limit;
    case Bound::at_most:
      return value <= limit;
    case Bound::none:
      break;
  }
  return true;
}

std::vector<SpecRow> specification(const AmplifierFigures& f, const AmplifierNeeds& n,
                                   const CircuitParams& circuit, const PhaseTimes& times,
                                   double temperature) {
  std::vector<SpecRow> rows;
  const auto row = [&](const std::string& quantity, const std::string& unit, double value,
                       Bound bound, double limit, const std::string& how) {
    rows.push_back({quantity, unit, value, limit > 0.0 ? bound : Bound::none, limit, how});
  };
  const auto least = Bound::at_least, most = Bound::at_most, none = Bound::none;
  const auto margin = [](double pole, double crossing) {
    return pole > 0.0 ? std::atan(pole / (2.0 * pi * crossing)) * 180.0 / pi : 0.0;
  };
  const double kt = boltzmann * (temperature + 273.15);
  row("DC gain", "1", f.gain, least, n.gain, "slope of the DC transfer, output at VREF");
  row("output swing above VREF", "V", f.swing_high, least, n.swing,
      "DC transfer, gain above its limit");
  row("output swing below VREF", "V", f.swing_low, least, n.swing,
      "DC transfer, gain above its limit");
  row("systematic offset", "V", std::abs(f.offset), most, n.offset,
      "unity gain, output minus VREF");
  row("input capacitance", "F", f.input_capacitance, none, 0.0, "AC current into inm");
  row("gain-bandwidth product", "Hz", f.gain_bandwidth, least, n.crossing_sample,
      "AC, |A| f on the slope, load of the sample phase");
  row("crossing, unity gain", "Hz", f.crossing_sample, least, n.crossing_sample,
      "AC, loop of the sample phase");
  row("phase margin, unity gain", "deg", f.margin_sample, least,
      margin(n.pole_sample, f.crossing_sample), "AC, loop of the sample phase");
  row("crossing, through C_integ", "Hz", f.crossing_integrate, least, n.crossing_integrate,
      "AC, loop of the integrate phase");
  row("phase margin, through C_integ", "deg", f.margin_integrate, least,
      margin(n.pole_integrate, f.crossing_integrate), "AC, loop of the integrate phase");
  row("slew rate, rising", "V/s", f.slew_rise, least, n.slew,
      "transient, open amplifier overdriven");
  row("slew rate, falling", "V/s", f.slew_fall, least, n.slew,
      "transient, open amplifier overdriven");
  row("settling, sample phase", "s", f.settling_sample, most, n.settling_sample,
      fmt::format("transient, unity gain, charge to {:.3g}", n.step_error));
  row("settling, integrate phase", "s", f.settling_integrate, most, n.settling_integrate,
      fmt::format("transient, v_read through C_sample, to {:.3g}", n.step_error));
  row("return from a compare phase", "s", f.settling_restore, most, n.settling_restore,
      fmt::format("transient, worst of four outputs, to {:.3g} mV", 1e3 * n.restore_error));
  row("noise density at the input", "V/sqrt(Hz)", f.noise_density, none, 0.0,
      ".noise, unity gain, 10 MHz");
  row("noise of one sample", "V", f.noise_sample, none, 0.0, ".noise, charge on x, as output");
  row("noise of one hold", "V", f.noise_hold, none, 0.0, ".noise, charge of C_integ, as output");
  row("noise of the output", "V", f.noise_output, none, 0.0,
      ".noise, C_integ closed; no decision sees it");
  row("noise of one decision", "V", f.noise_compare, none, 0.0,
      "density over the compare phase, as output");
  row("noise after a conversion", "V", f.noise, most, n.noise,
      fmt::format("{} samples and holds and one decision, squares added", times.cycles));
  row("kT/C of C_sample", "V", f.ktc_sample, none, 0.0,
      fmt::format(".noise of a switch; the formula gives {}",
                  format_quantity(std::sqrt(kt / circuit.c_sample), "V")));
  row("kT/C of C_integ", "V", f.ktc_integrate, none, 0.0,
      fmt::format(".noise of a switch; the formula gives {}",
                  format_quantity(std::sqrt(kt / circuit.c_integ), "V")));
  row("supply current", "A", f.supply_current, most, n.supply_current,
      "operating point, unity gain");
  row("energy of a sample and an integrate phase", "J",
      circuit.v_dd * f.supply_current * times.cycle, none, 0.0, "supply current over both phases");
  row("bias generator of a core", "A", f.bias_current, none, 0.0, "operating point");
  const std::string ramps = "netlists/programs/preset_ramp.toml, both polarities";
  row("INL of the converter", "LSB", f.inl, most, n.inl, ramps + ", from the straight line of each");
  row("DNL of the converter", "LSB", f.dnl, most, n.dnl, ramps);
  rows.push_back({"codes missing", "", f.missing, most, 0.0, ramps});
  row("energy of a conversion to the largest code", "J", f.energy, most, n.energy, "supply currents of the whole neuron in these runs");
  return rows;
}

}  // namespace mho::circuits
