// JART VCM v1b: a metal oxide whose filament ends in a thin disc of variable vacancy density at a
// Schottky contact.
//
// Published sign inside this file: V = −v on the active electrode, V < 0 is SET, V > 0 is RESET. u
// = |Vs|, i = |I|, w = |V|.
//   (1)  V     = Vs + I·(R_disc + R_plug + R_ser),   A = π r²
//        R_disc = l/(z e N μ A),  R_plug = (l_cell − l)/(z e N_plug μ A),  R_ser = R_TiOx + R0·(1 +
//        R0 α_line R_th,line I²)
//   (2)  φ     = φ0 − [e³ z N ψ/(8π² (ε_φ ε0)³)]^¼,  ψ = φ0 − φn − Vs,  both ψ and φ held above 0
//   (3)  I     = A A* T² exp(−eφ/kT)·[exp(eVs/kT) − 1] V > 0 (4)  I     = −A (A* T/k) √{π W00 e [u
//   + φ/cosh²(W00/kT)]}·exp(−eφ/W0)·[exp(eu/ε') − 1]                  V < 0
//        W00 = (e h/4π) √(z N/(m* ε ε0)),  W0 = W00 coth(W00/kT),  ε' = W00/(W00/kT − tanh(W00/kT))
//   (5)  T     = T0 + |I (V − I R_ser)|·R_th,  R_th = R_th0 (r_det/r)²·s,  s = 1 in SET,
//   `reset_cooling` in RESET (6)  dN/dt = ±(c a ν0/l)·[exp(−W_f/kT) − exp(−W_b/kT)]·F,  c = (N_plug
//   + N)/2,  + in SET
//        γ = z a |E|/(π ΔW),  W_f,b = ΔW [√(1−γ²) ∓ γπ/2 + γ asin γ]
//        E = V_disc/l,  F = 1 − (N/N_max)^10 in SET;   E = (V − I R_ser)/l_cell,  F = 1 −
//        (N_min/N)^10 in RESET
// Cüppers et al., APL Materials 7, 091105 (2019), 10.1063/1.5108654; Bengel et al., IEEE TCAS-I 67,
// 4618 (2020), 10.1109/TCSI.2020.3018502; model file 10.26165/JUELICH-DATA/LUA8QY (CC0). The state
// is y = ln(N/1e26 m⁻³), its rate (dN/dt)/N is cut at rate_max. Other guards: ψ and φ above 0 by (x
// + √(x² + 1e-8 V²))/2; exponents of the contact ≤ 40; γ ≤ 0.999; T ≤ 6000 K. (1)–(5) may hold at
// up to three currents. In RESET the largest is the one a contact reaches from 0 V, in SET the
// smallest: the search starts from u = 0 and from u = w.
#pragma once
#include <algorithm>
#include <string>
#include <string_view>

#include "core/params.hpp"
#include "devices/memristor.hpp"

namespace mho::devices {

// One parameter card. Defaults: the published v1b.
struct JartParams {
  double n_min = 0.008e26, n_max = 20e26;  // [1/m³] range of the vacancy density in the disc
  double n_plug = 20e26;                   // [1/m³] in the plug
  double radius = 45e-9;                   // [m] r of the filament
  double radius_thermal = 45e-9;           // [m] r_det, radius at which R_th0 is given
  double cell_length = 3e-9;               // [m] l_cell
  double disc_length = 0.4e-9;             // [m] l
  double mobility = 4e-6;                  // [m²/(V s)] μ
  double charge = 2.0;                     // [1] z of a vacancy
  double barrier = 0.18;                   // [V] φ0
  double fermi = 0.10;                     // [V] φn
  double permittivity = 17.0;              // [1] ε
  double permittivity_image = 5.5;         // [1] ε_φ
  double mass = 1.0;                       // [1] m*/m_e
  double richardson = 6.01e5;              // [A/(m² K²)] A*
  double r_tiox = 650.0;                   // [ohm]
  double r_line = 719.2437;                // [ohm] R0
  double r_th_line = 90471.47;             // [K/W]
  double alpha_line = 3.92e-3;             // [1/K]
  double hop_distance = 0.25e-9;           // [m] a
  double attempt = 2e13;                   // [Hz] ν0
  double hop_barrier = 1.35;               // [eV] ΔW
  double r_th = 15.72e6;                   // [K/W] R_th0
  double reset_cooling = 0.27;             // [1] share of R_th in RESET
  double t_amb = 293.0;                    // [K] T0
  double rate_max = 1e8;                   // [1/s] largest |dy/dt|
};

// Scatter between devices: truncated Gaussians around the card, relative. Between cycles: of the
// radius and disc length that a branch of switching ends with.
struct JartSpread {
  double n_min = 0.125, n_max = 0.025;                 // [1] σ over devices
  double radius = 0.055, length = 0.05;                // [1] σ over devices
  double cycle_radius = 0.0275, cycle_length = 0.025;  // [1] σ over cycles
  double cut = 2.0;                                    // [1] truncation in σ
  double cycle_threshold = 1e-3;  // [1] change of ln N from which a pulse scatters
};

// A branch between two changes of the switching direction (Bengel 2020): radius and disc length
// move with N, from those of the parameters at n_start by the slopes. Without: they stay.
struct JartBranch {
  double n_start = 0.0;                           // [1e26/m³]
  double radius_slope = 0.0, length_slope = 0.0;  // [m per 1e26/m³]
};

struct JartModel {
  using Params = JartParams;
  using Spread = JartSpread;
  static constexpr std::string_view name = "jart_vcm";
  static constexpr std::string_view title = "JART VCM v1b";
  static constexpr int states = 1;
  static constexpr double published_sign = -1.0;
  static constexpr double n_unit = 1e26;          // [1/m³] y = ln(N/n_unit)
  static constexpr double t_limit = 6000.0;       // [K]
  static constexpr double t_valid = 2000.0;       // [K] beyond it a limit is reported
  static constexpr double gamma_limit = 0.999;    // [1]
  static constexpr double exponent_limit = 40.0;  // [1]
  static constexpr double smooth = 1e-8;          // [V²]
  static constexpr double window_power = 10.0;    // [1]

