// PKU two-state model: a filament with a gap x below it and a width w. V > 0 is SET.
//
//   (1)  I  = I1 + I2,  I1 = J0 (π/4)(W_CF² − w²) exp(−L0/X_T) sinh(V/V_T)
//   (2)  I2 = (π/4) w² j,  V_g + j ρ (L0 − x) = V,  j = J0 exp(−x/X_T) sinh(V_g/V_T)
//        V > 0 and x = 0: j = V/(ρ L0); in between (1 − b) of this and b of the former, b =
//        smoothstep(x/x_blend)
//   (3)  SET    dx/dt = −a f exp(−(Ea − α Z V_g/x)/kT),   dw/dt = (1 − b)(w_e + w_e²/(2w)) f
//   exp(−(Ea − α Z V/L0)/kT) (4)  RESET  dx/dt = min{a f exp(−(Ei − r Z |V_g|)/kT),  a f
//   exp(−Eh/kT) sinh(α Z |V_g|/(x kT))},  dw/dt = 0 (5)  T = T0 + |V I| R_th
// Huang et al., IEEE TED 60, 4090 (2013); Li et al., IEEE EDL 35, 211
// (2014), 10.1109/LED.2013.2293354. Written from the equations; kT in eV. Added here: (6) while an
// open gap closes in SET the width returns towards w0,
//   dw/dt = b (w − w0) s(x)/2 · dx/dt,  s = max(R_x/X_T − ρ, 0)/(R_x + ρ(L0 − x)),  R_x = (V_T/J0)
//   exp(x/X_T),
// as fast as it can without lowering the small-signal conductance w²/(R_x + ρ(L0 − x)).
// Guards: x ≥ 1 pm in 1/x; both speeds ≤ v_max; exponents of (4) ≤ 0; |V| ≤ 4 V inside (1)–(4), the
// current goes on straight; T ≤ 2000 K; walls soft over 2 pm; all rates × smoothstep((|V| −
// v_guard)/10 mV), so that nothing moves at 0 V.
#pragma once
#include <string>
#include <string_view>

#include "core/params.hpp"
#include "devices/memristor.hpp"

namespace mho::devices {

// One parameter card. Defaults: the published v2.0.
struct PkuParams {
  double hop_distance = 0.25e-9;   // [m] a
  double attempt = 1e13;           // [Hz] f
  double energy_set = 0.70;        // [eV] Ea
  double energy_drift = 1.12;      // [eV] Eh
  double energy_release = 0.82;    // [eV] Ei
  double release = 1.5;            // [1] r
  double enhancement = 0.75e-9;    // [m] α
  double charge = 1.0;             // [1] Z
  double x_decay = 0.4e-9;         // [m] X_T
  double v_scale = 0.4;            // [V] V_T
  double length = 3e-9;            // [m] L0
  double width_max = 5e-9;         // [m] W_CF
  double width_min = 0.5e-9;       // [m] w0
  double width_step = 0.5e-9;      // [m] w_e
  double j0 = 1e13;                // [A/m²] J0
  double resistivity = 19.635e-6;  // [ohm m] ρ
  double r_th = 5e5;               // [K/W]
  double t_amb = 300.0;            // [K] T0
  double x_blend = 0.05e-9;        // [m]
  double v_max = 100.0;            // [m/s]
  double v_guard = 0.0;            // [V] cell voltage below which nothing moves
};

// Scatter between devices and between cycles. All of it is an assumption: the publication has noise
// per time step only.
struct PkuSpread {
  double ln_j0 = 0.10;             // [1] σ of ln J0 over devices
  double energy = 0.005;           // [eV] σ of the three energies together over devices
  double cycle_gap = 0.02e-9;      // [m] σ of the gap after a pulse that opened it
  double cycle_width = 0.05e-9;    // [m] σ of the width after a pulse that widened it
  double cycle_threshold = 1e-12;  // [m] smallest movement that counts
};

struct PkuModel {
  using Params = PkuParams;
  using Spread = PkuSpread;
  static constexpr std::string_view name = "pku";
  static constexpr std::string_view title = "PKU gap and width";
  static constexpr int states = 2;
  static constexpr double published_sign = 1.0;
  static constexpr double v_limit = 4.0;     // [V]
  static constexpr double t_limit = 2000.0;  // [K]
  static constexpr double x_floor = 1e-12;   // [m]
  static constexpr double wall = 2e-12;      // [m]
  static constexpr double gate = 0.01;       // [V]
  static constexpr double nm = 1e-9;         // [m]

  PkuParams params;

  // (2) tunnelling at |V| = v: voltage of the gap [V] and current density [A/m²] with derivatives
  // by v and x.
  struct Gap {
    double v, dv_dv, dv_dx, j, dj_dv, dj_dx;
  };
  Gap gap(double v, double x) const;

  // The interface of Memristor (memristor.hpp): gap and width in m, in nm on the twin's pins.
  static std::array<StateInfo, 2> state_info() { return {{{"gap", "m"}, {"width", "m"}}}; }
  Evaluation evaluate(double v, const State& x) const;
  State lower() const { return state_of(0.0, params.width_min); }
  State upper() const { return state_of(params.length, params.width_max); }
  State observe(const State& x) const { return x; }
  State from_observed(const State& x) const { return x; }
  State low_state() const { return state_of(params.length, params.width_min); }
  State high_state() const { return state_of(0.0, params.width_max); }
  State twin_state(const State& x) const { return x / nm; }
  State from_twin(const State& volts) const { return volts * nm; }
  PkuModel vary(const PkuSpread& spread, RandomStream& stream) const;
  State settle(const PkuSpread& spread, const State& before, const State& after,
               RandomStream& stream) const;
  State start_state(const PkuSpread&) const { return low_state(); }
  static PkuSpread no_spread(const PkuParams&) { return {0.0, 0.0, 0.0, 0.0, 1e-12}; }
  static Misfit misfit(const PkuParams& p, const PkuSpread& spread);
};

static_assert(Memristor<PkuModel>);

}  // namespace mho::devices

#include "devices/pku_tables.hpp"
