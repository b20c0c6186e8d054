// Circuits and control programs whose energy per operation is compared, and the columns that they
// convert: one column of a full core, 256 rows = 128 signed weights, 4-bit signed inputs (3
// magnitude bits), 6-bit signed outputs (codes to ±31).
//
// Weights are normally distributed with w_max at the 95th percentile of |w|; the stronger cell of a
// pair holds G_min + (G_max − G_min) |w|/w_max, the other G_min. Inputs are uniform over −7 … 7.
// One multiply-accumulate of a signed weight is two operations, so a conversion is 256 of them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "circuits/conversion.hpp"

namespace mho::validation {

enum class Converter { unary, binary };

// Everything that may differ between two circuits of the same column: all of it goes through the
// same engine.
struct EnergyDesign {
  std::string name;
  Converter converter = Converter::unary;
  circuits::CircuitParams circuit;
  circuits::ControlProgram program;
  circuits::Transistors transistors;
  double v_read = 0.3;          // [V]
  double decrement_gain = 1.0;  // [1] decrement in units of the one that makes max_code the full
                                // scale of an ideal circuit: calibrates its gain
  double v_trim = 0.0;          // [V] reference of the sampled line minus VREF: nulls the offset
  double v_pedestal = 0.0;  // [V] what the switches add to C_sample in each cycle, left out of both
                            // decrement levels: makes the signs alike
};

// 34/208 fF, word lines from 0 to 3.3 V once a conversion, phases of 10 ns; levels not calibrated
// (netlists/programs/baseline_*.toml).
EnergyDesign baseline_design(Converter converter);
// The same codes at less energy (netlists/programs/low_energy_*.toml).
EnergyDesign low_energy_design(Converter converter);
// The baseline with one change each: those that the low-energy design makes, and two that it
// leaves. Levels are not calibrated again.
std::vector<EnergyDesign> lever_designs(Converter converter);

// Column and inputs number `index` [S, levels of ±1]; v_read and v_decrement are left to the
// design.
circuits::ColumnInput energy_column(std::uint64_t seed, std::uint32_t index, int rows = 256);
// The column with all inputs of the other sign.
circuits::ColumnInput negated(circuits::ColumnInput column);
// Σ_k 2^k Σ G x_k / Σ G: what an ideal driven line integrates, in units of the read voltage.
double ideal_sum(const circuits::ColumnInput& input);
// Quantile 0.995 of |ideal_sum| over 2,000 columns: the full scale that 31 codes shall cover.
double full_scale_sum(std::uint64_t seed, int rows = 256);

circuits::ConversionSetup design_setup(const EnergyDesign& design, circuits::ColumnInput column,
                                       double full_scale);

// What the levels of a design should be, from records of conversions of `columns` at the levels that it has: trim and gain from the straight line of integrated voltages
// over ideal sums, from where the comparator turns and from what the residue changes by for each unit of code; pedestal from what it changes by besides.
// Throws Error when decrements of one sign or decisions of one sign are missing.
struct DesignLevels {
  double v_trim = 0.0, v_pedestal = 0.0, decrement_gain = 1.0;  // [V], [V], [1]
  double v_turn = 0.0;  // [V] integrated voltage at which the comparator turns
};
DesignLevels design_levels(const EnergyDesign& design, const std::vector<circuits::ColumnInput>& columns,
                           const std::vector<circuits::ConversionRecord>& records, double full_scale);
void set_levels(EnergyDesign& design, const DesignLevels& levels);

// netlists/ota.sub with the current of its bias reference scaled, and with it all others.
std::string amplifier_with_current(double factor);
// The program with one phase of another length; events keep their distance from the start, a latch
// clock its distance from the end.
circuits::ControlProgram with_duration(circuits::ControlProgram program, const std::string& phase,
                                       double duration);

}  // namespace mho::validation
