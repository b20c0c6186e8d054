// A model driven the way a measurement was, and what differs.
#pragma once
#include <Eigen/Core>
#include <vector>

#include "devices/fit/measurement.hpp"
#include "devices/fit/sweep_features.hpp"
#include "devices/models.hpp"
#include "devices/transient.hpp"

namespace mho::devices {

// What a comparison weighs. Currents are compared as y = asinh(I/(2 I_floor)): ln(|I|/I_floor) with
// the sign of I well above the floor, linear below it. The error of a point is σ² = σ_y² + (dy/dV ·
// σ_V)²: where the curve jumps, half a step of the voltage decides about everything (effective
// variance).
struct ReplayOptions {
  double floor = 0.0;     // [A] I_floor; 0: 1e-6 of the largest current of the cycle
  double sigma_y = 0.05;  // [1] relative error of a current
  double sigma_v = 0.0;   // [V] 0: step of the sweep/√12, at least 1 mV
  double feature_weight =
      1.0;  // [1] of the two switching voltages of a cycle, which are residuals too: ΔV/σ_V
  size_t max_points = 240;  // of a cycle; more are thinned, not where it turns or jumps
  TransientOptions transient = {
      .tolerance = 1e-5, .max_dv = 0.05, .max_share = 1.0, .max_steps = 60'000};
};

// One measured cycle made ready to be compared with, over and over.
struct SweepTarget {
  int number = 1;
  Drive drive;
  std::vector<double> i, y, sigma;  // [A], [1], [1] of each corner; sigma NaN: left out
  std::vector<Excursion> events;
  double floor = 0.0, sigma_v = 0.0;  // [A], [V]
  double v_start = 0.0;               // [V] polarity of the start, where nothing small is measured
  std::vector<size_t>
      start_points;     // corners before anything switches, from which the start state is read
  size_t left_out = 0;  // readings of exactly 0 A
};
SweepTarget make_target(const SweepCycle& cycle, const ReplayOptions& options);

// State in which the model has the currents measured at the start of the cycle (median), on the
// line from low_state() to high_state(); one of the two where no such point was measured.
State measured_start(const AnyMemristor& model, const Load& load, const SweepTarget& target);

struct SweepReplay {
  std::vector<double> i;  // [A] at the corners
  std::vector<Excursion> events;
  TransientResult outcome;  // without trace
};
SweepReplay replay(const AnyMemristor& model, const Load& load, const SweepTarget& target,
                   const TransientOptions& options);

// (y_model − y)/σ of each corner (0 where left out), then feature_weight·ΔV/σ_V of each excursion
// that switches in the measurement. Where a run did not finish, 100 σ.
Eigen::VectorXd residuals(const SweepReplay& replay, const SweepTarget& target,
                          const ReplayOptions& options);

// The same for a train of pulses: ln(G_model/G)/σ_y after each pulse but the first, whose reading
// is the start.
struct TrainReplay {
  std::vector<double> g;  // [S] after each pulse, read at its v_read
  bool finished = true;
};
TrainReplay replay(const AnyMemristor& model, const Load& load, const PulseCycle& train,
                   const TransientOptions& options);
Eigen::VectorXd residuals(const TrainReplay& replay, const PulseCycle& train,
                          const ReplayOptions& options);

}  // namespace mho::devices
