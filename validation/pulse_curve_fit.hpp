// A gap-model card fitted to measured 1T1R pulse curves: what is free, which points the fit sees,
// the fit, and how well each parameter is determined.
//
// Which points are held out is fixed here; they enter neither the residuals nor their weights.
// Residual of a point: ln(R_model/R_measured)/σ, σ² = 0.05² + (10 mV · |d ln R/dV| of the measured
// curve)², so that a jump counts by its place rather than by its height. Loss of a residual e, with
// c² = 8: 2c²(√(1 + e²/c²) − 1), i.e. e² for small and |e| for large ones.
// Beside the medians, the 10 % and 90 % quantiles of the SET curves take part up to WL 1.9 V (σ_ln
// 0.1), each as a cell of its own start resistance: the medians alone leave open how the place of
// the jump depends on where a cell starts.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/params.hpp"
#include "devices/pulse_curves.hpp"

namespace mho::validation {

// What a curve is simulated with.
struct PulseDevice {
  devices::GapModel model;
  devices::SelectTransistor transistor;
  devices::PulseBench bench;
};

// The free parameters. The rest of the card is fixed: g0 0.15 nm (unit of the gap: only g/g0 is
// seen), gap_min 0.1 nm and α 1 (an offset of the gap is then one of γ0), a0/L 0.05 (only γ a0/L is
// seen). β follows from γ at the gap of a 200 kohm cell, above 0 by its bounds: cells of that
// resistance are both written and erased, which a γ cut at 0 would forbid.
struct PulseUnknowns {
  double v0;                // [V] V0
  double ln_rate;           // [1] ln of the attempt velocity [m/s] behind the barrier at 600 K
  double activation;        // [eV] Ea
  double gamma0_set;        // [1]
  double gamma_set_high;    // [1] at 200 kohm
  double gamma0_reset;      // [1]
  double gamma_reset_high;  // [1] at 200 kohm
  double r_th;              // [K/W]
  double r_closed;          // [ohm] the cell alone at gap_min and 0.1 V
  double r_path;            // [ohm] of the read
  double beta;              // [A/V²] select transistor
  double v_to;              // [V]
};

PulseDevice device_of(const PulseUnknowns& unknowns);
PulseUnknowns unknowns_of(const PulseDevice& device);

// Whether the point at swept voltage v is kept from the fit:
//   SET, 1 µs    1.60 V ≤ WL ≤ 1.70 V and WL ≥ 2.20 V
//   SET, 10 µs   1.70 V ≤ WL ≤ 2.00 V
//   RESET ramp   0.95 V ≤ SL ≤ 1.15 V and SL ≥ 1.80 V
bool held_out(const devices::PulseCurve& curve, double v);

// The three curves that the card is for, in this order: SET from HRS by one pulse of 1 µs and of 10
// µs, WL swept at BL 2.0 V; RESET ramp, 200 ns, SL swept at WL 3.5 V. Throws IoError when one is
// missing.
std::vector<devices::PulseCurve> card_curves(const std::string& path);

struct PulseFitOptions {
  std::uint64_t seed = 1;
  int threads = 1;
  int population = 120;   // of the differential evolution that looks for the valley
  int generations = 200;  // 0: none, the search starts at `start`
  int iterations = 60;    // of Levenberg–Marquardt from the best of it
};

struct PulseFit {
  PulseUnknowns unknowns;
  PulseUnknowns error;  // standard errors, from the Jacobian and the scatter of the residuals
  double loss = 0.0;    // sum over the points of the fit
  int points = 0;
  double condition = 0.0;        // of the Jacobian, unknowns on their search scale
  PulseUnknowns weak_direction;  // its weakest direction (unit vector on that scale)
  bool converged = false;
};

// Differential evolution (Storn, Price, J. Global Optim. 11, 341 (1997), 10.1023/A:1008202821328)
// over the bounds of ParameterTable<PulseUnknowns>, then Levenberg–Marquardt inside them. `use`
// says which points take part. Unknowns with a positive lower bound are searched on a logarithmic
// scale. The same seed gives the same fit on any number of threads.
PulseFit fit_pulse_curves(const std::vector<devices::PulseCurve>& curves,
                          const std::function<bool(const devices::PulseCurve&, double)>& use,
                          const PulseUnknowns& start, const PulseFitOptions& options);

}  // namespace mho::validation

namespace mho {
template <>
struct ParameterTable<validation::PulseUnknowns> {
  using S = validation::PulseUnknowns;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"v0", &S::v0, "V", 0.1, 2.0, "voltage scale of the current"},
      {"ln_rate", &S::ln_rate, "1", -25.0, 10.0, "ln of velocity [m/s] times exp(-Ea/kT) at 600 K"},
      {"activation", &S::activation, "eV", 0.3, 3.0, "activation energy"},
      {"gamma0_set", &S::gamma0_set, "1", 2.0, 80.0, "enhancement at zero gap, SET"},
      {"gamma_set_high", &S::gamma_set_high, "1", 1.0, 30.0, "enhancement at 200 kohm, SET"},
      {"gamma0_reset", &S::gamma0_reset, "1", 2.0, 80.0, "enhancement at zero gap, RESET"},
      {"gamma_reset_high", &S::gamma_reset_high, "1", 0.5, 30.0, "enhancement at 200 kohm, RESET"},
      {"r_th", &S::r_th, "K/W", 1e3, 1e7, "thermal resistance"},
      {"r_closed", &S::r_closed, "ohm", 20.0, 4400.0, "cell at its smallest gap"},
      {"r_path", &S::r_path, "ohm", 100.0, 4500.0, "transistor and wires while reading"},
      {"beta", &S::beta, "A/V²", 2e-5, 1e-3, "select transistor"},
      {"v_to", &S::v_to, "V", -0.2, 1.4, "select transistor"},
  });
};
}  // namespace mho
