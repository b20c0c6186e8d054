// Yakopcic's generalised memristor: a state x between 0 and 1, a hyperbolic sine, two thresholds.
//
//   (1)  I     = a1 x sinh(bV)  V ≥ 0;     a2 x sinh(bV)  V < 0
//   (2)  g(V)  = A_p (e^V − e^V_p)  V > V_p;   −A_n (e^−V − e^V_n)  V < −V_n;   0 between
//   (3)  dx/dt = g(V) · f(x),   V in volts
//   (4)  f     = exp(−α_p (x − x_p)) · (1 − x)/(1 − x_p)   V ≥ 0, x ≥ x_p;       else 1
//        f     = exp(α_n (x + x_n − 1)) · x/(1 − x_n)      V < 0, x ≤ 1 − x_n;   else 1
//
// Yakopcic, Taha, Subramanyam, Pino, Rogers, IEEE EDL 32, 1436 (2011), 10.1109/LED.2011.2163292;
// Yakopcic, Taha, Subramanyam, Pino, IEEE TCAD 32, 1201 (2013), 10.1109/TCAD.2013.2252057.
// Their η = −1 is a cell with its terminals exchanged; here η = +1: V > 0 is SET, as published.
// Guards: |V| ≤ 4 V inside sinh and the exponentials of (2), the current going on along its
// tangent; x in [x_min, 1]: at x = 0 the cell would be an open circuit for ever, since f = 0 there.
// A rate towards x_min falls off as 1 − exp(−(x − x_min)/1e-4). The model knows no temperature:
// 300 K is reported.
#pragma once
#include <algorithm>
#include <cmath>

#include "core/params.hpp"
#include "devices/memristor.hpp"

namespace mho::devices {

// Defaults: yakopcic_hfo2c2.toml.
struct YakopcicParams {
  double a1 = 7e-5, a2 = 7e-5;          // [A]
  double b = 1.9;                       // [1/V]
  double a_p = 1.0, a_n = 1.0;          // [1/s]
  double v_p = 0.4, v_n = 0.3;          // [V] thresholds
  double alpha_p = 3.0, alpha_n = 8.0;  // [1]
  double x_p = 0.9, x_n = 0.7;          // [1]
  double x_min = 1e-3;                  // [1] smallest x
};

// The published model has no scatter; these widths are assumptions of a card that states them.
struct YakopcicSpread {
  double ln_a = 0.0;             // [1] σ over devices of ln a1 and ln a2, the same factor
  double ln_rate = 0.0;          // [1] σ over devices of ln A_p and ln A_n, the same factor
  double threshold = 0.0;        // [1] relative σ over devices of V_p and V_n, the same factor
  double cycle_x = 0.0;          // [1] σ added to x after a pulse that moved it
  double cycle_threshold = 0.0;  // [1] smallest movement that counts as such
  double start_x = 1e-3;         // [1] from which a cell is programmed
};

struct YakopcicModel {
  using Params = YakopcicParams;
  using Spread = YakopcicSpread;
  static constexpr std::string_view name = "yakopcic";
  static constexpr std::string_view title = "Yakopcic generalised memristor";
  static constexpr int states = 1;
  static constexpr double published_sign = 1.0;
  static constexpr double wall = 1e-4;      // [1] softness of the lower wall
  static constexpr double v_limit = 4.0;    // [V] largest |V| inside the exponentials
  static constexpr double no_heat = 300.0;  // [K] reported

  YakopcicParams params;

  // The interface of Memristor (memristor.hpp).
  static std::array<StateInfo, 1> state_info() { return {{{"x", "1"}}}; }
  Evaluation evaluate(double v, const State& x) const;
  State lower() const { return state_of(params.x_min); }
  State upper() const { return state_of(1.0); }
  State observe(const State& x) const { return x; }
  State from_observed(const State& x) const { return x; }
  State low_state() const { return lower(); }
  State high_state() const { return upper(); }
  State twin_state(const State& x) const { return x; }
  State from_twin(const State& volts) const { return volts; }
  YakopcicModel vary(const YakopcicSpread& spread, RandomStream& stream) const;
  State settle(const YakopcicSpread& spread, const State& before, const State& after,
               RandomStream& stream) const;
  State start_state(const YakopcicSpread& spread) const {
    return state_of(clipped(spread.start_x));
  }
  static YakopcicSpread no_spread(const YakopcicParams& p) { return {.start_x = p.x_min}; }
  static Misfit misfit(const YakopcicParams& p, const YakopcicSpread& spread);

 private:
  double clipped(double x) const { return std::clamp(x, params.x_min, 1.0); }
};

static_assert(Memristor<YakopcicModel>);

}  // namespace mho::devices

namespace mho {
template <>
struct ParameterTable<devices::YakopcicParams> {
  using S = devices::YakopcicParams;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"a1", &S::a1, "A", 1e-12, 1e3, "current scale, V >= 0"},
      {"a2", &S::a2, "A", 1e-12, 1e3, "current scale, V < 0"},
      {"b", &S::b, "1/V", 1e-3, 10.0, "steepness of the current"},
      {"a_p", &S::a_p, "1/s", 0.0, 1e12, "rate of SET"},
      {"a_n", &S::a_n, "1/s", 0.0, 1e12, "rate of RESET"},
      {"v_p", &S::v_p, "V", 0.0, 4.0, "threshold of SET"},
      {"v_n", &S::v_n, "V", 0.0, 4.0, "threshold of RESET, magnitude"},
      {"alpha_p", &S::alpha_p, "1", 0.0, 100.0, "fall of the rate above x_p"},
      {"alpha_n", &S::alpha_n, "1", 0.0, 100.0, "fall of the rate below 1 - x_n"},
      {"x_p", &S::x_p, "1", 0.0, 0.999, "state from which SET slows down"},
      {"x_n", &S::x_n, "1", 0.0, 0.999, "1 - x_n: state from which RESET slows down"},
      {"x_min", &S::x_min, "1", 1e-9, 0.5, "smallest state"},
  });
};

template <>
struct ParameterTable<devices::YakopcicSpread> {
  using S = devices::YakopcicSpread;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"ln_a", &S::ln_a, "1", 0.0, 3.0, "standard deviation of ln a over devices"},
      {"ln_rate", &S::ln_rate, "1", 0.0, 3.0, "standard deviation of ln A over devices"},
      {"threshold", &S::threshold, "1", 0.0, 0.3,
       "relative standard deviation of the thresholds over devices"},
      {"cycle_x", &S::cycle_x, "1", 0.0, 1.0,
       "standard deviation of x after a pulse that moved it"},
      {"cycle_threshold", &S::cycle_threshold, "1", 0.0, 1.0,
       "movement from which a pulse scatters x"},
      {"start_x", &S::start_x, "1", 0.0, 1.0, "x from which a cell is programmed"},
  });
};
}  // namespace mho
