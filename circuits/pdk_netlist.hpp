// A netlist whose transistors n18, p18, n50 and p50 become those of a sky130 installation: each
// distinct (model, W, L) takes its bin as a plain card of its own (circuits/pdk.hpp), and each
// instance names its card.
#pragma once
#include <string>
#include <vector>

#include "circuits/pdk.hpp"

namespace mho::circuits {

struct PdkNetlist {
  std::string text;                  // line for line as given, models renamed
  std::string models;                // the cards
  std::vector<std::string> sources;  // of each card, one line for reports
};

// nfet_01v8 for n18, pfet_01v8 for p18, nfet_g5v0d10v5 for n50, pfet_g5v0d10v5 for p50. Other
// models stay as they are. W and L must be numbers or arithmetic of numbers: which bin a parameter
// falls into is not known from the text. Throws ConfigError naming `file` and line, IoError.
PdkNetlist with_pdk_models(const std::string& text, const std::string& file,
                           const PdkInstallation& pdk, const std::string& corner = "tt");

}  // namespace mho::circuits
