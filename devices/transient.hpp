// A device behind its load, driven over time: the ODE engine of the device rung.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "devices/drive.hpp"
#include "devices/load.hpp"

namespace mho::devices {

enum class Method {
  rosenbrock,      // RODAS4 on Eigen (rosenbrock.hpp): implicit, L-stable; the default
  dormand_prince,  // explicit 5(4) pair of Boost.Odeint: for comparison
};

struct TransientOptions {
  Method method = Method::rosenbrock;
  double tolerance = 1e-8;     // [1] accepted when each |error_i| ≤ tolerance × max(upper_i − lower_i, |x_i − lower_i|)
  double max_dv = 5e-3;        // [V] the drive moves by at most this much within a step
  double max_share = 0.02;     // [1] a step is at most this share of a straight piece of the drive
  // [1] |ln I| changes by at most about this much within a step, where |I| > 1 pA: for traces whose points are joined by
  // straight lines. Steps are not cut below 1e-6 of the longest.
  double max_dlni = 1e300;
  long max_steps = 2'000'000;  // accepted and rejected
  bool keep = true;            // record every accepted step
};

enum class TransientStatus {
  finished,
  too_many_steps,  // accepted + rejected = max_steps
  not_finite,      // a step gives no number however short it is
};
std::string_view name_of(TransientStatus status);

// Columns over the accepted steps, the start included.
struct DeviceTrace {
  std::vector<double> t, drive, v, current, temperature;  // [s], [V], [V] across the cell, [A], [K]
  std::vector<State> state;                               // observe()d
  size_t size() const { return t.size(); }
};

struct TransientResult {
  DeviceTrace trace;
  State state;                 // at the end, in the model's own coordinates
  double energy = 0.0;         // [J] ∫ drive·I dt
  double charge = 0.0;         // [C] ∫ |I| dt
  double t_reached = 0.0;      // [s]
  TransientStatus status = TransientStatus::finished;
  unsigned limits = 0;         // limits that were at work on accepted steps (Limit)
  bool compliance = false;     // the compliance was at work
  long steps = 0, rejected = 0;
  explicit operator bool() const { return status == TransientStatus::finished; }
  std::string brief() const;   // one line: status, steps, limits
};

// Integrates the states from `start` (clipped to the walls) over the drive, from corner to corner. Index-1
// algebra (the cell voltage) is solved inside the right-hand side, its derivatives enter the Jacobian:
//   J = ∂ẋ/∂x + ∂ẋ/∂v · (∂v/∂x),   ∂f/∂t = ∂ẋ/∂v · (∂v/∂drive) · d(drive)/dt
// Time is counted within each piece of the drive: a runaway of 1e-17 s in the middle of a sweep of seconds is resolved,
// its length being lost only in the clock. Throws Error for a bad drive or load or a start state that is not a number.
TransientResult run_transient(const AnyMemristor& model, const Load& load, const Drive& drive,
                              const State& start, const TransientOptions& options = {});

}  // namespace mho::devices
