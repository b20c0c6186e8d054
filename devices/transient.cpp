#include "devices/transient.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/numeric/odeint/stepper/runge_kutta_dopri5.hpp>
#include <cmath>

#include "core/errors.hpp"
#include "core/progress.hpp"
#include "devices/rosenbrock.hpp"

namespace mho::devices {
namespace {
namespace odeint = boost::numeric::odeint;

// Right-hand side on one straight piece of the drive, in states scaled by their range.
class Piece {
 public:
  Piece(const AnyMemristor& model, const Load& load, double v0, double v1, double length)
      : model_(model),
        load_(load),
        v0_(v0),
        slope_((v1 - v0) / length),
        origin_(lower(model)),
        range_(upper(model) - lower(model)) {
    for (int i = state_count(model); i < max_states; ++i) range_[i] = 1.0;  // a state that is not there
  }

  double drive(double tau) const { return v0_ + slope_ * tau; }
  double slope() const { return slope_; }
  State unscale(const State& y) const { return origin_ + range_.cwiseProduct(y); }
  State scale(const State& x) const { return (x - origin_).cwiseQuotient(range_); }

  const LoadedCell& solve(const State& y, double tau) {
    cell_ = solve_load(model_, load_, drive(tau), unscale(y), guess_);
    guess_ = cell_.v;
    return cell_;
  }
  void rate(const State& y, double tau, State& f) {
    f = solve(y, tau).cell.rate.cwiseQuotient(range_);
  }
  void jacobian(const State& y, double tau, State& f, StateMatrix& j, State& df_dt) {
    const LoadedCell& c = solve(y, tau);
    f = c.cell.rate.cwiseQuotient(range_);
    const StateMatrix total = c.cell.drate_dx + c.cell.drate_dv * c.dv_dx.transpose();
    j = range_.cwiseInverse().asDiagonal() * total * range_.asDiagonal();
    df_dt = (c.dv_ddrive * slope_) * c.cell.drate_dv.cwiseQuotient(range_);
  }
  // d|I|/dt and I at the last solve, for quadrature.
  double current_slope() const {
    return cell_.cell.di_dv * cell_.dv_ddrive * slope_ +
           (cell_.cell.di_dx + cell_.cell.di_dv * cell_.dv_dx).dot(cell_.cell.rate);
  }

 private:
  const AnyMemristor& model_;
  const Load& load_;
  double v0_, slope_, guess_ = 0.0;
  State origin_, range_;
  LoadedCell cell_;
};

struct Trial {
  State y, error;
};

Trial try_rosenbrock(Piece& piece, const State& y, double tau, double h) {
  const auto step = Rosenbrock<State, StateMatrix>().step(piece, y, tau, h);
  return {step.y, step.error};
}

Trial try_dormand_prince(Piece& piece, const State& y, double tau, double h) {
  using Plain = std::array<double, max_states>;
  odeint::runge_kutta_dopri5<Plain> stepper;
  const auto system = [&](const Plain& from, Plain& to, double t) {
    State f;
    piece.rate(state_of(from[0], from[1]), t, f);
    to = {f[0], f[1]};
  };
  const Plain in{y[0], y[1]};
  Plain out{}, error{}, f0{}, f1{};
  system(in, f0, tau);
  stepper.do_step(system, in, f0, tau, out, f1, h, error);
  return {state_of(out[0], out[1]), state_of(error[0], error[1])};
}

class Run {
 public:
  Run(const AnyMemristor& model, const Load& load, const Drive& drive, const State& start,
      const TransientOptions& options)
      : model_(model), load_(load), drive_(drive), options_(options) {
    if (!start.allFinite()) throw Error("the start state is not a number");
    const std::vector<StateInfo> info = state_info(model);
    const State low = lower(model), high = upper(model);
    x_ = start;
    for (size_t i = 0; i < info.size(); ++i) {
      const auto k = static_cast<Eigen::Index>(i);
      walls_[i] = info[i].wall;
      if (info[i].wall) x_[k] = std::clamp(x_[k], low[k], high[k]);
    }
  }

  TransientResult run() {
    for (size_t i = 0; i + 1 < drive_.t.size() && result_.status == TransientStatus::finished; ++i)
      piece(i);
    result_.state = x_;
    return std::move(result_);
  }

