#include "solver/neuron_ode.hpp"

#include <fmt/format.h>
#include <Eigen/LU>
#include <algorithm>
#include <array>
#include <boost/numeric/odeint/integrate/integrate_adaptive.hpp>
#include <boost/numeric/odeint/stepper/generation.hpp>
#include <boost/numeric/odeint/stepper/runge_kutta_dopri5.hpp>
#include <cmath>
#include <optional>

#include "circuits/mode_table.hpp"
#include "core/errors.hpp"
#include "solver/line.hpp"
#include "solver/word_line_fall.hpp"

namespace mho::solver {
namespace {
namespace odeint = boost::numeric::odeint;
using circuits::Signal;
enum { line, left, input_node, plate, out, drive, state_count };
using State = std::array<double, state_count>;

double saturate(double current, double up, double down) {
  return current >= 0 ? up * std::tanh(current / up) : down * std::tanh(current / down);
}

// Falls from 1 to 0 within 0.1 V of the limit.
double swing(double room) { return room >= 0.1 ? 1.0 : room <= 0.0 ? 0.0 : std::tanh(3.0 * room / 0.1) / std::tanh(3.0); }

class System {
 public:
  System(const NeuronModel& model, const circuits::ReadPoint& point) : model_(model), p_(model.neuron), v_ref_trim_(point.v_trim), v_decrement_(point.v_decrement) {
    const double cs = model.circuit.c_sample, ci = model.circuit.c_integ;
    Eigen::Matrix3d c;
    c << cs + p_.c_l, -cs, 0, -cs, cs + ci + p_.c_x, -ci, 0, -ci, ci + p_.c_b;
    inverse_ = c.inverse();
  }
  std::array<bool, circuits::signal_count> on{};
  double rows_on = 0;  // cells of the line whose word lines are on
  LineCurrent array{};

  void operator()(const State& y, State& dy, double) const {
    const double gl = 1.0 / p_.r_line, ga = 1.0 / p_.r_az, gi = 1.0 / p_.r_int;
    const double i_sample = is(Signal::ssl) ? (y[line] - y[left]) * gl : 0.0;
    double i_left = i_sample;
    if (is(Signal::ref)) i_left += (v_ref_trim_ - y[left]) * gl;
    if (is(Signal::sdp)) i_left += (v_ref_trim_ + v_decrement_ - y[left]) * gl;
    if (is(Signal::sdn)) i_left += (v_ref_trim_ - v_decrement_ - y[left]) * gl;
    const double i_az = is(Signal::az) ? (y[out] - y[input_node]) * ga : 0.0;
    const double i_int = is(Signal::integrate) ? (y[out] - y[plate]) * gi : 0.0;
    const double i_plate = i_int - (is(Signal::cmp) ? y[plate] * gi : 0.0);
    dy[line] = ((rows_on > 0 ? array.at(y[line]) : leakage(model_, y[line])) - i_sample) / (p_.c_line + rows_on * p_.c_on);
    dy[left] = inverse_(0, 0) * i_left + inverse_(0, 1) * i_az + inverse_(0, 2) * i_plate;
    dy[input_node] = inverse_(1, 0) * i_left + inverse_(1, 1) * i_az + inverse_(1, 2) * i_plate;
    dy[plate] = inverse_(2, 0) * i_left + inverse_(2, 1) * i_az + inverse_(2, 2) * i_plate;
    const double i = p_.gm * y[drive];
    const double limited = i * (i >= 0 ? swing(p_.v_high - y[out]) : swing(y[out] - p_.v_low));
    dy[out] = (limited - p_.g_out * y[out] - i_az - i_int) / p_.c_out;
    dy[drive] = (saturate(p_.gm * (p_.v_offset - y[input_node]), p_.i_up, p_.i_down) / p_.gm - y[drive]) / p_.tau;
  }
  // Charge q [C] onto one of left, input_node, plate.
  void inject(State& y, int node, double q) const {
    for (int n = 0; n < 3; ++n) y[static_cast<size_t>(left + n)] += inverse_(n, node - left) * q;
  }

 private:
  bool is(Signal s) const { return on[static_cast<size_t>(s)]; }
  const NeuronModel& model_;
  const NeuronParams& p_;
  double v_ref_trim_, v_decrement_;
  Eigen::Matrix3d inverse_;
};

// The neuron's state and what control edges do to it.
class Machine {
 public:
  Machine(const NeuronModel& model, const circuits::ReadPoint& point, double tolerance)
      : model_(model), point_(point), tolerance_(tolerance), system_(model, point) {
    y.fill(0.0);
    y[line] = y[left] = point.v_trim;
    y[input_node] = y[out] = model.neuron.v_offset;
  }
  State y;
  double t = 0.0;
  size_t steps = 0;
  OdeWaveform* waveform = nullptr;
  System& system() { return system_; }

