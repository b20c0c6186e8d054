// Relaxation of an analog conductance after its last programming pulse: Brownian motion in log time
// with heavy tails.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "core/params.hpp"
#include "core/random.hpp"

namespace mho::devices {

// With u = G(0)/g_full, d = log10(t/1 s) and all conductances in g_unit = 1 µS, for the cells
// programmed to G(0):
//   mean shift   μ(G,t)  = (m2 u² + m1 u + m0) + (n2 u² + n1 u + n0)·d + (p2 u² + p1 u + p0)·d²
//   variance     σ²(G,t) = (a3 u³ + a2 u² + a1 u + a0) + (b3 u³ + b2 u² + b1 u + b0)·d
//                          + (c1 u + c0)·d², not below variance_floor
//   path         G(t) = G(0) + μ(G,t) + s·W(σ²(G,t)),  W a Wiener process,
//                s² = (ν−2)/χ²_ν drawn at each programming event
// so that G(t) − G(0) − μ is a scaled Student t with ν degrees of freedom and the stated variance,
// and one cell's increments over successive times are those of one path. Valid for 0.5–40 µS and
// 10 ms–1e5 s.
// With jump_length ℓ > 0 the Wiener process runs on a random clock: where σ² grows by Δ, the clock
// advances by an inverse Gaussian number of mean Δ and variance ℓ²Δ. Increments stay independent
// and keep their variance, but their law is normal inverse Gaussian, with tails exp(−|x|/ℓ) and an
// excess kurtosis of 3ℓ²/Δ that falls as the spread grows (Barndorff-Nielsen, Scand. J. Stat. 24, 1
// (1997), 10.1111/1467-9469.00045); ℓ = 0 is Brownian motion.
// Coefficients: fitted to the 40 µS analog technology C of Levy's relaxation data, which coincides
// with the NeuRRAM curves (Wan et al., Nature 608, 504 (2022), Extended Data Fig. 3).
struct RelaxationParams {
  double g_full = 40e-6;                                      // [S]
  double g_unit = 1e-6;                                       // [S]
  double a3 = 29.487, a2 = -58.897, a1 = 32.420, a0 = 0.111;  // [g_unit²]
  double b3 = 9.774, b2 = -20.556, b1 = 12.053, b0 = -0.001;  // [g_unit²] per decade
  double c1 = 0.0, c0 = 0.0;                                  // [g_unit²] per decade²
  double m2 = 1.953, m1 = -2.819, m0 = 0.383;                 // [g_unit]
  double n2 = 0.870, n1 = -1.248, n0 = 0.125;                 // [g_unit] per decade
  double p2 = 0.0, p1 = 0.0, p0 = 0.0;                        // [g_unit] per decade²
  double variance_floor = 0.04;                               // [g_unit²]
  double nu = 3.5;           // [1] degrees of freedom of the mixing law, > 2
  double jump_length = 0.0;  // [S] ℓ of the random clock; 0: none
};

double relaxation_mean(const RelaxationParams& p, double g, double t);  // [S] μ(G,t), t [s] > 0
double relaxation_variance(const RelaxationParams& p, double g, double t);  // [S²] σ²(G,t)

// The path of one cell after one programming event. conductance() never shows less than 0: the path
// itself is not bounded, its value is reflected at zero when read, so a cell that wandered below
// may come back. The reflection raises the mean of cells near 1 µS.
class RelaxationPath {
 public:
  // g [S] as programmed; draws the event's scale s from `stream`.
  RelaxationPath(const RelaxationParams& params, double g, RandomStream& stream);
  // Moves on to t [s] after programming, t not before the last call. From `stream`: one normal
  // number, and before it one normal and one uniform for the clock if jump_length > 0.
  void advance(double t, RandomStream& stream);
  double conductance() const;  // [S] at the time reached, ≥ 0

 private:
  const RelaxationParams* params_;
  double start_, scale_, wander_ = 0.0, variance_ = 0.0, mean_ = 0.0;
};

// Conductance [S] ≥ 0 at time t [s] after programming to g [S].
double relax(const RelaxationParams& params, double g, double t, RandomStream& stream);

// Reads relaxation_*.toml. Throws ConfigError, IoError.
RelaxationParams load_relaxation(const std::string& path);

}  // namespace mho::devices

namespace mho {
template <>
struct ParameterTable<devices::RelaxationParams> {
  using S = devices::RelaxationParams;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"g_full", &S::g_full, "S", 1e-9, 1.0, "full scale: u = G/g_full"},
      {"g_unit", &S::g_unit, "S", 1e-9, 1.0, "unit of conductance of the coefficients below"},
      {"a3", &S::a3, "1", -1e6, 1e6, "variance at 1 s, u³"},
      {"a2", &S::a2, "1", -1e6, 1e6, "variance at 1 s, u²"},
      {"a1", &S::a1, "1", -1e6, 1e6, "variance at 1 s, u"},
      {"a0", &S::a0, "1", -1e6, 1e6, "variance at 1 s, constant"},
      {"b3", &S::b3, "1", -1e6, 1e6, "variance per decade of time, u³"},
      {"b2", &S::b2, "1", -1e6, 1e6, "variance per decade of time, u²"},
      {"b1", &S::b1, "1", -1e6, 1e6, "variance per decade of time, u"},
      {"b0", &S::b0, "1", -1e6, 1e6, "variance per decade of time, constant"},
      {"c1", &S::c1, "1", -1e6, 1e6, "variance per decade² of time, u"},
      {"c0", &S::c0, "1", -1e6, 1e6, "variance per decade² of time, constant"},
      {"m2", &S::m2, "1", -1e6, 1e6, "mean shift at 1 s, u²"},
      {"m1", &S::m1, "1", -1e6, 1e6, "mean shift at 1 s, u"},
      {"m0", &S::m0, "1", -1e6, 1e6, "mean shift at 1 s, constant"},
      {"n2", &S::n2, "1", -1e6, 1e6, "mean shift per decade of time, u²"},
      {"n1", &S::n1, "1", -1e6, 1e6, "mean shift per decade of time, u"},
      {"n0", &S::n0, "1", -1e6, 1e6, "mean shift per decade of time, constant"},
      {"p2", &S::p2, "1", -1e6, 1e6, "mean shift per decade² of time, u²"},
      {"p1", &S::p1, "1", -1e6, 1e6, "mean shift per decade² of time, u"},
      {"p0", &S::p0, "1", -1e6, 1e6, "mean shift per decade² of time, constant"},
      {"variance_floor", &S::variance_floor, "1", 0.0, 1e6, "smallest variance"},
      {"nu", &S::nu, "1", 2.01, 1e6, "degrees of freedom of the scale of one programming event"},
      {"jump_length", &S::jump_length, "S", 0.0, 1e-3, "decay length of jumps; 0: Brownian motion"},
  });
};
}  // namespace mho
