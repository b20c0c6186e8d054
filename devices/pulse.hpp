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

enum class PulsePair {
  dormand_prince,     // 5(4), Boost.Odeint: 6 evaluations a step
  bogacki_shampine,   // 3(2): 3 evaluations a step, for whole chips at a tolerance of 1e-3
};

struct PulseOptions {
  PulsePair pair = PulsePair::dormand_prince;
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

// For whole chips: an end state within 0.1 % of the range, a tenth of the scatter of one pulse, at a third of the evaluations.
constexpr PulseOptions whole_chip_pulses{PulsePair::bogacki_shampine, 1e-3, 10000};

// Integrates dx/dt over the pulse with an embedded explicit pair under error control, from breakpoint to breakpoint of the line. `state` is clipped to the walls first. On the flat part
// the independent variable is s = ln(1 + t/t1), t1 = 1/|∂ẋ/∂x| at its start: a state that limits
// itself as ẋ = r·exp(−c x), as the gap does behind a transistor in saturation (SET) or against its
// own current (RESET), is a straight line in s. That is why an explicit pair takes about 6 steps
// over a rate that falls by decades; an implicit one would need a Jacobian per step for no gain.
template <FastMemristor M>
PulseResult apply_pulse(const M& model, const SelectTransistor& transistor, const Pulse& pulse,
                        double state, const PulseOptions& options = {});

// The same for any model: a FastMemristor as above, the others by run_transient() with its implicit step and its own tolerance.
struct StatePulse {
  State state;    // at the end
  double energy;  // [J]
  PulseStatus status;
  unsigned limits;  // limits at work (Limit); only run_transient() tells them
  explicit operator bool() const { return status == PulseStatus::finished; }
};
StatePulse apply_transient_pulse(const AnyMemristor& model, const SelectTransistor& transistor,
                                 const Pulse& pulse, const State& state,
                                 const PulseOptions& options);
template <Memristor M>
StatePulse apply_pulse(const M& model, const SelectTransistor& transistor, const Pulse& pulse,
                       const State& state, const PulseOptions& options = {}) {
  if constexpr (FastMemristor<M>) {
    const PulseResult r = apply_pulse(model, transistor, pulse, state[0], options);
    return {state_of(r.state), r.energy, r.status, limit_none};
  } else {
    return apply_transient_pulse(model, transistor, pulse, state, options);
  }
}

}  // namespace mho::devices
