// Stanford filament-gap model of a metal-oxide RRAM cell.
//
//   (1)  I     = I0 · exp(−g/g0) · sinh(V/V0)
//   (2)  dg/dt = −v0 · exp(−Ea/kT) · sinh(γ a0 V/(L kT))
//   (3)  γ     = γ0 − β·(g/1 nm)^α, not below 0;  γ0, β of SET for V ≥ 0, of RESET for V < 0
//   (4)  T     = T_amb + |V I|·R_th            (static)
//
// Guan, Yu, Wong, IEEE EDL 33, 1405 (2012), 10.1109/LED.2012.2210856; Jiang et al., SISPAD 2014,
// 10.1109/SISPAD.2014.6931558; Jiang et al., IEEE TED 63, 1884 (2016), 10.1109/TED.2016.2545412.
// Notation of the papers; kT in eV.
// Guards: |V| ≤ 4 V inside sinh(V/V0); each of the two exponents of (2) ≤ 0, so a tip is never
// faster than v0/2; dg/dt = 0 where γ|V|/L < F_min (v1 card), rising to its full value within
// 0.1 % of F_min, since behind a resistor the cell rests on that threshold; dg/dt = 0 where
// |V| < v_guard; g is clipped to [g_min, g_max] in (1)–(4) and an outward rate falls off as 1 − exp(−d/2 pm) with the
// distance d to the wall.
// Noise of the published code (a Gaussian per accepted step) depends on the step size; scatter is
// drawn once per pulse instead (settle).
#pragma once
#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "core/params.hpp"
#include "devices/memristor.hpp"

namespace mho::devices {

// One parameter card. Defaults: d-analog, i.e. card d of the 2016 paper in the gap range of 1–40 µS.
struct GapParams {
  double g0 = 0.15e-9;         // [m] decay length of the current with the gap
  double v0 = 0.40;            // [V] scale of the nonlinearity, V0
  double i0 = 8e-3;            // [A] I0
  double velocity = 5e8;       // [m/s] attempt velocity, v0 of (2)
  double activation = 1.24;    // [eV] Ea
  double a0 = 0.25e-9;         // [m] hopping distance
  double thickness = 5e-9;     // [m] L
  double gamma0_set = 11.7;    // [1]
  double gamma0_reset = 33.9;  // [1]
  double beta_set = 0.26;      // [1]
  double beta_reset = 18.2;    // [1]
  double alpha = 1.5;          // [1]
  double gap_min = 0.93e-9;    // [m]
  double gap_max = 1.50e-9;    // [m]
  double r_th = 5e5;           // [K/W]
  double t_amb = 300.0;        // [K]
  double field_min = 0.0;      // [V/m] F_min
  double v_guard = 0.3;        // [V] below it the state does not move
};

// Scatter between devices and between cycles.
struct GapSpread {
  double ln_i0 = 0.10;   // [1] σ of ln I0 over devices
  double gamma0 = 0.02;  // [1] relative σ of γ0 over devices, the same factor for SET and RESET
  double cycle_gap = 0.0075e-9;    // [m] σ added to the gap after a pulse that moved it
  double cycle_threshold = 1e-12;  // [m] smallest movement that counts as such
  double gap_min = 0.90e-9;        // [m] range of the gap in an array
  double gap_max = 1.55e-9;        // [m]
  double start_gap = 1.50e-9;      // [m] HRS from which a cell is programmed
};

struct GapModel {
  using Params = GapParams;
  using Spread = GapSpread;
  static constexpr std::string_view name = "stanford_gap";
  static constexpr std::string_view title = "Stanford filament gap";
  static constexpr int states = 1;
  static constexpr double published_sign = 1.0;
  static constexpr double t_valid = 2000.0;  // [K] beyond it a guard is reported, nothing is cut
  static constexpr double wall = 2e-12;   // [m] softness of the walls
  static constexpr double field_rise = 1e-3;  // [1] share of F_min over which the threshold rises
  static constexpr double v_limit = 4.0;  // [V] largest |V| inside sinh(V/V0)
  static constexpr double nm = 1e-9;      // [m]

  GapParams params;

  // The equations, for any scalar (double, AutoDiffScalar). v [V], g [m].
  template <class T>
  T current(const T& v, const T& g) const;  // (1) [A]
  template <class T>
  T temperature(const T& v, const T& i) const;  // (4) [K]
  template <class T>
  T enhancement(bool set, const T& g) const;  // (3) γ [1]
  template <class T>
  T free_rate(const T& v, const T& g,
              const T& t) const;  // (2) [m/s] without walls; g inside its range
  template <class T>
  T rate(const T& v, const T& g) const;  // (1)–(4) and walls [m/s]

