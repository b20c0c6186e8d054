// Every feedback mode of the neuron at transistor level, held against what it should compute: the parts of `mho validate modes`. All runs are whole conversions in
// ngspice by the shipped control programs, on a neuron with 34 fF and 208 fF, word lines from 0 to 3.3 V.
#pragma once
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "circuits/conversion.hpp"
#include "circuits/mode_table.hpp"
#include "circuits/model_card.hpp"
#include "core/cache.hpp"
#include "validation/section.hpp"

namespace mho::validation {

struct ModeSettings {
  std::uint64_t seed = 1;
  int workers = 2;
  double tolerance = 1e-5;  // [1] reltol of ngspice
  int samples = 2000;       // [1] of the stochastic neuron at each level
  int dies = 250;           // [1] of the mismatch, the same with CDS on and off: 500 runs of four lines each
  int vectors = 50;         // [1] of the energy
  double energy_tolerance = 1e-4;  // [1] reltol of its full columns
  std::vector<circuits::Corner> corners{std::begin(circuits::all_corners), std::end(circuits::all_corners)};
  Cache cache = Cache({}, true);
};

// Circuit that the parts share: 16 rows, capacitors twice the chip's (circuit noise and charge injection halve against the signal).
circuits::CircuitParams mode_circuit();
// Resistance [ohm] that a source of `volt` [V] sees at the operating point of `netlist`, in a process of its own.
double resistance_at(const std::string& name, const std::string& netlist, const std::string& source, double volt, const std::string& options = "reltol=1e-6");
// Time [s] from the latch's clock until its outputs are half the supply apart, by each difference `dv` [V] of its input to VREF: negative when it decides wrongly,
// infinite when it takes longer than 7 ns.
std::vector<double> latch_times(const circuits::CircuitParams& circuit, const circuits::Transistors& transistors, double temperature, const std::vector<double>& dv, int workers);
// Select transistor at VREF and 50 mV with the row's driver: what stands in series with a cell [ohm].
double series_resistance(const circuits::CircuitParams& circuit);
// The same column with each cell at what is left of its conductance behind `series` [ohm]: write-verify reads cell, transistor and driver in series.
circuits::ColumnInput behind(circuits::ColumnInput input, double series);
// Runs all; a conversion that fails is an Error that names it.
std::vector<circuits::ConversionRecord> run_modes(const std::vector<circuits::ConversionSetup>& setups, const ModeSettings& settings, const std::string& title);
// A line at each of `lines` [V] on each die of the mismatch, by one program: setup die·lines.size() + line.
std::vector<circuits::ConversionSetup> mismatch_setups(const circuits::CircuitParams& circuit, const circuits::ControlProgram& program, const circuits::ReadPoint& point,
                                                       std::span<const double> lines, int dies, std::uint64_t seed);

// Integrated voltage of random vectors: driven in every sample against the weighted mean, held against the law of shared charge.
Section validate_integrate(const ModeSettings& settings);
// Thresholds of both converters over ±127 codes.
Section validate_converters(const ModeSettings& settings);
// ReLU, tanh and sigmoid against the unary code of the same vectors.
Section validate_functions(const ModeSettings& settings);
// Probability of the stochastic neuron against the one predicted from its pulses and the comparator.
Section validate_stochastic(const ModeSettings& settings);
// Rate of the integrate-and-fire neuron over its input against a discrete model fitted at two other inputs.
Section validate_spiking(const ModeSettings& settings);
// Backward and recurrent products against forward ones of the transposed matrix.
Section validate_directions(const ModeSettings& settings);
// Time the latch needs over the voltage it is given, and how small that must be to stay undecided.
Section validate_latch(const ModeSettings& settings);
// Both converters at five corners, three temperatures and three supplies.
Section validate_corners(const ModeSettings& settings);
// Gain and offset over dies with mismatch, with correlated double sampling on and off.
Section validate_mismatch(const ModeSettings& settings);
// Energy per operation of a full column, baseline against low-energy design, by phase and component; sources against parts.
Section validate_energy(const ModeSettings& settings);

}  // namespace mho::validation
