// Which non-idealities a chip has: one switch each, for the job file and for ablations. docs/array.md names what each is held against.
//
// Of a die: bad rows, programming, relaxation and read noise as long as it holds. Of lines: wires, drivers, access transistors, bent cells, read noise that is new in each read,
// shared supplies. Of neurons: the fitted circuit, its noise, and the resolution of the ADC. Coupling of lines has no switch: settled lines do not depend on it.
//
// Every random number comes from seed, die, block, image and position.
#pragma once
#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "chip/core_model.hpp"
#include "chip/die.hpp"
#include "core/params.hpp"
#include "core/toml_file.hpp"
#include "solver/neuron_model.hpp"

namespace mho::chip {

struct Effects {
  bool bad_rows = true;          // off: every row is good
  bool programming = true;       // off: cells are written to their targets
  bool relaxation = true;        // off: cells stay as written
  bool wires = true;             // off: no resistance between cells
  bool drivers = true;           // off: row drivers of no resistance; on: those of calibrate.circuit.r_driver
  bool transistors = true;       // off: access transistors that do not limit the current
  bool bent_cells = true;        // off: ohmic cells; on: devices::SinhRead
  bool read_noise = true;        // off: cells that are read alike each time; on: devices::ReadNoiseParams
  bool shared_supplies = false;  // on: the cores of a matrix share the supplies of their drivers
  bool neuron = true;            // off: charge as computed by hand; on: settling, held and falling lines, leakage, amplifier and ADC steps of the fitted circuit
  bool circuit_noise = true;     // off: neurons without noise
  bool adc = true;               // off: endless range and resolution

  double r_bl = 0.5, r_sl = 0.5;     // [ohm] wire from cell to cell of bit lines and source lines
  double noise_rate = 1e3;           // [Hz] read noise slower than this holds for the run, faster one is new in each read
  double sample_noise = 0.32e-3;     // [V rms] on the integrated voltage of each sample with its hold: kT/C and amplifier (mho neuron check: 0.248 and 0.203 mV)
  double decision_noise = 0.98e-3;   // [V rms] of a decision (mho neuron check)
  double supply_source = 1.0;        // [ohm] before the first core of a common supply …
  double supply_step = 1.0;          // [ohm] … and from core to core
};

struct EffectSwitch {
  std::string_view key;
  bool Effects::* member;
  std::string_view name;
};
inline constexpr std::array<EffectSwitch, 12> effect_switches{{
    {"bad_rows", &Effects::bad_rows, "bad rows"},
    {"programming", &Effects::programming, "programming error"},
    {"relaxation", &Effects::relaxation, "relaxation"},
    {"wires", &Effects::wires, "wires"},
    {"drivers", &Effects::drivers, "row drivers"},
    {"transistors", &Effects::transistors, "access transistors"},
    {"bent_cells", &Effects::bent_cells, "bent cells"},
    {"read_noise", &Effects::read_noise, "read noise"},
    {"shared_supplies", &Effects::shared_supplies, "shared supplies"},
    {"neuron", &Effects::neuron, "neuron's circuit"},
    {"circuit_noise", &Effects::circuit_noise, "circuit noise"},
    {"adc", &Effects::adc, "ADC resolution"},
}};
Effects with_all_switches(Effects effects, bool on);
// What operating points see: the deterministic effects of lines and neuron. They are chosen on targets, by rule, without noise.
Effects seen_by_points(Effects effects);

// Reads the table `effects` (examples/mnist.toml lists it). Throws ConfigError.
Effects read_effects(TomlFile& file);
// Only what is the same in every read, for chips whose reads have no noise of their own: wires, drivers, transistors, bent cells and the neuron's circuit. Everything that is
// random from read to read is off, everything of the die on.
Effects read_line_effects(TomlFile& file);
void add_to_key(CacheKey& key, const Effects& effects);

// Cells of a die as `effects` leave them, by block.
struct DieCells {
  std::vector<Eigen::MatrixXf> conductance;  // [S]
  std::vector<Eigen::MatrixXd> sigma;        // [S] from read to read; empty without read noise
};
bool needs_programming(const Effects& effects);
// `die` needs conductances only where needs_programming(). `wait` [s] from programming to use.
DieCells cells_of(const ProgrammedDie& die, std::span<const MatrixSpec> matrices, const ChipConfig& config, const Effects& effects, std::uint64_t seed);

// One core with these effects. sigma: as in DieCells, or empty. Read noise and circuit noise act in CoreModel::read() alone. With the neuron's circuit the core is a
// solver::FastCore; without it settled lines of one feed ideal capacitors and an ADC of equal steps, or, without effects of lines, ideal_cores().
std::unique_ptr<CoreModel> make_effect_core(const solver::NeuronModel& neuron, const Effects& effects, const Eigen::MatrixXd& conductance, const solver::OperatingPoint& point,
                                            int bits, const Eigen::MatrixXd& sigma = {});
// The same as a factory, without read noise. `neuron` must outlive it.
CoreFactory effect_cores(const solver::NeuronModel& neuron, const Effects& effects);

}  // namespace mho::chip

namespace mho {
template <>
struct ParameterTable<chip::Effects> {
  using S = chip::Effects;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"r_bl", &S::r_bl, "ohm", 0, 1e4, "wire of a bit line from cell to cell"},
      {"r_sl", &S::r_sl, "ohm", 0, 1e4, "wire of a source line from cell to cell"},
      {"noise_rate", &S::noise_rate, "Hz", 1e-6, 1e12, "read noise slower than this holds for the run"},
      {"sample_noise", &S::sample_noise, "V", 0, 0.1, "noise of a sample and its hold on the integrated voltage, rms"},
      {"decision_noise", &S::decision_noise, "V", 0, 0.1, "noise of a decision on the integrated voltage, rms"},
      {"supply_source", &S::supply_source, "ohm", 0, 1e4, "before the first core of a common supply"},
      {"supply_step", &S::supply_step, "ohm", 0, 1e4, "from core to core of a common supply"},
  });
};
}  // namespace mho
