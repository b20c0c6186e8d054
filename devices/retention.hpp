// Retention: time at a temperature as time at a reference temperature,
// and the read conductance against temperature.
//
//   (1)  AF(T1,T2) = exp[(Ea/k)·(1/T1 − 1/T2)]      rate at T2 over rate at T1
//   (2)  t_ref     = ∫ AF(T_ref, T(t)) dt             a relaxation known at T_ref is at t_ref
//   (3)  G(T)      = G(T0)·(1 + c(G)·(T − T0)),   c = c_high + (c_low − c_high)·ln(G_high/G)/ln(G_high/G_low),
//        held outside [G_low, G_high]
// (1), (2) hold for a process of one activation energy. That of retention is that of switching
// (hourglass model, imec, Microelectron. Eng. 178 (2017), 10.1016/j.mee.2017.04.032), 1.2–1.5 eV in
// gap models; analog relaxation at room temperature, logarithmic in time, speaks for a spread of
// energies, for which one AF is an upper limit of the acceleration.
// (3) is an assumption of this project: metallic at high conductance, activated at low.
// The drift of a state without bias is that of its own model at t_amb: run_transient() at 0 V.
#pragma once
#include <span>
#include <string>

#include "core/params.hpp"

namespace mho::devices {

struct RetentionParams {
  double activation = 1.24;  // [eV] Ea
  double t_ref = 300.0;      // [K] temperature at which the relaxation is known
  double c_low = 2e-3;       // [1/K] c at g_low and below
  double c_high = -1e-3;     // [1/K] c at g_high and above
  double g_low = 1e-6;       // [S]
  double g_high = 100e-6;    // [S]
};

// A stretch of time at one temperature.
struct Dwell {
  double time;         // [s]
  double temperature;  // [K]
};

double acceleration(double activation, double t1,
                    double t2);  // [1] (1), activation [eV], t [K] > 0
double equivalent_time(const RetentionParams& p, std::span<const Dwell> dwells);  // [s] (2)
double temperature_coefficient(const RetentionParams& p, double g);               // [1/K] c(G)
// [S] (3); g [S] at t0 [K]. Throws Error where (3) would not be positive.
double conductance_at(const RetentionParams& p, double g, double t0, double t);

// Reads retention.toml. Throws ConfigError, IoError.
RetentionParams load_retention(const std::string& path);

}  // namespace mho::devices

namespace mho {
template <>
struct ParameterTable<devices::RetentionParams> {
  using S = devices::RetentionParams;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"activation", &S::activation, "eV", 0.0, 5.0, "activation energy of retention"},
      {"t_ref", &S::t_ref, "K", 10.0, 1000.0, "temperature at which the relaxation is known"},
      {"c_low", &S::c_low, "1", -0.1, 0.1, "1/K, relative temperature coefficient at g_low"},
      {"c_high", &S::c_high, "1", -0.1, 0.1, "1/K, relative temperature coefficient at g_high"},
      {"g_low", &S::g_low, "S", 1e-12, 1.0, "conductance of c_low, also below"},
      {"g_high", &S::g_high, "S", 1e-12, 1.0, "conductance of c_high, also above"},
  });
};
}  // namespace mho
