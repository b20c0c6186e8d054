// ReRAM cell of SkyWater's open process sky130: a filament of length F in an oxide of T_ox.
//
//   (1)  I     = I_k1 · exp(−g/g_ref) · sinh(V/V_ref),   g = T_ox − F, g_ref = T_ox − F_ref
//   (2)  dF/dt = v0 · [exp(−(Eg − q)/kT) − exp(−(Er + q)/kT)],   q = γ (a0/T_ox) V
//   (3)  γ     = γ0 + γ1·(g/1 nm)³, not below 0
//   (4)  C_th · dT/dt = |V I| − C_th (T − T_amb)/τ_th;   static limit R_th = τ_th/C_th
//
// google/skywater-pdk-libs-sky130_fd_pr_reram 2.0.3 (reram_cell), the equations alone; the same
// model and numbers: Chen, Yu, IEEE TED 62, 4022 (2015), 10.1109/TED.2015.2492421. Energies in eV.
// Here the states are the gap g [m] and T [K]; V > 0 is SET, as published.
// Guards: |V| ≤ 4 V inside sinh, the curve going on along its tangent; exponents of (2) ≤ 0, so
// the tip is never faster than v0; T ≥ 100 K in (2); dg/dt = 0 where |V| < v_guard; g is clipped
// to its range in (1)–(3) and an outward rate falls off as 1 − exp(−d/2 pm) with the distance d to
// the wall.
#pragma once
#include <algorithm>
#include <cmath>

#include "core/params.hpp"
#include "devices/memristor.hpp"

namespace mho::devices {

// Defaults: the cell of the open process, sky130_reram.toml.
struct Sky130Params {
  double t_ox = 5e-9;          // [m] oxide thickness
  double f_min = 3.3e-9;       // [m] shortest filament
  double f_max = 4.9e-9;       // [m] longest
  double f_ref = 4.7249e-9;    // [m] g_ref = t_ox − f_ref: decay length of the current
  double i_k1 = 61.4e-6;       // [A]
  double v_ref = 0.430;        // [V]
  double v0 = 150.0;           // [m/s] attempt velocity
  double gamma0 = 16.5;        // [1]
  double gamma1 = -1.25;       // [1]
  double e_growth = 1.501;     // [eV] Eg
  double e_recession = 1.500;  // [eV] Er
  double a0 = 0.25e-9;         // [m] hopping distance
  double c_th = 3.1825e-16;    // [J/K]
  double tau_th = 0.23e-9;     // [s]
  double t_amb = 300.0;        // [K]
  double v_guard = 0.0;        // [V] below it the filament does not move; 0: none
};

// The published model has no scatter; these widths are assumptions of a card that states them.
struct Sky130Spread {
  double ln_i_k1 = 0.0;          // [1] σ of ln I_k1 over devices
  double gamma0 = 0.0;           // [1] relative σ of γ0 over devices
  double barrier = 0.0;          // [eV] σ over devices, of both barriers together
  double cycle_gap = 0.0;        // [m] σ added to the gap after a pulse that moved it
  double cycle_threshold = 0.0;  // [m] smallest movement that counts as such
  double start_gap = 1.7e-9;     // [m] HRS from which a cell is programmed
};

struct Sky130Model {
  using Params = Sky130Params;
  using Spread = Sky130Spread;
  static constexpr std::string_view name = "sky130_reram";
  static constexpr std::string_view title = "SkyWater sky130 ReRAM";
  static constexpr int states = 2;
  static constexpr double published_sign = 1.0;
  static constexpr double t_valid = 2000.0;     // [K] beyond it a guard is reported, nothing is cut
  static constexpr double t_floor = 100.0;      // [K] smallest T in (2)
  static constexpr double wall = 2e-12;         // [m] softness of the walls
  static constexpr double v_limit = 4.0;        // [V] largest |V| inside sinh
  static constexpr double nm = 1e-9;            // [m]
  static constexpr double twin_kelvin = 100.0;  // [K/V] of the twin's pin x2

  Sky130Params params;

  double gap_min() const { return params.t_ox - params.f_max; }  // [m]
  double gap_max() const { return params.t_ox - params.f_min; }  // [m]
  double r_th() const { return params.tau_th / params.c_th; }    // [K/W]
  CurrentSlope current(double v, double g) const;                // (1)
  double enhancement(double g) const;                            // (3)
  // Evaluation at the temperature that (4) settles at.
  Evaluation evaluate_static(double v, double g) const;

