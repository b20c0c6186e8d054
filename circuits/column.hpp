// One neuron and what it reads, at transistor level, as text for ngspice: the neuron with its control lines and levels, and one column of the array: rows with
// drivers, 1T1R cells, the source line with its load.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "circuits/control_program.hpp"
#include "circuits/conversion_data.hpp"
#include "circuits/model_card.hpp"

namespace mho::circuits {

// Distinct sequences of levels among the rows: rows with the same sequence share one source.
struct RowGroups {
  std::vector<std::vector<std::int8_t>> sequence;  // [group][bit]
  std::vector<int> group_of_row;                   // [row]
};
RowGroups group_rows(const std::vector<std::vector<std::int8_t>>& levels, size_t rows);

// What the neuron is attached to: text with the nodes sl and bl, word lines driven from c_wl, and drivers r0, r1, … fed by sources vr0, vr1, … that this text does
// not hold. Before the first bit and after the last a driver is at VREF.
struct ArrayPart {
  std::string netlist;
  std::vector<std::vector<std::int8_t>> drive;  // [source][bit] of −1, 0, +1
  std::string sampled = "sl";                   // the line that is read
};
ArrayPart column_part(const CircuitParams& circuit, const ColumnInput& input);
// No cells: the neuron's lines with their capacitance, for runs of the converter alone.
ArrayPart line_part(const CircuitParams& circuit);

// Files and settings of the netlist that a designer may replace.
struct Transistors {
  std::string models;     // text of the model card; empty: netlists/card_130nm.lib
  std::string amplifier;  // text with the subcircuits ota and ota_bias; empty: netlists/ota.sub
  std::string latch;      // text with the subcircuit latch; empty: netlists/latch.sub
  std::string netlist;    // text of all subcircuits and models, in place of everything above and the other files of netlists/
};

// The shipped netlist at a process corner.
Transistors transistors_at(Corner corner);

// How a source moves: text after "vname node 0 ", by the name of the source ("vc_az", "vdp", "vr0").
using SourceText = std::function<std::string(const std::string& name)>;

// The deck without analysis lines. Sources that the program moves (moved_sources) are "external" for a run by the host, or given by `text` for an exported deck.
std::string conversion_netlist(const CircuitParams& circuit, const ControlProgram& program, const ArrayPart& array,
                               const Transistors& transistors = {}, const SourceText& text = {});
// Control lines (vc_*, those that the program uses and wl), levels (vlr, vdp, vdn, vcb), drivers (vr*), in this order.
std::vector<std::string> moved_sources(const ControlProgram& program, const ArrayPart& array);
// Shipped subcircuits and model card as one text.
std::string subcircuit_text(const Transistors& transistors = {});

}  // namespace mho::circuits
