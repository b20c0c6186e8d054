// Read noise of one cell: 1/f noise and random telegraph noise (RTN), a stationary path in time
// that can be read at any instants.
//
//   (1)  G(t) = g · exp(X(t) − σ²/2) · Π_k (1 + a_k s_k(t))/(1 + a_k π_k),   mean of G(t) = g
// 1/f: X = Σ X_i, independent Ornstein–Uhlenbeck processes, N of them, rates spaced evenly in the
// logarithm between the corners f_min and f_max, each of variance A·h, h = ln(f_max/f_min)/N:
//   (2)  A = min(A_max, K·(g/100 µS)^−p · exp(σ_ln z)),   z ~ N(0,1) of this cell   [1]
//   (3)  λ_i = 2π f_min exp((i + ½) h),   i = 0 … N−1
//   (4)  S_X(f) = Σ 4 A h λ_i/(λ_i² + (2πf)²) ≈ (A/f)·(2/π)·[atan(f_max/f) − atan(f_min/f)] [1/Hz]
//   (5)  ∫_0^∞ S_X df = σ² = A ln(f_max/f_min)
// S is one-sided and A is S_G/G² at 1 Hz. At the corners (4) is 3 dB below A/f, a decade inside of
// them 6.3 %, where the slope of ln S against ln f is off by 0.067; with two rates per decade the
// sum of (4) ripples by 4 exp(−π²/h) = 8e-4 about the integral, with one by 5 %. RTN: a Poisson
// number of traps of mean m per cell, each with mean times τ_0, τ_1 in its two states s = 0, 1,
// both log-uniform in [τ_min, τ_max]; λ = 1/τ_0 + 1/τ_1, occupancy π = τ_1/(τ_0 + τ_1):
//   (6)  a = median(g)·exp(σ_a z), median a power law through a_low at g_low and a_high at g_high,
//        not above a_low below g_low
//   (7)  P(s(t+Δ) = 1 | s(t)) = π + (s(t) − π) e^(−λΔ),   S(f) = 4 v λ/(λ² + (2πf)²),
//        v = a² π(1−π)/(1+aπ)²
// (X_i and s_k advance by their exact transition laws, so a path does not depend on the time grid.)
// Amplitudes: one cell each of five conductances of technology A of
// akashlevy/RRAM-Relaxation-Master-Model (MIT); RTN: Rao et al., Nature 615, 823 (2023),
// 10.1038/s41586-023-05759-5 (2.1–2.9 % at 98 µS). Both forms and A_max are assumptions of this
// project.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/params.hpp"
#include "core/random.hpp"

namespace mho::devices {

struct ReadNoiseParams {
  double density = 1e-5;         // [1] K, S_G/G² at 1 Hz and g_unit, median cell
  double power = 2.0;            // [1] p
  double g_unit = 100e-6;        // [S] the 100 µS of (2)
  double sigma_ln = 2.0;         // [1] σ_ln between cells
  double density_max = 1e-3;     // [1] A_max, five times the noisiest of the measured cells
  double f_min = 1e-4;           // [Hz] lower corner
  double f_max = 1e5;            // [Hz] upper corner, the bandwidth of a read
  double per_decade = 2.0;       // [1] processes per decade of rate
  double traps = 1.0;            // [1] m
  double tau_min = 10e-6;        // [s]
  double tau_max = 10.0;         // [s]
  double amplitude_low = 0.10;   // [1] a_low
  double g_low = 5e-6;           // [S]
  double amplitude_high = 0.02;  // [1] a_high
  double g_high = 100e-6;        // [S]
  double amplitude_sigma = 0.8;  // [1] σ_a
};
double median_density(const ReadNoiseParams& p, double g);    // [1] (2) with z = 0
double median_amplitude(const ReadNoiseParams& p, double g);  // [1] (6) with z = 0

// Which cell.
struct NoiseKey {
  std::uint64_t seed;
  std::uint32_t die, core, cell;
};

// The path of one cell at one conductance. A cell keeps z, its traps and their times whatever it is
// programmed to; paths of the same cell after different programming events have different `event`.
class ReadNoise {
 public:
  static constexpr std::uint32_t events = 255;  // event < events; about 2²⁶ numbers for each

