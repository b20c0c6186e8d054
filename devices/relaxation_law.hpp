// The distribution of a relaxed conductance in closed form: what RelaxationPath draws from, as a
// mixture of Gaussians.
#pragma once
#include <vector>

#include "devices/relaxation.hpp"

namespace mho::devices {

// G(t) = |Y|, Y = G(0) + μ + σ·√q·N with N normal and q = s²γ, s² = (ν−2)/χ²_ν the scale of the
// programming event and γ the clock at t, inverse Gaussian of mean 1 and variance ℓ²/σ². Both have
// smooth densities in the logarithm, so the trapezoidal rule in ln s² and ln γ, with one step for
// both, is a quadrature whose products fall on one grid in ln q. Then
//   P(Y ≤ x)   = Σ_k w_k Φ((x − m)/(σ√q_k)),   m = G(0) + μ
//   E G(t)     = m + 2 Σ_k w_k [σ_k φ(m/σ_k) − m Φ(−m/σ_k)],   σ_k = σ√q_k
//   E G(t)²    = m² + σ²        (reflection leaves the square as it is)
// Clock and σ: mixtures are kept for variances 5 % apart and the nearest is used; σ itself is
// exact.
class RelaxationLaw {
 public:
  explicit RelaxationLaw(const RelaxationParams& params);

  const RelaxationParams& params() const { return params_; }
  double mean(double g, double t) const;                // [S] E G(t), g = G(0) [S], t [s] > 0
  double variance(double g, double t) const;            // [S²] of G(t)
  double rise(double m, double variance) const;         // [S] E|Y| − m, what reflection adds
  double cdf(double g, double t, double x) const;       // P(G(t) ≤ x), x [S]
  double density(double g, double t, double x) const;   // [1/S] of G(t) at x ≥ 0
  double quantile(double g, double t, double p) const;  // [S] x with cdf = p, 0 < p < 1

 private:
  struct Mixture {
    std::vector<double> root;    // [1] √q_k
    std::vector<double> weight;  // sums to 1
  };
  static Mixture mixture(double nu, double clock_variance);
  const Mixture& mixture_at(double variance) const;

  RelaxationParams params_;
  double grid_low_ = 0.0;          // ln of the variance in g_unit² of the first mixture
  std::vector<Mixture> mixtures_;  // by ln of the variance in g_unit²; one when there is no clock
};

}  // namespace mho::devices
