#include "devices/pulse.hpp"

#include "devices/transient.hpp"

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

template <FastMemristor M>
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
    overdrive_ = std::max(0.0, pulse.bias.v_wl - transistor.v_to);
    saturated_ = 0.5 * transistor.beta * overdrive_ * overdrive_;
    const double current =
        sign_ > 0.0 ? saturated_ : operate(state_of(y_), pulse.bias.v_line).current;
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
                                        {pulse_.bias.polarity, v_line, pulse_.bias.v_wl},
                                        options_.pair == PulsePair::dormand_prince
                                            ? guess_
                                            : predict(state, v_line));
    guess_ = p.v;
    last_ = {p, state, v_line};
    return p;
  }

  // Cell voltage to start from: the cell's own at the transistor's saturation current where that saturates, else along
  // the slopes of the last point. It saves two of three Newton steps, which is most of the time of a pulse.
  double predict(double state, double v_line) const {
    if (sign_ > 0.0) {
      const double v = model_.at(state).voltage(saturated_);
      if (v <= v_line - overdrive_) return v;
    }
    const double di_dx = last_.p.current * model_.log_slope(),
                 slope = last_.p.di_dv_cell - last_.p.di_dv_transistor;
    const double dv = slope > 0.0 ? (-di_dx * (state - last_.state) -
                                     last_.p.di_dv_transistor * (v_line - last_.v_line)) / slope
                                  : 0.0;
    return guess_ + dv;
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

  // One attempt of `step` from (y_, x). False when its error is too large; `step` is then, and after success, what to try next.
  template <class System>
  bool bogacki_shampine(const System& system, double& x, double& step) {
    // Bogacki, Shampine, Appl. Math. Lett. 2, 321 (1989); the last stage is the first of the next step.
    Vector k2, k3, k4, y;
    if (!first_known_) system(y_, first_, x);
    const auto blend = [&](double a, double b, double c) {
      for (size_t i = 0; i < y.size(); ++i) y[i] = y_[i] + step * (a * first_[i] + b * k2[i] + c * k3[i]);
    };
    k2 = k3 = Vector{};
    blend(0.5, 0.0, 0.0);
    system(y, k2, x + 0.5 * step);
    blend(0.0, 0.75, 0.0);
    system(y, k3, x + 0.75 * step);
    blend(2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0);
    system(y, k4, x + step);
    double error = 0.0;
    for (size_t i = 0; i < y.size(); ++i)
      error = std::max(error, std::abs(step * (-5.0 / 72.0 * first_[i] + k2[i] / 12.0 + k3[i] / 9.0 - 0.125 * k4[i])));
    error /= options_.tolerance;
    first_known_ = true;
    if (!(error <= 1.0)) {
      step *= std::isfinite(error) ? std::max(0.2, 0.9 / std::cbrt(error)) : 0.2;
      return false;
    }
    y_ = y;
    first_ = k4;
    x += step;
    step *= error > 0.002 ? std::min(5.0, 0.9 / std::cbrt(error)) : 5.0;
    return true;
  }

  template <class System>
  void integrate(const System& system, double x, double end, double step) {
    if (status_ != PulseStatus::finished) return;
    first_known_ = false;
    const bool dormand_prince = options_.pair == PulsePair::dormand_prince;
    if (!dormand_prince) step = std::min(end - x, 1.0);  // the estimate decides whether it holds
    auto stepper =
        odeint::make_controlled(options_.tolerance, 0.0, odeint::runge_kutta_dopri5<Vector>());
    while (x < end) {
      if (steps_ + rejected_ >= options_.max_steps) {
        status_ = PulseStatus::too_many_steps;
        return;
      }
      const bool last = x + step >= end * (1.0 - 1e-12);
      if (last) step = end - x;
      const bool accepted = dormand_prince ? stepper.try_step(system, y_, x, step) == odeint::success
                                           : bogacki_shampine(system, x, step);
      if (accepted) {
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
  struct Last {
    OperatingPoint p{};
    double state = 0.0, v_line = 0.0;
  } last_;
  double overdrive_ = 0.0, saturated_ = 0.0;  // [V], [A]
  double sign_, origin_, range_, energy_scale_ = 1.0, guess_ = 0.0;
  Vector y_, first_{};  // first_: slope at y_ where first_known_
  bool first_known_ = false;
  PulseStatus status_ = PulseStatus::finished;
  int steps_ = 0, rejected_ = 0;
};
}  // namespace

template <FastMemristor M>
PulseResult apply_pulse(const M& model, const SelectTransistor& transistor, const Pulse& pulse,
                        double state, const PulseOptions& options) {
  return PulseRun(model, transistor, pulse, state, options).run();
}

StatePulse apply_transient_pulse(const AnyMemristor& model, const SelectTransistor& transistor,
                                 const Pulse& pulse, const State& state,
                                 const PulseOptions& options) {
  if (pulse.bias.v_line == 0.0) return {state, 0.0, PulseStatus::finished, limit_none};
  Load load;
  load.transistor = transistor;
  load.v_wl_set = load.v_wl_reset = pulse.bias.v_wl;
  const double sign = pulse.bias.polarity == Polarity::set ? 1.0 : -1.0;
  const Drive drive = pulse_train({{sign * pulse.bias.v_line, pulse.width, pulse.edge}}, 0.0);
  const TransientResult r =
      run_transient(model, load, drive, state,
                    {.tolerance = 1e-6, .max_dv = 1.0, .max_share = 0.25, .max_steps = options.max_steps, .keep = false});
  const PulseStatus status = r.status == TransientStatus::finished ? PulseStatus::finished
                             : r.status == TransientStatus::too_many_steps
                                 ? PulseStatus::too_many_steps
                                 : PulseStatus::step_too_small;
  return {r.state, r.energy, status, r.limits};
}

// The models of one state, one line each.
template PulseResult apply_pulse(const GapModel&, const SelectTransistor&, const Pulse&, double,
                                 const PulseOptions&);

}  // namespace mho::devices
