// A SPICE model library read as text: its logical lines, its parameters, and the bins of one
// transistor, each with the file and line it came from. No ngspice.
//
// Only what a library of binned transistor models uses is understood: `+` continuations with
// comments between them, .lib sections and calls, .include, .param (the last definition of a name
// counts), .option scale, .subckt and .model; other cards are passed over.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace mho::circuits {

// Text of a value with its place: an expression without braces or quotes, lower case.
struct SourcedText {
  std::string text;
  std::string file;
  int line = 0;
};
// name = value pairs in file order, names in lower case.
using Assignments = std::vector<std::pair<std::string, SourcedText>>;

// One .model card.
struct ModelCard {
  std::string name, type;  // lower case
  Assignments values;
  std::string file;
  int line = 0;
};

struct SpiceLibrary {
  std::map<std::string, SourcedText, std::less<>> parameters;  // global
  Assignments transistor_parameters;  // .subckt line and .param of the transistor's subcircuit
  std::string model_name;             // that its instance line names
  std::string subcircuit_file;        // empty when the subcircuit was not found
  int subcircuit_line = 0;
  std::vector<ModelCard> models;  // in the subcircuit or outside every subcircuit
  double scale = 1.0;             // [m] unit of w and l on instance lines
};

// Reads `path`; of a file with .lib sections only the section `section`. Below it every include is
// followed, except the files for which `wanted` is false. `subcircuit` is the transistor.
// Throws IoError for a file that is missing (naming the line that asks for it), ConfigError.
SpiceLibrary read_spice_library(const std::string& path, const std::string& section,
                                const std::string& subcircuit,
                                const std::function<bool(const std::string& file_name)>& wanted);

}  // namespace mho::circuits
