// VTEAM: a threshold model for fast functional simulation. Published sign u = −v: u > 0 is RESET.
//
//   (1)  dw/dt = k_off · (u/v_off − 1)^α_off · f_off(w)   u > v_off > 0
//              = 0                                         v_on ≤ u ≤ v_off
//              = k_on · (u/v_on − 1)^α_on · f_on(w)        u < v_on < 0,  k_on < 0
//   (2)  i     = u / [R_on + (R_off − R_on) s]             law 0, linear
//        i     = u · exp(−λ s)/R_on,  λ = ln(R_off/R_on)   law 1, exponential
//              where s = (w − w_on)/(w_off − w_on)
//   (3)  window 0  none          f = 1
//               1  Kvatinsky     f_off = exp(−exp((w − a_off)/w_c))
//                                f_on  = exp(−exp(−(w − a_on)/w_c))
//               2  Joglekar      f = 1 − (2s − 1)^2p, 0 at both walls whatever the direction
//               3  Biolek        f_off = 1 − s^2p,  f_on = 1 − (1 − s)^2p
//               4  Prodromakis   f = 1 − ((s − ½)² + ¾)^p, as 2
//
// Kvatinsky, Ramadan, Friedman, Kolodny, IEEE TCAS-II 62, 786 (2015), 10.1109/TCSII.2015.2433536.
// Guards: (1) rises smoothly over the first millivolt beyond a threshold; w is clipped to its range
// and an outward rate falls off as 1 − exp(−d/1e-3), d the distance to the wall as a share of the
// range, in addition to the window. The model knows no temperature: 300 K is reported.
#pragma once
#include <algorithm>
#include <cmath>

#include "core/params.hpp"
#include "devices/memristor.hpp"

namespace mho::devices {

// Defaults: vteam_pthfti.toml.
struct VteamParams {
  double alpha_off = 1.0, alpha_on = 3.0;  // [1]
  double v_off = 0.5, v_on = -0.53;        // [V] thresholds of u
  double r_off = 2500.0, r_on = 100.0;     // [ohm]
  double k_off = 4.03e-8, k_on = -80.0;    // [m/s]
  double w_on = 0.0, w_off = 10e-9;        // [m]
  double law = 0.0;                        // [1] 0 linear, 1 exponential
  double window = 0.0;                     // [1] 0 to 4, see (3)
  double window_p = 1.0;                   // [1] p of windows 2 to 4
  double a_off = 10e-9, a_on = 0.0;        // [m] of window 1
  double w_c = 0.1e-9;                     // [m] of window 1
};

// The published model has no scatter; these widths are assumptions of a card that states them.
struct VteamSpread {
  double ln_r = 0.0;             // [1] σ over devices of ln R_on and ln R_off, the same factor
  double threshold = 0.0;        // [1] relative σ over devices of v_on and v_off, the same factor
  double ln_k = 0.0;             // [1] σ over devices of ln|k_on| and ln k_off, the same factor
  double cycle_w = 0.0;          // [m] σ added to w after a pulse that moved it
  double cycle_threshold = 0.0;  // [m] smallest movement that counts as such
  double start_w = 10e-9;        // [m] from which a cell is programmed
};

struct VteamModel {
  using Params = VteamParams;
  using Spread = VteamSpread;
  static constexpr std::string_view name = "vteam";
  static constexpr std::string_view title = "VTEAM";
  static constexpr int states = 1;
  static constexpr double published_sign = -1.0;
  static constexpr double wall = 1e-3;      // [1] softness of the walls, share of the range
  static constexpr double rise = 1e-3;      // [V] over which a threshold is passed
  static constexpr double no_heat = 300.0;  // [K] reported
  static constexpr double z_limit = 40.0;   // [1] inner exponent of window 1

  VteamParams params;

