// Retention: time at a temperature as time at a reference temperature, drift of a gap without bias,
// and the read conductance against temperature.
//
//   (1)  AF(T1,T2) = exp[(Ea/k)·(1/T1 − 1/T2)]      rate at T2 over rate at T1
//   (2)  t_ref     = ∫ AF(T_ref, T(t)) dt             a relaxation known at T_ref is at t_ref
//   (3)  dg/dt     = v0·[exp(−(Er + eF)/kT) − exp(−(Eg − eF)/kT)],  eF = γ a0 V/L [eV], V > 0
//   closes the gap (4)  G(T)      = G(T0)·(1 + c(G)·(T − T0)),       c = c_high + (c_low −
//   c_high)·ln(G_high/G)/ln(G_high/G_low),
//        held outside [G_low, G_high]
// (1), (2) hold for a process of one activation energy. That of retention is that of switching
// (hourglass model, imec, Microelectron. Eng. 178 (2017), 10.1016/j.mee.2017.04.032), 1.2–1.5 eV in
// gap models; analog relaxation at room temperature, logarithmic in time, speaks for a spread of
// energies, for which one AF is an upper limit of the acceleration.
// (3) is the gap model of two barriers (Chen, Yu, IEEE TED 62, 4022 (2015)) as the tip moves at
// zero and low bias; Er < Eg lets the gap grow. One barrier (Er = Eg) does not drift without a
// bias. (4) is an assumption of this project: metallic at high conductance, activated at low.
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
// [S] (4); g [S] at t0 [K]. Throws Error where (4) would not be positive.
double conductance_at(const RetentionParams& p, double g, double t0, double t);

// Two barriers of a gap. Defaults: SkyWater sky130 ReRAM cell,
// google/skywater-pdk-libs-sky130_fd_pr_reram.
struct GapDrift {
  double velocity = 150.0;  // [m/s] v0
  double closing = 1.501;   // [eV] Eg
  double opening = 1.500;   // [eV] Er
  double gamma0 = 16.5;     // [1] γ = γ0 + γ1·(g/1 nm)³
  double gamma1 = -1.25;    // [1]
  double a0 = 0.25e-9;      // [m]
  double thickness = 5e-9;  // [m] L
  double gap_min = 0.1e-9;  // [m]
  double gap_max = 1.7e-9;  // [m]
};
double drift_rate(const GapDrift& p, double gap, double v, double t);  // [m/s] (3), v [V], t [K]
// Gap [m] after dwells at constant v [V], from the walls inward; adaptive Dormand–Prince 5(4) in
// time.
double drift_gap(const GapDrift& p, double gap, double v, std::span<const Dwell> dwells);

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

template <>
struct ParameterTable<devices::GapDrift> {
  using S = devices::GapDrift;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"velocity", &S::velocity, "m/s", 0.0, 1e12, "attempt velocity"},
      {"closing", &S::closing, "eV", 0.05, 5.0, "barrier of the closing gap"},
      {"opening", &S::opening, "eV", 0.05, 5.0, "barrier of the opening gap"},
      {"gamma0", &S::gamma0, "1", 0.0, 1000.0, "field enhancement at zero gap"},
      {"gamma1", &S::gamma1, "1", -1000.0, 1000.0, "its change with the cube of the gap in nm"},
      {"a0", &S::a0, "m", 1e-11, 1e-8, "hopping distance"},
      {"thickness", &S::thickness, "m", 1e-10, 1e-7, "oxide thickness"},
      {"gap_min", &S::gap_min, "m", 0.0, 1e-7, "smallest gap"},
      {"gap_max", &S::gap_max, "m", 1e-12, 1e-7, "largest gap"},
  });
};
}  // namespace mho