  void advance_to(double end) {
    if (end <= t + 1e-16) return;
    using Stepper = odeint::runge_kutta_dopri5<State>;
    const auto observe = [&](const State& now, double time) {
      if (!waveform) return;
      waveform->t.push_back(time);
      waveform->v_out.push_back(now[out]);
      waveform->v_line.push_back(now[line]);
      waveform->v_x.push_back(now[input_node]);
    };
    steps += odeint::integrate_adaptive(odeint::make_controlled<Stepper>(tolerance_, 1e-6), std::cref(system_), y, t, end, std::min(5e-11, end - t), observe);
    t = end;
  }

  // A control line other than the word line. decrement_sign: sign of the charge decrement that is under way, 0 for a sample of the line.
  void set(size_t signal, bool level, int decrement_sign, bool counts_on_line) {
    const bool was = system_.on[signal];
    system_.on[signal] = level;
    if (was == level || level) return;
    const NeuronParams& p = model_.neuron;
    if (signal == static_cast<size_t>(Signal::az)) {
      system_.inject(y, input_node, p.q_az + (decrement_sign > 0 ? p.q_up : decrement_sign < 0 ? p.q_down : 0.0));
    } else if (signal == static_cast<size_t>(Signal::integrate)) {
      system_.inject(y, plate, p.q_int + y[plate] * (p.q_int_slope + p.q_int_curve * y[plate]));
    } else if (signal == static_cast<size_t>(Signal::ssl) && counts_on_line) {
      y[line] += (p.q_line + p.q_line_slope * (y[line] - point_.v_trim)) / p.c_line;
    }
  }

 private:
  const NeuronModel& model_;
  circuits::ReadPoint point_;
  double tolerance_;
  System system_;
};

// One conversion: control state, machine and record.
class Conversion {
 public:
  Conversion(const NeuronModel& model, const circuits::ControlProgram& program, const circuits::ColumnInput& input, const OdeOptions& options)
      : model_(model), program_(program), input_(input), options_(options), machine_(model, input.point, options.tolerance),
        state_(program, circuits::program_input(model.circuit, input.point, input.levels.size())) {
    check_modelled(program);
    if (options.waveform) machine_.waveform = &result_.waveform;
  }

  OdeResult run() {
    while (!state_.ended() && state_.decrements() <= options_.max_decrements) step();
    result_.record.code = state_.code();
    result_.record.sign = state_.sign();
    result_.record.decrements = state_.decrements();
    result_.record.duration = machine_.t;
    result_.steps = machine_.steps;
    return std::move(result_);
  }

 private:
  void apply(const circuits::Event& event) {
    const size_t s = static_cast<size_t>(event.target);
    const bool level = state_.value(event) != 0.0;
    if (s == static_cast<size_t>(Signal::wl)) return word_line(level);
    if (s == static_cast<size_t>(Signal::lat) && level) at_latch_ = machine_.y[out];
    machine_.set(s, level, state_.decrements() > 0 ? (state_.sign() >= 0 ? 1 : -1) : 0, state_.bit() >= 0);
  }

  void word_line(bool level) {
    const size_t bit = static_cast<size_t>(state_.bit());
    const auto& levels = input_.levels[bit];
    double& v = machine_.y[line];
    System& system = machine_.system();
    const auto fall = [&](double from) { return line_after_fall(model_, input_.conductance, levels, input_.point.v_read, from); };
    if (level) {
      system.array = line_current(model_, input_.conductance, levels, input_.point.v_read);
      // The rising edge brings the charge that the falling one will take away.
      v -= fall(system.array.centre) - system.array.centre;
      system.rows_on = static_cast<double>(levels.size());
      return;
    }
    system.rows_on = 0;
    result_.record.v_line_driven.push_back(v);
    v = options_.follow ? options_.follow->v_line_held[bit] : fall(v);
    result_.record.v_line_held.push_back(v);
  }

  void step() {
    const circuits::Step& step = state_.step();
    const double start = machine_.t, end = start + state_.phase().duration;
    for (const circuits::Event& event : state_.phase().events) {
      machine_.advance_to(start + event.time);
      apply(event);
    }
    machine_.advance_to(end);
    circuits::ConversionRecord& r = result_.record;
    const double v_ref = model_.circuit.v_ref;
    const State& y = machine_.y;
    r.steps.push_back({state_.step_index(), end, y[out], y[line], v_ref + y[input_node], v_ref + y[left], v_ref + y[plate], {}, 0, 0.0});
    if (step.decides) {
      r.steps.back().decision = at_latch_ > model_.neuron.v_latch ? 1 : -1;
      r.steps.back().v_decision = at_latch_;
    }
    if (state_.decrements() > 0 && !step.decides && step.name.find("integrate") != std::string::npos)
      r.v_residue.push_back(y[out]);
    if (step.decides && !decided_) r.v_integrated = before_decision_;
    decided_ = decided_ || step.decides;
    before_decision_ = y[out];
    state_.advance(decide(step));
  }

