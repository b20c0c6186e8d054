// Current against voltage at read voltages (|V| ≤ 0.5 V) of a cell of given conductance, without
// a change of state. Two forms.
//
// Sinh form (1–40 µS), G = I/V at V_ref:
//   (1)  I(V,G) = G·V_ref·sinh(V/V0)/sinh(V_ref/V0)
//   (2)  V0(G)  = V0_low + (V0_high − V0_low)·ln(G/G_low)/ln(G_high/G_low),  held outside [G_low,
//   G_high]
// A constant V0, as in gap models, bends all states alike; measured HfO2 cells bend the more the
// lower their conductance. Form and values are assumptions of this project.
//
// Polynomial form (62.5–110 µS), G the slope at 0 V, L = log10(G/1 S):
//   (3)  I(V,G) = G V + N2(L) V² + N3(L) V³,   N2 = Σ_k n2_k L^k,  N3 = Σ_k n3_k L^k
// Fitted to the 1T1R HfO2 arrays of Milo et al., IRPS 2021, 10.1109/IRPS46558.2021.9405119, as
// printed by CrossSim with four digits; the terms cancel, so these digits leave ±1e-5 A/V² in N2,
// as much as N2 itself. It is not odd: N2 V² is the same for both signs.
#pragma once
#include <string>
#include <variant>

#include "core/params.hpp"
#include "devices/memristor.hpp"

namespace mho::devices {

struct SinhRead {
  double v_ref = 0.1;     // [V] where G is what was read
  double v0_low = 0.25;   // [V] V0 at g_low
  double v0_high = 0.60;  // [V] V0 at g_high
  double g_low = 1e-6;    // [S]
  double g_high = 40e-6;  // [S]
};
struct PolynomialRead {
  double n2_3 = 1.388e-4, n2_2 = 1.541e-3, n2_1 = 5.711e-3, n2_0 = 7.063e-3;  // [A/V²]
  double n3_2 = 8.871e-5, n3_1 = 6.792e-4, n3_0 = 1.297e-3;                   // [A/V³]
  double g_low = 62.5e-6, g_high = 110e-6;  // [S] range of the fit; N2, N3 held outside
};
using ReadCurve = std::variant<SinhRead, PolynomialRead>;

double sinh_scale(const SinhRead& p, double g);  // [V] (2)
// Current and dI/dV at v [V] of a cell of conductance g [S] > 0.
CurrentSlope read_current(const SinhRead& p, double g, double v);
CurrentSlope read_current(const PolynomialRead& p, double g, double v);
CurrentSlope read_current(const ReadCurve& curve, double g, double v);

// Reads read_curve_*.toml: form = "sinh" or "polynomial" and its parameters. Throws ConfigError,
// IoError.
ReadCurve load_read_curve(const std::string& path);

}  // namespace mho::devices

namespace mho {
template <>
struct ParameterTable<devices::SinhRead> {
  using S = devices::SinhRead;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"v_ref", &S::v_ref, "V", 1e-3, 1.0, "voltage at which the conductance is meant"},
      {"v0_low", &S::v0_low, "V", 0.05, 10.0, "voltage scale at g_low"},
      {"v0_high", &S::v0_high, "V", 0.05, 10.0, "voltage scale at g_high"},
      {"g_low", &S::g_low, "S", 1e-12, 1.0, "conductance of v0_low, also below"},
      {"g_high", &S::g_high, "S", 1e-12, 1.0, "conductance of v0_high, also above"},
  });
};

template <>
struct ParameterTable<devices::PolynomialRead> {
  using S = devices::PolynomialRead;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"n2_3", &S::n2_3, "1", -1.0, 1.0, "A/V² of the V² term, L³"},
      {"n2_2", &S::n2_2, "1", -1.0, 1.0, "A/V² of the V² term, L²"},
      {"n2_1", &S::n2_1, "1", -1.0, 1.0, "A/V² of the V² term, L"},
      {"n2_0", &S::n2_0, "1", -1.0, 1.0, "A/V² of the V² term, constant"},
      {"n3_2", &S::n3_2, "1", -1.0, 1.0, "A/V³ of the V³ term, L²"},
      {"n3_1", &S::n3_1, "1", -1.0, 1.0, "A/V³ of the V³ term, L"},
      {"n3_0", &S::n3_0, "1", -1.0, 1.0, "A/V³ of the V³ term, constant"},
      {"g_low", &S::g_low, "S", 1e-12, 1.0, "smallest conductance of the fit"},
      {"g_high", &S::g_high, "S", 1e-12, 1.0, "largest conductance of the fit"},
  });
};
}  // namespace mho
