// Energy per operation of one full core, the way the chip paper measures it, beside the paper's figures. Nothing is fitted to them.
//
// One core of `rows` physical rows = rows/2 signed weights, drawn from a normal distribution, w_max at the 95th percentile of |w|; inputs
// uniform over the signed codes of n_in bits (1 bit: −1 and +1); outputs of n_out bits, sign included. The operating point follows the config's
// rule with max_code = 2^(n_out − 1) − 1. Two ADCs: the unary one (sign, then one decrement and compare per step until the sign flips), and the
// chip's binary search: a sign compare, then n_out − 1 times restore, sample, integrate and compare.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "chip/chip_config.hpp"
#include "chip/core_model.hpp"
#include "chip/estimate.hpp"
#include "chip/operating_point.hpp"

namespace mho::chip {

enum class Adc { unary, binary_search };

struct EnergyBenchOptions {
  std::uint64_t seed = 1;
  int vectors = 200;                                        // [1] input vectors of each case
  double w_max_quantile = 0.95;                             // [1]
  std::vector<std::array<int, 2>> bits{{1, 3}, {4, 6}};     // [1] input and output bits
};

// The chip's measured energy per operation [J] (Wan et al., Nature 608, 504 (2022), Extended Data Fig. 12, digitised) and its split.
struct MeasuredEnergy {
  double word_line, neuron, input_pulses;
  double total() const { return word_line + neuron + input_pulses; }
};
// At the input and output bits for which a figure is known here.
std::optional<MeasuredEnergy> measured_energy(int input_bits, int output_bits);

struct EnergyBenchCase {
  int input_bits = 0, output_bits = 0;
  Adc adc = Adc::unary;
  PointChoice point;
  LayerEstimate estimate;               // of one multiplication by the whole core
  std::optional<MeasuredEnergy> chip;
  // The model's components in the groups of the chip's split [J] per operation: word line; neuron = amplifier, switches, comparator and
  // bias; input pulses = array.
  MeasuredEnergy grouped() const;
};

std::vector<EnergyBenchCase> bench_energy(const ChipConfig& config, const CoreFactory& make_core, const solver::EnergyModel& model,
                                          const EnergyBenchOptions& options = {}, const LineTrim& line_trim = {});

// Events of a binary-search ADC on `conversions` columns: those of sign compare + steps × (decrement + compare). They are read off the core's own
// unary conversion of ramps, whose events are linear in the number of steps. steps = n_out − 1 ≥ 1.
solver::EventCounts binary_search_counts(const CoreModel& core, Eigen::Index columns, int steps, int max_code);

Json to_json(const std::vector<EnergyBenchCase>& cases);
std::string energy_bench_table(const std::vector<EnergyBenchCase>& cases);  // text for a terminal

}  // namespace mho::chip