  // At t = 0 in the stationary law. g [S] > 0.
  ReadNoise(const ReadNoiseParams& params, double g, const NoiseKey& key, std::uint32_t event = 0);
  // Moves on to t [s], not before the last call.
  void advance(double t);
  double conductance() const;  // [S] G(t) of (1)

  double density() const { return density_; }  // [1] A of this cell
  double spectrum(double f) const;             // [1/Hz] S_G/G², f [Hz], sums of (4) and (7)
  // [1] variance of G/g: of one read; of the part of X and traps between f1 and f2 [Hz], from ∫
  // spectrum; expected about the mean of a record of length t [s]. The last two to first order in
  // the variance.
  double variance() const;
  double variance_in_band(double f1, double f2) const;
  double variance_in_record(double t) const;
  // Where reads are further apart than 1/rate [s]: what is left of G(t) when processes and traps
  // that forget within that time are at their mean [S], and the variance of G/g that those have
  // from read to read [1], to first order.
  double conductance_below(double rate) const;
  double variance_above(double rate) const;
  size_t processes() const { return rates_.size(); }
  size_t trap_count() const { return traps_.size(); }

 private:
  struct Trap {
    double rate, occupancy, amplitude;  // [1/s], [1], [1]
    bool high;
    double variance() const;  // [1] v of (7)
  };
  void draw_cell(const ReadNoiseParams& params, RandomStream stream);
  void prepare(double step);
  template <class Term>
  double sum(const Term& term) const;  // Σ term(variance, rate) over processes and traps

  double g_, density_ = 0.0, each_ = 0.0, time_ = 0.0, step_ = -1.0, level_ = 0.0;
  std::vector<double> rates_, x_, keep_, kick_;  // λ_i, X_i, e^(−λΔ), σ of its new part
  std::vector<Trap> traps_;
  RandomStream path_;
};

// Reads read_noise*.toml. Throws ConfigError, IoError.
ReadNoiseParams load_read_noise(const std::string& path);

}  // namespace mho::devices

namespace mho {
template <>
struct ParameterTable<devices::ReadNoiseParams> {
  using S = devices::ReadNoiseParams;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"density", &S::density, "1", 0.0, 1.0,
       "S_G/G² of 1/f noise at 1 Hz and g_unit, median cell"},
      {"power", &S::power, "1", 0.0, 10.0, "fall of it with conductance"},
      {"g_unit", &S::g_unit, "S", 1e-9, 1.0, "conductance of density"},
      {"sigma_ln", &S::sigma_ln, "1", 0.0, 5.0, "standard deviation of its logarithm over cells"},
      {"density_max", &S::density_max, "1", 0.0, 1.0, "largest S_G/G² at 1 Hz of any cell"},
      {"f_min", &S::f_min, "Hz", 1e-9, 1e9, "lower corner of the 1/f noise"},
      {"f_max", &S::f_max, "Hz", 1e-9, 1e12, "upper corner, the bandwidth of a read"},
      {"per_decade", &S::per_decade, "1", 0.5, 20.0, "relaxation rates per decade"},
      {"traps", &S::traps, "1", 0.0, 100.0, "mean number of RTN traps per cell"},
      {"tau_min", &S::tau_min, "s", 1e-12, 1e9, "shortest mean time in a state of a trap"},
      {"tau_max", &S::tau_max, "s", 1e-12, 1e9, "longest mean time in a state of a trap"},
      {"amplitude_low", &S::amplitude_low, "1", 0.0, 10.0, "median RTN step at g_low and below"},
      {"g_low", &S::g_low, "S", 1e-9, 1.0, "conductance of amplitude_low"},
      {"amplitude_high", &S::amplitude_high, "1", 0.0, 10.0, "median RTN step at g_high"},
      {"g_high", &S::g_high, "S", 1e-9, 1.0, "conductance of amplitude_high"},
      {"amplitude_sigma", &S::amplitude_sigma, "1", 0.0, 3.0,
       "standard deviation of ln of the RTN step over traps"},
  });
};
}  // namespace mho