 private:
  void piece(size_t i) {
    const double length = drive_.t[i + 1] - drive_.t[i];
    Piece piece(model_, load_, drive_.v[i], drive_.v[i + 1], length);
    State y = piece.scale(x_);
    const double dv = std::abs(drive_.v[i + 1] - drive_.v[i]);
    double h_max = options_.max_share * length;
    if (dv > options_.max_dv) h_max = std::min(h_max, length * options_.max_dv / dv);
    Sample before = sample(piece, y, 0.0);
    if (result_.trace.t.empty()) record(before, drive_.t[i]);
    double tau = 0.0, h = 1e-3 * h_max;
    while (tau < length) {
      if (result_.steps + result_.rejected >= options_.max_steps) {
        result_.status = TransientStatus::too_many_steps;
        break;
      }
      if ((result_.steps & 1023) == 0) throw_if_interrupted();
      const bool last = tau + h >= length * (1.0 - 1e-12);
      if (last) h = length - tau;
      const Trial trial = options_.method == Method::rosenbrock
                              ? try_rosenbrock(piece, y, tau, h)
                              : try_dormand_prince(piece, y, tau, h);
      const double error = trial.error.cwiseAbs().cwiseQuotient(trial.y.cwiseAbs().cwiseMax(1.0)).maxCoeff() / options_.tolerance;
      if (!trial.y.allFinite() || !std::isfinite(error)) {
        ++result_.rejected;
        h *= 0.1;
        if (h < 1e-40) {
          result_.status = TransientStatus::not_finite;
          break;
        }
        continue;
      }
      const double grow = std::clamp(0.9 * std::pow(std::max(error, 1e-10), -0.25), 0.1, 5.0);
      if (error > 1.0) {
        ++result_.rejected;
        h *= std::min(grow, 0.9);
        continue;
      }
      const State next = clip(trial.y);
      const Sample after = sample(piece, next, tau + h);
      if (jumps(before, after) && h > 1e-6 * h_max) {
        ++result_.rejected;
        h *= 0.3;
        continue;
      }
      y = next;
      tau += h;
      ++result_.steps;
      integrate(before, after, h);
      record(after, last ? drive_.t[i + 1] : drive_.t[i] + tau);
      before = after;
      if (last) break;
      h = std::min(h * grow, h_max);
    }
    x_ = piece.unscale(y);
    result_.t_reached = drive_.t[i] + tau;
  }

  struct Sample {
    double drive, v, current, temperature, power, charge, dpower, dcharge;
    unsigned limits;
    bool compliance;
    State x;
  };

  Sample sample(Piece& piece, const State& y, double tau) {
    const LoadedCell& c = piece.solve(y, tau);
    const double drive = piece.drive(tau), slope = piece.current_slope(),
                 sign = c.cell.current >= 0.0 ? 1.0 : -1.0;
    return {drive,
            c.v,
            c.cell.current,
            c.cell.temperature,
            drive * c.cell.current,
            std::abs(c.cell.current),
            piece.slope() * c.cell.current + drive * slope,
            sign * slope,
            c.cell.limits,
            c.in_compliance,
            piece.unscale(y)};
  }

  bool jumps(const Sample& a, const Sample& b) const {
    const double i0 = std::abs(a.current), i1 = std::abs(b.current);
    return std::max(i0, i1) > 1e-12 && std::min(i0, i1) > 0.0 &&
           std::abs(std::log(i1 / i0)) > options_.max_dlni;
  }

  // A step may end beyond a wall by less than its error; it then stands at the wall.
  State clip(const State& y) const {
    State inside = y;
    for (size_t i = 0; i < walls_.size(); ++i)
      if (walls_[i]) inside[static_cast<Eigen::Index>(i)] = std::clamp(y[static_cast<Eigen::Index>(i)], 0.0, 1.0);
    return inside;
  }

  // Trapezoid with the end slopes (Euler-Maclaurin): the error is of fourth order in the step.
  void integrate(const Sample& a, const Sample& b, double h) {
    const auto rule = [h](double f0, double f1, double d0, double d1) {
      const double plain = 0.5 * h * (f0 + f1), corrected = plain + h * h / 12.0 * (d0 - d1);
      // Where the slope changes by more than the step resolves, the plain rule is the safer one.
      return std::abs(corrected - plain) < 0.5 * std::abs(plain) ? corrected : plain;
    };
    result_.energy += rule(a.power, b.power, a.dpower, b.dpower);
    result_.charge += rule(a.charge, b.charge, a.dcharge, b.dcharge);
  }

  void record(const Sample& s, double t) {
    result_.limits |= s.limits;
    result_.compliance = result_.compliance || s.compliance;
    if (!options_.keep) return;
    DeviceTrace& trace = result_.trace;
    trace.t.push_back(t);
    trace.drive.push_back(s.drive);
    trace.v.push_back(s.v);
    trace.current.push_back(s.current);
    trace.temperature.push_back(s.temperature);
    trace.state.push_back(observe(model_, s.x));
  }

  const AnyMemristor& model_;
  const Load& load_;
  const Drive& drive_;
  const TransientOptions& options_;
  std::array<bool, max_states> walls_{false, false};
  State x_;
  TransientResult result_;
};

}  // namespace

std::string_view name_of(TransientStatus status) {
  constexpr std::array<std::string_view, 3> names{"finished", "too_many_steps", "not_finite"};
  return names.at(static_cast<size_t>(status));
}

std::string TransientResult::brief() const {
  return fmt::format("{} at {:.4g} s, {} steps, {} rejected, limits at work: {}{}", name_of(status),
                     t_reached, steps, rejected, limit_names(limits),
                     compliance ? ", compliance" : "");
}

TransientResult run_transient(const AnyMemristor& model, const Load& load, const Drive& drive,
                              const State& start, const TransientOptions& options) {
  check(drive);
  check(load);
  return Run(model, load, drive, start, options).run();
}

}  // namespace mho::devices
