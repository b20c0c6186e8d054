#include "devices/pulse.hpp"

#include <array>
#include <boost/numeric/odeint/stepper/controlled_runge_kutta.hpp>
#include <boost/numeric/odeint/stepper/generation.hpp>
#include <boost/numeric/odeint/stepper/runge_kutta_dopri5.hpp>
#include <cmath>

namespace mho::devices {
namespace {
namespace odeint = boost::numeric::odeint;

// y[0]: state as a share of its range. y[1]: energy over energy_scale, ten times an upper estimate
// of the pulse's energy: its relative tolerance is ten times that of the state.
using Vector = std::array<double, 2>;

template <Memristor M>
class PulseRun {
 public:
  PulseRun(const M& model, const SelectTransistor& transistor, const Pulse& pulse, double state,
           const PulseOptions& options)
      : model_(model),
        transistor_(transistor),
        pulse_(pulse),
        options_(options),
        sign_(pulse.bias.polarity == Polarity::set ? 1.0 : -1.0),
        origin_(model.state_min()),
        range_(model.state_max() - model.state_min()),
        y_{(std::clamp(state, model.state_min(), model.state_max()) - origin_) / range_, 0.0} {
    const OperatingPoint top = operate(state_of(y_), pulse.bias.v_line);
    const double overdrive = std::max(0.0, pulse.bias.v_wl - transistor.v_to);
    const double current =
        sign_ > 0.0 ? 0.5 * transistor.beta * overdrive * overdrive : top.current;
    energy_scale_ =
        std::max(1e-30, 10.0 * pulse.bias.v_line * current * (pulse.width + pulse.edge));
  }

  PulseResult run() {
    const double v_line = pulse_.bias.v_line;
    // The cell voltage is at most that of the line, so nothing moves on an edge before the line passes the guard voltage.
    const double guarded = v_line > 0.0 ? std::min(1.0, model_.guard_voltage() / v_line) : 1.0;
    guess_ = 0.0;
    edge(guarded, 1.0, +1.0);
    flat();
    edge(0.0, 1.0 - guarded, -1.0);
    return {std::clamp(state_of(y_), model_.state_min(), model_.state_max()), y_[1] * energy_scale_,
            status_, steps_, rejected_};
  }

 private:
  double state_of(const Vector& y) const { return origin_ + range_ * y[0]; }

  OperatingPoint operate(double state, double v_line) {
    const OperatingPoint p = solve_cell(model_.at(state), transistor_,
                                        {pulse_.bias.polarity, v_line, pulse_.bias.v_wl}, guess_);
    guess_ = p.v;
    return p;
  }

  // dy/dt [1/s] when the line is at v_line.
  Vector rate(const Vector& y, double v_line) {
    const double state = state_of(y);
    const OperatingPoint p = operate(state, v_line);
    return {model_.state_rate(sign_ * p.v, state, p.current) / range_,
            v_line * p.current / energy_scale_};
  }

  // The line moves between fractions `from` and `to` of an edge, up (+1) or down (−1).
  void edge(double from, double to, double direction) {
    if (to <= from) return;
    const auto system = [&](const Vector& y, Vector& dy, double x) {
      dy = rate(y, pulse_.bias.v_line * (direction > 0.0 ? x : 1.0 - x));
      for (double& d : dy) d *= pulse_.edge;
    };
    integrate(system, from, to, 0.5 * (to - from));
  }

  void flat() {
    const double v_line = pulse_.bias.v_line;
    const double t1 = time_scale();
    const auto system = [&](const Vector& y, Vector& dy, double s) {
      dy = rate(y, v_line);
      const double dt_ds = t1 * std::exp(s);
      for (double& d : dy) d *= dt_ds;
    };
    const double end = std::log1p(pulse_.width / t1);
    integrate(system, 0.0, end, std::min(end, 1.0));
  }

  // t1 of the logarithmic time of the flat part, from the total derivative
  // ∂ẋ/∂x − ∂ẋ/∂v · (∂I/∂x)/(∂I_cell/∂v − ∂I_D/∂v).
  double time_scale() {
    const double state = state_of(y_);
    const OperatingPoint p = operate(state, pulse_.bias.v_line);
    const Jacobian j = model_.evaluate(sign_ * p.v, state);
    const double total =
        std::abs(j.drate_dx - j.drate_dv * j.di_dx / (p.di_dv_cell - p.di_dv_transistor));
    return std::clamp(1.0 / std::max(total, 1e-30), 1e-9 * pulse_.width, pulse_.width);
  }

  template <class System>
  void integrate(const System& system, double x, double end, double step) {
    if (status_ != PulseStatus::finished) return;
    auto stepper =
        odeint::make_controlled(options_.tolerance, 0.0, odeint::runge_kutta_dopri5<Vector>());
    while (x < end) {
      if (steps_ + rejected_ >= options_.max_steps) {
        status_ = PulseStatus::too_many_steps;
        return;
      }
      const bool last = x + step >= end * (1.0 - 1e-12);
      if (last) step = end - x;
      if (stepper.try_step(system, y_, x, step) == odeint::success) {
        ++steps_;
        if (last) return;
      } else {
        ++rejected_;
        if (!(step > 1e-14 * std::max(1.0, end))) {
          status_ = PulseStatus::step_too_small;
          return;
        }
      }
    }
  }

  const M& model_;
  const SelectTransistor& transistor_;
  const Pulse& pulse_;
  const PulseOptions& options_;
  double sign_, origin_, range_, energy_scale_ = 1.0, guess_ = 0.0;
  Vector y_;
  PulseStatus status_ = PulseStatus::finished;
  int steps_ = 0, rejected_ = 0;
};
}  // namespace

PulseResult apply_pulse(const AnyMemristor& model, const SelectTransistor& transistor,
                        const Pulse& pulse, double state, const PulseOptions& options) {
  return std::visit(
      [&](const auto& m) { return PulseRun(m, transistor, pulse, state, options).run(); }, model);
}

}  // namespace mho::devices
