// Thick-oxide select transistor (W 1 µm, L 0.5 µm): a compact static form of the BSIM4 card n50 of
// netlists/card_130nm.lib, for the programming ODE. Bulk at 0, symmetric in drain and source.
//
//   G    = V_G − v_to + (1 + k2)·phi + gamma·√phi + sigma·V_DS (1 + sigma_b·V_S)/(1 + sigma_d·V_DS)
//   V_P  = ψ − phi,  (1 + k2)·ψ + gamma·√ψ = G                                     pinch-off  (1)
//   φ    = swing·(1 + swing_b·V_S²)/n(phi + V_S),  n(ψ) = 1 + k2 + gamma/(2√ψ)                (2)
//   L(v) = 2φ ln(1 + exp(v/2φ)),  s = L(V_P − V_S)                                            (3)
//   x    = L(V_P − V_S − a·V_DS),  a = 1 + (φ/U_T − 1)/(1 + (s/φ)²),  d = s − x               (4)
//   d_s  = 2s/[α (1 + √(1 + 2κs/α))],  κ = kappa/(1 + theta1·s),
//          α = alpha + (1 − alpha)/(1 + (s/φ)²)                                               (5)
//   d_e  = d·[1 + (d/d_s)⁸ − (d/s)⁸]^(−1/8)                                                   (6)
//   I_D  = beta·n(½(ψ + phi + V_S))·d_e (s − α d_e/2)·[1 + lambda·(V_DS − d_e)²]
//          / [1 + theta1·q + theta2·q² + kappa·d_e],  q = s − d_e/2                           (7)
//
// (1), (3) and the difference of the two ends are the EKV model: Enz, Krummenacher, Vittoz, AICSP
// 8, 83 (1995), 10.1007/BF01239381. (2) keeps the gate swing n·φ of weak inversion free of the body
// effect, (4) and α → 1 saturate weak inversion over U_T whatever the swing, (5) is the maximum of
// d(s − αd/2)/(1 + κd): velocity saturation; (6) goes there smoothly and leaves weak inversion
// (d_s → s) as it is; theta1, theta2 are mobility reduction, sigma is DIBL, lambda the rise in
// saturation. docs/models/select_transistor.md has the fit and its errors.
#pragma once
#include <string>

#include "core/params.hpp"
#include "devices/memristor.hpp"

namespace mho::devices {

// Defaults: params/transistor_n50.toml.
struct ThickTransistor {
  double beta = 0.00032832;   // [A/V²] gain factor
  double v_to = 0.81648;      // [V] threshold at V_S = 0, small V_DS
  double v_to_sigma = 0.020;  // [V] its spread over cells
  double gamma = 0.75384;     // [V^½] body effect
  double phi = 1.1009;        // [V] surface potential at threshold
  double k2 = -0.06181;       // [1] body effect linear in the body voltage
  double swing = 0.045242;    // [V] weak inversion: gate voltage for a factor e
  double swing_b = 0.022038;  // [1/V²] its growth with the source voltage
  double sigma = 0.072983;    // [1] drain-induced barrier lowering
  double sigma_d = 0.42205;   // [1/V] its saturation with V_DS
  double sigma_b = 0.10789;   // [1/V] its growth with the source voltage
  double theta1 = 0.28959;    // [1/V] mobility reduction
  double theta2 = 0.0011557;  // [1/V²]
  double kappa = 0.98387;     // [1/V] velocity saturation: 1/(critical field · length)
  double alpha = 0.67446;     // [1] bulk charge along the channel
  double lambda = 0.023669;   // [1/V²] rise of the current in saturation
  ThickTransistor vary(RandomStream& stream) const {
    ThickTransistor out = *this;
    out.v_to += v_to_sigma * stream.normal();
    return out;
  }
};

// Drain current [A] at voltages against the bulk, and its slopes by drain and source voltage [S].
struct TransistorCurrent {
  double current, by_drain, by_source;
};
TransistorCurrent static_current(const ThickTransistor& p, double v_g, double v_d, double v_s);

// Current and slope by the cell voltage v of a transistor in series with a cell, as for the level-1
// SelectTransistor: SET has the source at 0 and the drain at v_line − v, RESET the source at v and
// the drain at v_line.
CurrentSlope drain_current(const ThickTransistor& p, bool source_at_cell, double v_wl,
                           double v_line, double v);

// Reads a parameter file: name, source and [transistor] with every key of the table. Throws
// ConfigError, IoError.
ThickTransistor load_thick_transistor(const std::string& path);

}  // namespace mho::devices

namespace mho {
template <>
struct ParameterTable<devices::ThickTransistor> {
  using S = devices::ThickTransistor;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"beta", &S::beta, "A/V²", 1e-7, 1e-1, "gain factor"},
      {"v_to", &S::v_to, "V", -1.0, 3.0, "threshold voltage at source and bulk on one potential"},
      {"v_to_sigma", &S::v_to_sigma, "V", 0.0, 0.5, "standard deviation of the threshold"},
      {"gamma", &S::gamma, "1", 0.0, 5.0, "body effect, in V^0.5"},
      {"phi", &S::phi, "V", 0.1, 5.0, "surface potential at threshold"},
      {"k2", &S::k2, "1", -0.5, 1.0, "body effect linear in the body voltage"},
      {"swing", &S::swing, "V", 0.025, 0.2, "gate voltage for a factor e in weak inversion"},
      {"swing_b", &S::swing_b, "1/V²", 0.0, 1.0, "growth of the swing with the source voltage"},
      {"sigma", &S::sigma, "1", 0.0, 0.5, "drain-induced barrier lowering"},
      {"sigma_d", &S::sigma_d, "1/V", 0.0, 5.0, "saturation of sigma with V_DS"},
      {"sigma_b", &S::sigma_b, "1/V", 0.0, 2.0, "growth of sigma with the source voltage"},
      {"theta1", &S::theta1, "1/V", 0.0, 10.0, "mobility reduction"},
      {"theta2", &S::theta2, "1/V²", 0.0, 10.0, "mobility reduction, quadratic"},
      {"kappa", &S::kappa, "1/V", 0.0, 20.0, "velocity saturation"},
      {"alpha", &S::alpha, "1", 0.1, 2.0, "bulk charge along the channel"},
      {"lambda", &S::lambda, "1/V²", 0.0, 1.0, "rise of the current in saturation"},
  });
};
}  // namespace mho
