// Transistor models for a deck: from a sky130 installation when PDK_ROOT and PDK are set, else the
// card that ships with mho.
//
// An installation (open_pdks) has $PDK_ROOT/$PDK/libs.tech/ngspice/sky130.lib.spice with a section
// for each corner, whose includes reach the transistors in libs.ref/sky130_fd_pr/spice. There the
// models stand inside the transistor's subcircuit, one for each bin of W and L, with expressions
// for mismatch and corners: ngspice copies all of them for each instance and evaluates the whole
// library (seconds and hundreds of MB). Here the host reads the few files of one transistor, picks
// the bin
//   lmin ≤ L < lmax,  wmin ≤ W < wmax                                                [m, as drawn]
// evaluates its expressions at this geometry with mismatch and statistics off, and emits one plain
// .model in metres without .option scale. Statistics off: mc_mm_switch, mc_pr_switch and every
// parameter that ends in _slope_spectre are 0, distributions give their nominal value.
#pragma once
#include <optional>
#include <string>

namespace mho::circuits {

struct PdkInstallation {
  std::string root, name;  // $PDK_ROOT, $PDK
};
// From the environment; nothing when either variable is unset or empty.
std::optional<PdkInstallation> pdk_from_environment();

// A transistor of the library, without the prefix sky130_fd_pr__.
struct TransistorRequest {
  std::string device = "nfet_g5v0d10v5";  // 5 V thick-oxide NMOS
  double w = 1e-6, l = 0.5e-6;            // [m] drawn, one finger
  std::string corner = "tt";
  std::string model = "n50";  // name of the emitted model; netlists/cell.sub asks for n50
};

struct TransistorModels {
  std::string text;        // .model card for the deck
  std::string source;      // where it came from, one line for reports
  std::string nmos_thick;  // name of the model in `text`
};

// One .model of the library for one geometry. Throws IoError for a missing file and ConfigError,
// naming file, line and key, for an undefined parameter, a bad expression, or a W/L without a bin.
TransistorModels flatten_transistor(const PdkInstallation& pdk, const TransistorRequest& request);

// The model n50 of netlists/card_130nm.lib, as it stands there, under the name `model`.
TransistorModels embedded_thick_transistor(const std::string& model = "n50");

// The thick-oxide NMOS: from the installation that the environment names, else the embedded card.
TransistorModels thick_transistor_models(const TransistorRequest& request = {});

}  // namespace mho::circuits