  bool decide(const circuits::Step& step) {
    if (options_.follow && step.decides) {
      const bool positive = options_.follow->sign > 0;
      const bool last = state_.decrements() >= options_.follow->decrements && std::abs(options_.follow->code) < input_.point.max_code;
      return state_.sign() == 0 || !last ? positive : !positive;
    }
    return at_latch_ > model_.neuron.v_latch;
  }

  const NeuronModel& model_;
  const circuits::ControlProgram& program_;
  const circuits::ColumnInput& input_;
  const OdeOptions& options_;
  OdeResult result_;
  Machine machine_;
  circuits::ControlState state_;
  double before_decision_ = 0.0, at_latch_ = 0.0;
  bool decided_ = false;
};

}  // namespace

void check_modelled(const circuits::ControlProgram& program) {
  const auto refuse = [&](const std::string& what) { throw Error(fmt::format("control program {}: the behavioural model has no {}", program.name, what)); };
  for (const Signal s : {Signal::sbl, Signal::lk, Signal::rst, Signal::iso})
    if (program.uses(s)) refuse(fmt::format("switch {}", circuits::signal_names[static_cast<size_t>(s)]));
  for (const circuits::Phase& phase : program.phases)
    for (const circuits::Event& e : phase.events)
      if (e.is_level()) refuse("moving levels");
  if (circuits::samples_driven_line(program)) refuse("samples of a line that is driven");
}

OdeResult simulate_conversion(const NeuronModel& model, const circuits::ControlProgram& program, const circuits::ColumnInput& input,
                              const OdeOptions& options) {
  return Conversion(model, program, input, options).run();
}

HeldState simulate_steps(const NeuronModel& model, const circuits::ControlProgram& program, const circuits::ReadPoint& point, const HeldState& start,
                         std::span<const int> steps, int decrement_sign) {
  Machine machine(model, point, 1e-6);
  // Held: C_integ closed around the amplifier, the left plate at its reference.
  machine.system().on[static_cast<size_t>(Signal::integrate)] = true;
  machine.system().on[static_cast<size_t>(Signal::ref)] = true;
  const double gain = model.neuron.gm / std::max(model.neuron.g_out, 1e-12);
  machine.y[line] = start.v_line;
  machine.y[out] = machine.y[plate] = start.v_integ * (1.0 - 1.0 / gain);
  machine.y[input_node] = model.neuron.v_offset - start.v_integ / gain;
  machine.y[drive] = model.neuron.g_out * start.v_integ / model.neuron.gm;
  circuits::ControlState state(program, circuits::program_input(model.circuit, point, 1));
  state.set("sign", decrement_sign);
  std::optional<double> at_latch;
  for (int index : steps) {
    const circuits::Phase& phase = program.phases[static_cast<size_t>(program.steps[static_cast<size_t>(index)].phase)];
    const double begin = machine.t;
    for (const circuits::Event& e : phase.events) {
      machine.advance_to(begin + e.time);
      const size_t signal = static_cast<size_t>(e.target);
      if (signal == static_cast<size_t>(Signal::lat) && state.value(e) != 0.0) at_latch = machine.y[out];
      if (!e.is_level() && signal != static_cast<size_t>(Signal::wl)) machine.set(signal, state.value(e) != 0.0, decrement_sign, true);
    }
    machine.advance_to(begin + phase.duration);
  }
  return {machine.y[plate] - machine.y[input_node] + model.neuron.v_offset, machine.y[line], at_latch.value_or(machine.y[out])};
}

double comparator_turn(const NeuronModel& model, const circuits::ControlProgram& program, const circuits::ReadPoint& point) {
  const std::array<int, 1> steps{program.step_index("compare")};
  if (steps[0] < 0) throw Error(fmt::format("control program {} has no step \"compare\"", program.name));
  double low = -0.05, high = 0.05;
  for (int i = 0; i < 24; ++i) {
    const double middle = 0.5 * (low + high);
    (simulate_steps(model, program, point, {middle, point.v_trim}, steps, 0).v_out > model.neuron.v_latch ? high : low) = middle;
  }
  return 0.5 * (low + high);
}

double driven_line(const NeuronModel& model, std::span<const double> conductance, std::span<const std::int8_t> levels, double v_read, double v_start,
                   double t_on) {
  const LineCurrent current = line_current(model, conductance, levels, v_read);
  const double c = model.neuron.c_line + static_cast<double>(conductance.size()) * model.neuron.c_on;
  double v = v_start;
  const auto rhs = [&](const double& y, double& dy, double) { dy = current.at(y) / c; };
  using Stepper = odeint::runge_kutta_dopri5<double, double, double, double, odeint::vector_space_algebra>;
  odeint::integrate_adaptive(odeint::make_controlled<Stepper>(1e-8, 1e-8), rhs, v, 0.0, t_on, 1e-10);
  return v;
}

}  // namespace mho::solver
