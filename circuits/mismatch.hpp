// Local mismatch of transistors and capacitors, and what it is on an instance line of ngspice.
//
//   σ(δV_th) = A_VT/√(W L m),  σ(δβ/β) = A_β/√(W L m),  σ(δC/C) = A_C/√area
// of one element against its nominal value, drawn W and L, m in parallel, each independent; a pair
// differs by √2 more. Pelgrom, Duinmaijer, Welbers, IEEE J. Solid-State Circuits 24, 1433 (1989),
// doi:10.1109/JSSC.1989.572629. Distance terms are left out.
//
// Constants, and how well they are known:
//   n18, p18  SKY130's mismatch parameters (google/skywater-pdk-libs-sky130_fd_pr, Apache-2.0,
//             cells/*/…__mismatch.corner.spice), where one device's vth0 gets vth0_slope/√(W L m)
//             [µm] times a unit normal: n 3.356 mV·µm (7.4 in some bins), p 5.856 mV·µm (4.4
//             to 7.4). They vary no mobility; the oxide (toxe_slope: n 0.344 %·µm, p 0.444 %·µm)
//             moves β by as much. A foundry's own numbers; per bin within 1.3.
//   n50, p50  SKY130 puts all of it on the oxide (n 0.67 to 2.05 %·µm, p 1.2 to 2.3 %·µm by bin)
//   and
//             on voff; vth0_slope is 0. A_β: 1.0 and 1.4 %·µm, two of those values. A_VT: the rule
//             of 1 mV·µm for a pair per nm of oxide (Pelgrom, Tuinhout, Vertregt, IEDM 1998, 915,
//             doi:10.1109/IEDM.1998.746503), 11.6/√2 mV·µm. Within a factor of 1.5. The rule gives
//             2.9 mV·µm for n18.
//   A_C       SKY130's metal-insulator-metal capacitor, dev/gauss 0.01·2.8/√area [µm]; whether one
//   or
//             three sigma is meant is not said, taken as one: an upper bound.
#pragma once
#include <string>
#include <string_view>

#include "core/params.hpp"
#include "core/random.hpp"

namespace mho::circuits {

struct DeviceMismatch {
  double a_vt = 0.0;    // [V m] = 1e9 mV·um
  double a_beta = 0.0;  // [m] = 1e8 %·um
};

struct Mismatch {
  DeviceMismatch n18{3.356e-9, 3.443e-9};
  DeviceMismatch p18{5.856e-9, 4.443e-9};
  DeviceMismatch n50{8.2e-9, 1.0e-8};
  DeviceMismatch p50{8.2e-9, 1.4e-8};
  double a_c = 2.8e-8;  // [m]
  // Of the model "n18", "p18", "n50" or "p50"; throws Error for another.
  const DeviceMismatch& of(std::string_view model) const;
};

// What one instance differs by.
struct MismatchDraw {
  double delta_vt = 0.0;    // [V] the magnitude of the threshold is larger by this
  double delta_beta = 0.0;  // [1] relative
};
MismatchDraw draw_mismatch(const DeviceMismatch& device, double w, double l, double m,
                           RandomStream& stream);

// " delvto=… mulu0=…" for the instance line of a BSIM4 transistor of the model. ngspice adds delvto
// to vth0 as it stands in the card: for a p-channel device a positive one makes it conduct more.
std::string instance_mismatch(std::string_view model, const MismatchDraw& draw);

// δC/C of a capacitor of `area` [m²].
double draw_capacitor_mismatch(double a_c, double area, RandomStream& stream);

}  // namespace mho::circuits

namespace mho {
template <>
struct ParameterTable<circuits::DeviceMismatch> {
  using S = circuits::DeviceMismatch;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"a_vt", &S::a_vt, "V·m", 0.0, 1e-7, "threshold: sigma of one transistor times sqrt(W L)"},
      {"a_beta", &S::a_beta, "m", 0.0, 1e-6, "current factor: relative sigma times sqrt(W L)"},
  });
};
template <>
struct ParameterTable<circuits::Mismatch> {
  using S = circuits::Mismatch;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"a_c", &S::a_c, "m", 0.0, 1e-6, "capacitors: relative sigma times sqrt(area)"},
  });
};
}  // namespace mho
