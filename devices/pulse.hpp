// One programming pulse on a 1T1R cell, integrated with Boost.Odeint.
#pragma once
#include "devices/card.hpp"
#include "devices/cell.hpp"

namespace mho::devices {

// Trapezoid on the raised line: rises in `edge`, flat for `width`, falls in `edge`. The word line is up before and after.
struct Pulse {
  CellBias bias;        // of the flat part
  double width = 1e-6;  // [s]
  double edge = 10e-9;  // [s]
};

struct PulseOptions {
  double tolerance = 5e-5;  // [1] local error of a step ≤ tolerance × (state_max − state_min)
  int max_steps = 10000;    // accepted and rejected, per pulse
};

enum class PulseStatus { finished, too_many_steps, step_too_small };

struct PulseResult {
  double state;   // at the end
  double energy;  // [J] ∫ v_line · I dt
  PulseStatus status;
  int steps = 0, rejected = 0;
  explicit operator bool() const { return status == PulseStatus::finished; }
};

// Integrates dx/dt over the pulse with the embedded Dormand–Prince 5(4) pair under error control,
// from breakpoint to breakpoint of the line. `state` is clipped to the walls first. On the flat part
// the independent variable is s = ln(1 + t/t1), t1 = 1/|∂ẋ/∂x| at its start: a state that limits
// itself as ẋ = r·exp(−c x), as the gap does behind a transistor in saturation (SET) or against its
// own current (RESET), is a straight line in s. That is why an explicit pair takes about 6 steps
// over a rate that falls by decades; an implicit one would need a Jacobian per step for no gain.
PulseResult apply_pulse(const AnyMemristor& model, const SelectTransistor& transistor,
                        const Pulse& pulse, double state, const PulseOptions& options = {});

}  // namespace mho::devices
