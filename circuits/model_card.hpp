// The BSIM4 card that ships with mho as values, and its process corners.
//
// netlists/card_130nm.lib is the typical corner (tt). netlists/corners.toml holds, for each other
// corner and each transistor, a few physical parameters relative to it:
//   vth0, its geometry terms lvth0, wvth0, pvth0, k1, voff, wint, lint: added;
//   u0, vsat, rdsw: times (1 + shift).
// Temperature is the deck's own (.options temp=); the cards carry kt1, ute, at and the like.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/params.hpp"

namespace mho::circuits {

// Process corners: typical, slow, fast. As in SKY130 the first letter of a skewed one is the p-channel
// transistor: sf has a fast n and a slow p.
enum class Corner { tt, ss, ff, sf, fs };
inline constexpr Corner all_corners[] = {Corner::tt, Corner::ss, Corner::ff, Corner::sf,
                                         Corner::fs};
std::string_view corner_name(Corner corner);
Corner corner_of(std::string_view name);  // throws Error for another name, naming the five

// One .model card, values in SI (ngspice's units), keys in file order.
struct TransistorCard {
  std::string name, type;  // "n18", "nmos"
  std::vector<std::pair<std::string, double>> values;

  double value(std::string_view key, double fallback) const;
  void set(std::string_view key, double value);  // at the end when it is new
};
std::vector<TransistorCard> read_cards(const std::string& path);
const TransistorCard& card_named(const std::vector<TransistorCard>& cards, std::string_view name);
std::string card_text(const TransistorCard& card);  // 120 columns, shortest digits that read back

// What a corner changes in one transistor.
struct CornerShift {
  double vth0 = 0.0;  // [V] added; positive raises vth0 as a number, for a p-channel card towards 0
  double lvth0 = 0.0;  // [V] added to lvth0 [V um]: times 1 um/L_eff
  double wvth0 = 0.0;  // [V] added to wvth0 [V um]: times 1 um/W_eff
  double pvth0 = 0.0;  // [V] added to pvth0 [V um²]: times 1 um²/(L_eff W_eff)
  double k1 = 0.0;     // [1] added to k1 [V^0.5]
  double voff = 0.0;   // [V] added
  double wint = 0.0;   // [m] added
  double lint = 0.0;   // [m] added
  double u0 = 0.0;     // [1] relative
  double vsat = 0.0;   // [1] relative
  double rdsw = 0.0;   // [1] relative
};
TransistorCard shifted(TransistorCard card, const CornerShift& shift);
// Of netlists/corners.toml; zero for tt.
CornerShift corner_shift(Corner corner, std::string_view device);

// The cards of netlists/card_130nm.lib, and .model text of all four transistors at a corner; tt is
// the file as it stands. Throws IoError, ConfigError for what is wrong in the files.
std::vector<TransistorCard> embedded_cards();
std::string card_text(Corner corner);

}  // namespace mho::circuits

namespace mho {
template <>
struct ParameterTable<circuits::CornerShift> {
  using S = circuits::CornerShift;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"vth0", &S::vth0, "V", -0.3, 0.3, "added to vth0"},
      {"lvth0", &S::lvth0, "V", -0.05, 0.05, "added to lvth0, times 1 um/L"},
      {"wvth0", &S::wvth0, "V", -0.1, 0.1, "added to wvth0, times 1 um/W"},
      {"pvth0", &S::pvth0, "V", -0.05, 0.05, "added to pvth0, times 1 um²/(L W)"},
      {"k1", &S::k1, "1", -0.3, 0.3, "added to k1 [V^0.5]"},
      {"voff", &S::voff, "V", -0.1, 0.1, "added to voff"},
      {"wint", &S::wint, "m", -1e-7, 1e-7, "added to wint"},
      {"lint", &S::lint, "m", -3e-8, 3e-8, "added to lint"},
      {"u0", &S::u0, "1", -0.5, 0.5, "relative change of u0"},
      {"vsat", &S::vsat, "1", -0.5, 0.5, "relative change of vsat"},
      {"rdsw", &S::rdsw, "1", -0.8, 0.8, "relative change of rdsw"},
  });
};
}  // namespace mho
