// A designer's amplifier: a SPICE file that defines the subcircuit of the neuron's amplifier, read
// and checked as text before ngspice sees it.
//
//   .subckt ota inp inm out vdd bn bp cn cp      out rises when inp > inm; ground is node 0
//   .subckt ota_bias vdd bn bp cn cp             optional: the bias generator of a core
//
// Pins and their order are those of netlists/ota.sub, whose bias generator serves a file that
// brings none. Transistors are n18, p18, n50, p50 of netlists/card_130nm.lib, or models that the
// file defines itself.
#pragma once
#include <string>

namespace mho::circuits {

struct AmplifierFile {
  std::string path;
  std::string name;       // of the amplifier's subcircuit
  std::string text;       // line for line as in the file; paths of includes are absolute
  bool own_bias = false;  // the file defines ota_bias
};

// Throws IoError, and ConfigError with the line for: no such subcircuit, pins that are missing, too
// many or in another order, a .subckt without its .ends, elements outside of subcircuits, analyses,
// a transistor's model or a subcircuit that nobody defines.
AmplifierFile read_amplifier(const std::string& path, const std::string& name = "ota");
AmplifierFile parse_amplifier(const std::string& text, const std::string& path,
                              const std::string& name = "ota");

// Text that takes the place of netlists/ota.sub in a deck: the file first, so that line n of it is
// line n of the file, then what it lacks of `ota` and `ota_bias`.
std::string amplifier_text(const AmplifierFile& amplifier);

}  // namespace mho::circuits
