// One column at transistor level: rows with drivers, 1T1R cells, the source line with its load, and the neuron. Text for ngspice.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "circuits/control_program.hpp"
#include "circuits/conversion_data.hpp"

namespace mho::circuits {

// Distinct sequences of levels among the rows: rows with the same sequence share one source.
struct RowGroups {
  std::vector<std::vector<std::int8_t>> sequence;  // [group][bit]
  std::vector<int> group_of_row;                   // [row]
};
RowGroups group_rows(const ColumnInput& input);

// Time at which the pulse phase of each bit starts [s]; it does not depend on decisions. Throws Error when the program decides before the last bit.
std::vector<double> bit_start_times(const ControlProgram& program, const std::vector<int>& samples);

// The deck without analysis lines. Row sources are PWL (vr0, vr1, …); control lines are the sources vc_<signal> driving the switch drivers: external for a run by
// the host, or given as PWL text in `control_pwl` (one per signal) for an exported deck.
std::string column_netlist(const CircuitParams& circuit, const ColumnInput& input, const ControlProgram& program,
                           const std::vector<std::string>& control_pwl = {});
// Shipped subcircuits and model card as one text.
std::string subcircuit_text();

}  // namespace mho::circuits

