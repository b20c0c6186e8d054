// First law on a whole conversion: what all sources deliver against what all parts take. The
// sources are those of the energy account (circuits/conversion.hpp): charge by ngspice's rule times
// mean voltage. The parts are found on their own, from the same deck with a meter of 0 V at every
// pin of every amplifier, switch, driver, latch and transistor:
//   resistor          ∫ v²/R dt, from its node voltages
//   capacitor         C (v_end² − v_start²)/2
//   anything with transistors   Σ over its pins of ∫ v i dt; its pins at ground take none
// Subcircuits `neuron` and `cell` are opened, so that each of their elements is a part; all others
// are parts as a whole.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "circuits/conversion.hpp"

namespace mho::validation {

struct EnergyBalance {
  double delivered = 0.0;                             // [J] by all sources
  std::vector<std::pair<std::string, double>> parts;  // [J] taken, by kind of part
  double taken() const;
  double residual() const;  // [1] (delivered − taken)/delivered
};

// Deck with meters, and how to read them.
struct MeteredDeck {
  struct Pin {
    std::string kind, node, meter;  // power taken is v(node) · i(meter)
  };
  struct Passive {
    std::string kind, a, b;
    double value;  // [ohm] or [F]
  };
  std::string text;
  std::vector<Pin> pins;
  std::vector<Passive> resistors, capacitors;
};
// Throws Error for an element at the top of the deck that it does not know.
MeteredDeck metered_deck(const std::string& deck);

// Runs one conversion with meters.
EnergyBalance balance_energy(spice::Session& session, const circuits::ConversionSetup& setup,
                             const circuits::ConversionOptions& options);

}  // namespace mho::validation