  // The interface of Memristor (memristor.hpp); the gap in m is the state, in nm that of the twin.
  static std::array<StateInfo, 1> state_info() { return {{{"gap", "m"}}}; }
  Evaluation evaluate(double v, const State& x) const;
  State lower() const { return state_of(params.gap_min); }
  State upper() const { return state_of(params.gap_max); }
  State observe(const State& x) const { return x; }
  State from_observed(const State& x) const { return x; }
  State low_state() const { return upper(); }
  State high_state() const { return lower(); }
  State twin_state(const State& x) const { return x / nm; }
  State from_twin(const State& volts) const { return volts * nm; }
  GapModel vary(const GapSpread& spread, RandomStream& stream) const;
  State settle(const GapSpread& spread, const State& before, const State& after,
               RandomStream& stream) const;
  State start_state(const GapSpread& spread) const { return state_of(clipped(spread.start_gap)); }
  static GapSpread no_spread(
      const GapParams& p);  // the same device every time, in its own gap range
  static Misfit misfit(const GapParams& p, const GapSpread& spread);

  // The interface of FastMemristor.
  struct Curve {
    double amplitude, v0;  // [A] I0 exp(−g/g0), [V]
    CurrentSlope current(double v) const;
    double voltage(double i) const {  // [V] ≥ 0, below v_limit, i [A] ≥ 0
      const double z = i / amplitude;
      return v0 * std::log(z + std::sqrt(z * z + 1.0));
    }
  };
  Curve at(double g) const { return {params.i0 * std::exp(-clipped(g) / params.g0), params.v0}; }
  double log_slope() const { return -1.0 / params.g0; }   // [1/m] ∂ ln I/∂g
  double conductance(double v, double g) const;           // [S] I/V
  double state_rate(double v, double g, double i) const;  // [m/s]
  Jacobian evaluate(double v, double g) const;
  double state_for(double conductance, double v) const;  // [m]
  double state_min() const { return params.gap_min; }
  double state_max() const { return params.gap_max; }
  double guard_voltage() const { return params.v_guard; }

 private:
  template <class T>
  T clipped(const T& g) const {
    return g < params.gap_min ? T(params.gap_min) : g > params.gap_max ? T(params.gap_max) : g;
  }
  // Share of the rate at a field γ|V|/L [V/m].
  template <class T>
  T field_factor(const T& field) const;
  // Factor of an outward rate: towards gap_min when closing, towards gap_max otherwise.
  template <class T>
  T wall_factor(bool closing, const T& g) const;
};

template <class T>
T GapModel::current(const T& v, const T& g) const {
  using std::exp, std::sinh;
  const T limited = v > v_limit ? T(v_limit) : v < -v_limit ? T(-v_limit) : v;
  return params.i0 * exp(-clipped(g) / params.g0) * sinh(limited / params.v0);
}

template <class T>
T GapModel::temperature(const T& v, const T& i) const {
  using std::abs;
  return params.t_amb + abs(v * i) * params.r_th;
}

template <class T>
T GapModel::enhancement(bool set, const T& g) const {
  using std::pow, std::sqrt;
  const T x = g / nm;
  const T power = params.alpha == 1.5   ? T(x * sqrt(x))
                  : params.alpha == 1.0 ? x
                                        : T(pow(x, params.alpha));
  const T gamma = set ? params.gamma0_set - params.beta_set * power
                      : params.gamma0_reset - params.beta_reset * power;
  return gamma < 0.0 ? T(0.0) : gamma;
}

template <class T>
T GapModel::free_rate(const T& v, const T& g, const T& t) const {
  using std::exp, std::abs;
  const T gamma = enhancement(v >= 0.0, g);
  const T share = field_factor(T(gamma * abs(v) / params.thickness));
  if (share == 0.0) return T(0.0);
  const T kt = boltzmann_ev * t;
  const T u = gamma * (params.a0 / params.thickness) * v / kt, barrier = params.activation / kt;
  const auto capped = [](const T& x) { return x > 0.0 ? T(1.0) : T(exp(x)); };
  // Beyond |u| = 20 the smaller exponential is below the rounding of the larger.
  const T scale = 0.5 * params.velocity * share;
  if (u > 20.0) return -scale * capped(u - barrier);
  if (u < -20.0) return scale * capped(-u - barrier);
  return -scale * (capped(u - barrier) - capped(-u - barrier));
}

template <class T>
T GapModel::field_factor(const T& field) const {
  if (params.field_min <= 0.0) return T(1.0);
  const T p = (field / params.field_min - 1.0) / field_rise;
  if (p <= 0.0) return T(0.0);
  return p >= 1.0 ? T(1.0) : T(p * p * (3.0 - 2.0 * p));
}

template <class T>
T GapModel::wall_factor(bool closing, const T& g) const {
  using std::exp;
  const T distance = closing ? T(g - params.gap_min) : T(params.gap_max - g);
  if (distance <= 0.0) return T(0.0);
  return distance > 40.0 * wall ? T(1.0) : T(1.0 - exp(-distance / wall));
}

template <class T>
T GapModel::rate(const T& v, const T& g) const {
  using std::abs;
  if (abs(v) < params.v_guard) return T(0.0);
  const T inside = clipped(g);
  return free_rate(v, inside, temperature(v, current(v, inside))) * wall_factor(v >= 0.0, g);
}

static_assert(FastMemristor<GapModel>);

}  // namespace mho::devices

#include "devices/gap_tables.hpp"
