// Thresholds of a converter from recorded conversions, and its linearity. modes_converter.cpp derives the two methods.
#pragma once
#include <array>
#include <vector>

#include "circuits/conversion.hpp"

namespace mho::validation {

// A conversion of `v_preset` [V at out, minus VREF] without an array, by a program with that parameter.
circuits::ConversionSetup converter_setup(const circuits::CircuitParams& circuit, const circuits::ControlProgram& program, const circuits::ReadPoint& point, double v_preset);

// The program with `time` [s] from the latch's clock to the end of the phase. Throws Error when the phase has events after that, or no phase turns the latch on.
circuits::ControlProgram with_latch_time(circuits::ControlProgram program, double time);

// Where the decisions of the records turn, by what the latch decided.
struct ComparatorTurn {
  double v_latch = 0.0;    // [V] out at which the latch turns (solver::latch_turn)
  double residue = 0.0;    // [V] integrated voltage that brings out there, on the straight line between the two nearest residues. NAN: decisions of one sign only
  double bracket = 0.0;    // [V] of residue between those two; negative: they overlap
  int undecided = 0;
};
ComparatorTurn comparator_turn(const circuits::ControlProgram& program, const std::vector<circuits::ConversionRecord>& records);
// Comparisons whose residue is further than `margin` [V] from the turn, on the other side than the decision; one that the latch left undecided is not wrong.
int wrong_decisions(const circuits::ControlProgram& program, const circuits::ConversionRecord& record, double turn, double margin);

// thresholds[k − 1]: magnitude of the integrated voltage at which code ±k begins [V], from one ramp; as many as the ramp reaches, `codes` at most.
std::vector<double> ramp_thresholds(const circuits::ConversionRecord& ramp, double turn, int codes);
// Signed code that these thresholds (positive, negative) give to the integrated voltage v.
int code_from(const std::array<std::vector<double>, 2>& thresholds, double turn, double v);

struct BinaryThresholds {
  std::array<std::vector<double>, 2> thresholds;  // NAN where no conversion touches one
  double spread = 0.0;                            // [V] largest difference between two conversions' estimates of the same threshold
};
// Conversions with an undecided comparison tell none.
BinaryThresholds binary_thresholds(const circuits::ControlProgram& program, const std::vector<circuits::ConversionRecord>& records, double turn);

// Linearity after gain and offset of one polarity: INL is the largest distance of a threshold from the straight line, DNL that of a step from the line's.
struct ConverterLine {
  int codes = 0, missing = 0;         // thresholds found; codes without an interval, or whose place between two known thresholds is too narrow by half a code
  double lsb = 0.0, offset = 0.0;     // [V], [LSB]
  double inl = 0.0, dnl = 0.0;        // [LSB]
  int inl_code = 0, dnl_code = 0;
};
ConverterLine converter_line(const std::vector<double>& thresholds, int codes);

}  // namespace mho::validation
