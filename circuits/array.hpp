// A whole array at transistor level with its word lines on: row drivers shared by all columns, floating source lines. For the rung above: what lines settle to.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "circuits/conversion.hpp"

namespace mho::circuits {

struct ArrayInput {
  std::vector<std::vector<double>> conductance;  // [row][column] [S]
  std::vector<std::int8_t> levels;               // [row] of −1, 0, +1
  double v_read = 0.3;                           // [V]
};

// Text for ngspice without analysis lines; source lines are the nodes s0, s1, …
std::string array_netlist(const CircuitParams& circuit, const ArrayInput& input, const Transistors& transistors = {});

// Source lines [V, relative to VREF] when they have settled (200 ns). Throws as Session::transient.
std::vector<double> settled_lines(spice::Session& session, const CircuitParams& circuit, const ArrayInput& input, const ConversionOptions& options, const Transistors& transistors = {});

}  // namespace mho::circuits