  JartParams params;
  JartBranch branch;

  // Everything that depends on the state alone, and ∂/∂y where it is needed.
  struct Filament {
    double n;                            // [1e26/m³]
    bool inside;                         // false where y is clipped: all ∂/∂y are 0
    double length, dlnr, dlnl;           // [m] l; ∂ln r/∂y, ∂ln l/∂y [1]
    double area, r_disc, r_rest, dr_dy;  // [m²], [ohm], R_disc + R_plug [ohm], its ∂/∂y [ohm]
    double r_th;                         // [K/W] of SET
    double w00, lowering;                // [eV] W00; factor of ψ^¼ in (2) [V^¾]
  };
  Filament filament(double y) const;

  // (2)–(4): current of the contact at u [V] and T [K], with ∂/∂u [S], ∂/∂T [A/K], ∂/∂y [A].
  struct Contact {
    double i, du, dt, dy;
  };
  Contact contact(bool set, double u, double t, const Filament& f) const;

  // (1)–(5) at |V| = w.
  struct Branch {
    double u, i, t;  // [V] |Vs|, [A], [K]
    Contact contact;
  };
  Branch solve(bool set, double w, const Filament& f) const;

  // The interface of Memristor (memristor.hpp); y is the state, also in volts on the twin's pin x1.
  static std::array<StateInfo, 1> state_info() { return {{{"density", "1/m³"}}}; }
  Evaluation evaluate(double v, const State& x) const;
  State lower() const;
  State upper() const;
  State observe(const State& x) const;
  State from_observed(const State& x) const;
  State low_state() const { return lower(); }
  State high_state() const { return upper(); }
  State twin_state(const State& x) const { return x; }
  State from_twin(const State& volts) const { return volts; }
  JartModel vary(const JartSpread& spread, RandomStream& stream) const;
  State settle(const JartSpread& spread, const State& before, const State& after,
               RandomStream& stream) const;
  State start_state(const JartSpread&) const { return lower(); }
  static JartSpread no_spread(const JartParams&) { return {0, 0, 0, 0, 0, 0, 2.0, 1e-3}; }
  static Misfit misfit(const JartParams& p, const JartSpread& spread);

  // The device at the start of a branch at state x towards high (set) or low conductance: radius
  // and disc length at the branch's end are drawn around those of `median`, the device without
  // cycles.
  JartModel next_branch(const JartModel& median, const JartSpread& spread, bool set, const State& x,
                        RandomStream& stream) const;

  // (1) |I| when the contact holds u, and R_ser [ohm] and d(R_ser)/di at a current.
  double line_current(double w, double u, const Filament& f) const;
  double line_resistance(double i) const;
  double line_slope(double i) const;
  // (5) [K], without the limit.
  double temperature(bool set, double w, double i, const Filament& f) const;
};

static_assert(Memristor<JartModel>);

}  // namespace mho::devices

#include "devices/jart_tables.hpp"