  // The interface of Memristor (memristor.hpp).
  static std::array<StateInfo, 2> state_info() {
    return {{{"gap", "m"}, {"temperature", "K", false}}};
  }
  Evaluation evaluate(double v, const State& x) const;
  State lower() const { return state_of(gap_min(), params.t_amb); }
  State upper() const { return state_of(gap_max(), params.t_amb + 1000.0); }
  State observe(const State& x) const { return x; }
  State from_observed(const State& x) const { return x; }
  State low_state() const { return state_of(gap_max(), params.t_amb); }
  State high_state() const { return state_of(gap_min(), params.t_amb); }
  State twin_state(const State& x) const { return {x[0] / nm, x[1] / twin_kelvin}; }
  State from_twin(const State& volts) const { return {volts[0] * nm, volts[1] * twin_kelvin}; }
  Sky130Model vary(const Sky130Spread& spread, RandomStream& stream) const;
  State settle(const Sky130Spread& spread, const State& before, const State& after,
               RandomStream& stream) const;
  State start_state(const Sky130Spread& spread) const {
    return state_of(clipped(spread.start_gap), params.t_amb);
  }
  static Sky130Spread no_spread(const Sky130Params& p) { return {.start_gap = p.t_ox - p.f_min}; }
  static Misfit misfit(const Sky130Params& p, const Sky130Spread& spread);

 private:
  double clipped(double g) const { return std::clamp(g, gap_min(), gap_max()); }
};

static_assert(Memristor<Sky130Model>);

}  // namespace mho::devices

namespace mho {
template <>
struct ParameterTable<devices::Sky130Params> {
  using S = devices::Sky130Params;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"t_ox", &S::t_ox, "m", 1e-10, 1e-7, "oxide thickness"},
      {"f_min", &S::f_min, "m", 0.0, 1e-7, "shortest filament"},
      {"f_max", &S::f_max, "m", 0.0, 1e-7, "longest filament"},
      {"f_ref", &S::f_ref, "m", 0.0, 1e-7,
       "filament that leaves the decay length of the current as gap"},
      {"i_k1", &S::i_k1, "A", 1e-9, 10.0, "current scale"},
      {"v_ref", &S::v_ref, "V", 0.05, 10.0, "voltage scale of the current's nonlinearity"},
      {"v0", &S::v0, "m/s", 1e-3, 1e12, "attempt velocity of the tip"},
      {"gamma0", &S::gamma0, "1", 0.0, 1000.0, "field enhancement at zero gap"},
      {"gamma1", &S::gamma1, "1", -1000.0, 0.0, "its change with the cube of the gap in nm"},
      {"e_growth", &S::e_growth, "eV", 0.05, 5.0, "barrier of growth"},
      {"e_recession", &S::e_recession, "eV", 0.05, 5.0, "barrier of recession"},
      {"a0", &S::a0, "m", 1e-11, 1e-8, "hopping distance"},
      {"c_th", &S::c_th, "J/K", 1e-20, 1e-9, "heat capacity"},
      {"tau_th", &S::tau_th, "s", 1e-13, 1e-3, "thermal time constant"},
      {"t_amb", &S::t_amb, "K", 150.0, 1000.0, "ambient temperature"},
      {"v_guard", &S::v_guard, "V", 0.0, 2.0,
       "cell voltage below which the filament does not move; 0: none"},
  });
};

template <>
struct ParameterTable<devices::Sky130Spread> {
  using S = devices::Sky130Spread;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"ln_i_k1", &S::ln_i_k1, "1", 0.0, 3.0, "standard deviation of ln I_k1 over devices"},
      {"gamma0", &S::gamma0, "1", 0.0, 0.5,
       "relative standard deviation of the enhancement over devices"},
      {"barrier", &S::barrier, "eV", 0.0, 0.5,
       "standard deviation over devices of both barriers together"},
      {"cycle_gap", &S::cycle_gap, "m", 0.0, 1e-8,
       "standard deviation of the gap after a pulse that moved it"},
      {"cycle_threshold", &S::cycle_threshold, "m", 0.0, 1e-8,
       "movement from which a pulse scatters the gap"},
      {"start_gap", &S::start_gap, "m", 0.0, 1e-7, "gap from which a cell is programmed"},
  });
};
}  // namespace mho