  // The interface of Memristor (memristor.hpp); the state is w.
  static std::array<StateInfo, 1> state_info() { return {{{"w", "m"}}}; }
  Evaluation evaluate(double v, const State& x) const;
  State lower() const { return state_of(params.w_on); }
  State upper() const { return state_of(params.w_off); }
  State observe(const State& x) const { return x; }
  State from_observed(const State& x) const { return x; }
  State low_state() const { return upper(); }
  State high_state() const { return lower(); }
  State twin_state(const State& x) const { return state_of(share(x[0])); }
  State from_twin(const State& volts) const { return state_of(params.w_on + volts[0] * range()); }
  VteamModel vary(const VteamSpread& spread, RandomStream& stream) const;
  State settle(const VteamSpread& spread, const State& before, const State& after,
               RandomStream& stream) const;
  State start_state(const VteamSpread& spread) const { return state_of(clipped(spread.start_w)); }
  static VteamSpread no_spread(const VteamParams& p) { return {.start_w = p.w_off}; }
  static Misfit misfit(const VteamParams& p, const VteamSpread& spread);

 private:
  double range() const { return params.w_off - params.w_on; }
  double share(double w) const { return (w - params.w_on) / range(); }
  double clipped(double w) const { return std::clamp(w, params.w_on, params.w_off); }
};

static_assert(Memristor<VteamModel>);

}  // namespace mho::devices

namespace mho {
template <>
struct ParameterTable<devices::VteamParams> {
  using S = devices::VteamParams;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"alpha_off", &S::alpha_off, "1", 1.0, 20.0, "power of the overdrive, RESET"},
      {"alpha_on", &S::alpha_on, "1", 1.0, 20.0, "power of the overdrive, SET"},
      {"v_off", &S::v_off, "V", 0.01, 10.0, "threshold of RESET, published sign"},
      {"v_on", &S::v_on, "V", -10.0, -0.01, "threshold of SET, published sign"},
      {"r_off", &S::r_off, "ohm", 1.0, 1e12, "resistance at w_off"},
      {"r_on", &S::r_on, "ohm", 1.0, 1e12, "resistance at w_on"},
      {"k_off", &S::k_off, "m/s", 0.0, 1e6, "speed of RESET at twice the threshold"},
      {"k_on", &S::k_on, "m/s", -1e6, 0.0, "speed of SET at twice the threshold, negative"},
      {"w_on", &S::w_on, "m", 0.0, 1e-6, "state of low resistance"},
      {"w_off", &S::w_off, "m", 0.0, 1e-6, "state of high resistance"},
      {"law", &S::law, "1", 0.0, 1.0, "current: 0 linear, 1 exponential in the state"},
      {"window", &S::window, "1", 0.0, 4.0,
       "0 none, 1 Kvatinsky, 2 Joglekar, 3 Biolek, 4 Prodromakis"},
      {"window_p", &S::window_p, "1", 1.0, 100.0, "power p of windows 2 to 4"},
      {"a_off", &S::a_off, "m", -1e-6, 1e-6, "place of window 1, RESET"},
      {"a_on", &S::a_on, "m", -1e-6, 1e-6, "place of window 1, SET"},
      {"w_c", &S::w_c, "m", 1e-14, 1e-6, "width of window 1"},
  });
};

template <>
struct ParameterTable<devices::VteamSpread> {
  using S = devices::VteamSpread;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"ln_r", &S::ln_r, "1", 0.0, 3.0, "standard deviation of ln R over devices"},
      {"threshold", &S::threshold, "1", 0.0, 0.3,
       "relative standard deviation of the thresholds over devices"},
      {"ln_k", &S::ln_k, "1", 0.0, 3.0, "standard deviation of ln k over devices"},
      {"cycle_w", &S::cycle_w, "m", 0.0, 1e-6,
       "standard deviation of w after a pulse that moved it"},
      {"cycle_threshold", &S::cycle_threshold, "m", 0.0, 1e-6,
       "movement from which a pulse scatters w"},
      {"start_w", &S::start_w, "m", 0.0, 1e-6, "w from which a cell is programmed"},
  });
};
}  // namespace mho
