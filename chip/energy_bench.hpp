// Energy per operation of one full core at every precision, under the conditions of the chip paper's measurement.
//
// Conditions. One core of `rows` physical rows = rows/2 signed weights, drawn from a normal distribution, w_max at the 95th percentile of |w|; inputs uniform over
// the signed codes of n bits (1 bit: −1 and +1); outputs two bits wider, sign included; the chip's binary-search ADC: a sign compare, then one step of restore,
// sample, integrate and compare per magnitude bit of the output.
//
// Operating point. The config's rule, with a swing that the ADC can use: max_code steps of the smallest decrement (v_decrement_min), at most the config's swing. A
// larger swing is conduction loss that no code shows.
//
// Two phases (Wan et al. 2022, Fig. 3f). From 5 bits on, the m = n − 1 magnitude bits are split into ⌈m/2⌉ high and ⌊m/2⌋ low ones. Each segment with the sign is a
// multiplication and a conversion of its own, two bits wider than its input; high · 2^⌊m/2⌋ + low has n + 2 bits again and is formed digitally:
//   E = E_high + E_low + E_add,   t = t_high + t_low.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "chip/chip_config.hpp"
#include "chip/core_model.hpp"
#include "chip/estimate.hpp"
#include "chip/operating_point.hpp"

namespace mho::chip {

struct EnergyBenchOptions {
  std::uint64_t seed = 1;
  int vectors = 200;                                   // [1] input vectors of each phase
  double w_max_quantile = 0.95;                        // [1]
  std::vector<int> input_bits{1, 2, 3, 4, 5, 6, 7, 8};
  int last_single_phase = 6;                           // [1] input bits up to which one phase is possible …
  int first_two_phase = 5;                             // [1] … and from which on two are
};

// Energy per operation [J] in the groups of the chip's measured split: word line; neuron = amplifier, switches, comparator and bias; input pulses = array.
struct EnergyGroups {
  double word_line = 0, neuron = 0, input_pulses = 0;
  double digital = 0;  // adding the phases; no part of the chip's figures
  double total() const { return word_line + neuron + input_pulses + digital; }
};
// The chip's measured energy (Wan et al., Nature 608, 504 (2022), Extended Data Fig. 12, digitised) at 1/3 and 4/6 bits; no other figure of it is used anywhere.
std::optional<EnergyGroups> measured_energy(int input_bits, int output_bits);

struct EnergyPhase {
  int input_bits = 0, output_bits = 0;  // [1] of this phase, sign included
  PointChoice point;
  LayerEstimate estimate;               // of one multiplication by the whole core
  double error_lsb = 0;                 // [1] rms of integrated voltage about the line through the exact products of each column, in LSB of the output; without quantisation
  bool outside_of_fit = false;          // the calibrated neuron saw nothing like it (mark_outside_of_fit)
};

struct EnergyBenchCase {
  int input_bits = 0, output_bits = 0;  // [1]
  std::vector<EnergyPhase> phases;      // one, or high and low
  LayerEstimate estimate;               // of one multiplication by the whole core: sum of the phases, operations counted once; without the digital sum
  double digital_add = 0;               // [J] of one multiplication; 0 with one phase
  std::optional<EnergyGroups> chip;

  bool outside_of_fit() const;
  EnergyGroups grouped() const;
  double error_per_operation() const { return estimate.total_error / estimate.operations(); }  // [J] of the fitted energies
};

std::vector<EnergyBenchCase> bench_energy(const ChipConfig& config, const CoreFactory& make_core, const solver::EnergyModel& model,
                                          const EnergyBenchOptions& options = {}, const LineTrim& line_trim = {});
// Marks phases whose operating point, magnitude bits (more than 3) or LSB the calibration of `neuron` did not see.
void mark_outside_of_fit(std::vector<EnergyBenchCase>& cases, const solver::NeuronModel& neuron);

// Energy [J] of adding two words into one of `bits` in this process, per output: 3.75 fJ per bit at 45 nm and 0.9 V (0.03 pJ for 8 bits: Horowitz, ISSCC 2014, 10-14), with
// capacitance in proportion to the node and the square of the supply. An estimate, to a factor of two.
double digital_add_energy(int bits);

// Events of a binary-search ADC on `columns` conversions: those of sign compare + steps × (decrement + compare). They are read off the core's own
// unary conversion of ramps, whose events are linear in the number of steps. steps = n_out − 1 ≥ 1.
solver::EventCounts binary_search_counts(const CoreModel& core, Eigen::Index columns, int steps, int max_code);

}  // namespace mho::chip
