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
enum { line, left, input_node, plate, out, drive, held, state_count };  // held: C_integ while iso is open [V], input side positive
using State = std::array<double, state_count>;

double saturate(double current, double up, double down) {
  return current >= 0 ? up * std::tanh(current / up) : down * std::tanh(current / down);
}

// Falls from 1 to 0 within 0.1 V of the limit.
double swing(double room) { return room >= 0.1 ? 1.0 : room <= 0.0 ? 0.0 : std::tanh(3.0 * room / 0.1) / std::tanh(3.0); }

// Charge that each switch injects is that of the fit; control edges are instantaneous.
class System {
 public:
  System(const NeuronModel& model, const circuits::ReadPoint& point, bool separate_iso)
      : model_(model), p_(model.neuron), r_far_(p_.r_int + (separate_iso ? p_.r_iso : 0.0)), lines(point) {
    const double cs = model.circuit.c_sample, ci = model.circuit.c_integ;
    Eigen::Matrix3d c;
    c << cs + p_.c_l, -cs, 0, -cs, cs + ci + p_.c_x, -ci, 0, -ci, ci + p_.c_b;
    joined_ = c.inverse();
    c << cs + p_.c_l, -cs, 0, -cs, cs + p_.c_x, 0, 0, 0, p_.c_b;
    apart_ = c.inverse();
    // Off word lines that far below turn-off leave less than 1e-19 A of 1,000 rows.
    leaks_ = pinch_off(model, model.circuit.wl_low) + 1.0 > -36.0 * model.fall.phi;
  }

 private:
  const NeuronModel& model_;
  const NeuronParams& p_;
  double r_far_;
  Eigen::Matrix3d joined_, apart_;
  bool leaks_;

 public:
  ControlLines lines;
  double rows_on = 0;  // cells of the line whose word lines are on
  LineCurrent array{};

  void operator()(const State& y, State& dy, double) const {
    const bool open = is(Signal::iso);
    const Eigen::Matrix3d& inverse = open ? apart_ : joined_;
    const double gl = 1.0 / p_.r_line, ga = 1.0 / p_.r_az, gi = 1.0 / (open ? p_.r_int : r_far_);
    const double i_sample = is(Signal::ssl) || is(Signal::sbl) ? (y[line] - y[left]) * gl : 0.0;
    double i_left = i_sample;
    if (is(Signal::ref)) i_left += (level(circuits::Level::vlr) - y[left]) * gl;
    if (is(Signal::sdp)) i_left += (level(circuits::Level::vdp) - y[left]) * gl;
    if (is(Signal::sdn)) i_left += (level(circuits::Level::vdn) - y[left]) * gl;
    const double i_az = is(Signal::az) ? (y[out] - y[input_node]) * ga : 0.0;
    const double i_int = is(Signal::integrate) ? (y[out] - y[plate]) * gi : 0.0;
    double i_plate = i_int - (is(Signal::cmp) ? (y[plate] - level(circuits::Level::vcb)) * gi : 0.0), i_input = i_az, i_out = 0.0;
    dy[held] = 0.0;
    if (is(Signal::rst)) {
      const double across = open ? y[held] : y[input_node] - y[plate], i = across / p_.r_int;
      if (open) dy[held] = -i / model_.circuit.c_integ;  // the shunt and C_integ alone
      else i_input -= i, i_plate += i;
    }
    if (is(Signal::lk)) {
      i_out = (y[out] - y[left]) / p_.r_int;
      i_left += i_out;
    }
    dy[line] = ((rows_on > 0 ? array.at(y[line]) : leaks_ ? leakage(model_, y[line]) : 0.0) - i_sample) / (p_.c_line + rows_on * p_.c_on);
    dy[left] = inverse(0, 0) * i_left + inverse(0, 1) * i_input + inverse(0, 2) * i_plate;
    dy[input_node] = inverse(1, 0) * i_left + inverse(1, 1) * i_input + inverse(1, 2) * i_plate;
    dy[plate] = inverse(2, 0) * i_left + inverse(2, 1) * i_input + inverse(2, 2) * i_plate;
    const double i = p_.gm * y[drive];
    const double limited = i * (i >= 0 ? swing(p_.v_high - y[out]) : swing(y[out] - p_.v_low));
    dy[out] = (limited - p_.g_out * y[out] - i_az - i_int - i_out) / p_.c_out;
    dy[drive] = (saturate(p_.gm * (p_.v_offset - y[input_node]), p_.i_up, p_.i_down) / p_.gm - y[drive]) / p_.tau;
  }
  // Charge q [C] onto one of left, input_node, plate.
  void inject(State& y, int node, double q) const {
    const Eigen::Matrix3d& inverse = is(Signal::iso) ? apart_ : joined_;
    for (int n = 0; n < 3; ++n) y[static_cast<size_t>(left + n)] += inverse(n, node - left) * q;
  }
  // C_integ leaves the amplifier's input with its charge and that of the switch.
  void open_iso(State& y) const { y[held] = y[input_node] - y[plate] + p_.q_iso / model_.circuit.c_integ; }
  // It comes back: the charges of left plate, input with C_integ, and far plate are what they were.
  void close_iso(State& y) const {
    const double cs = model_.circuit.c_sample, stored = model_.circuit.c_integ * y[held];
    const Eigen::Vector3d q((cs + p_.c_l) * y[left] - cs * y[input_node], (cs + p_.c_x) * y[input_node] - cs * y[left] + stored, p_.c_b * y[plate] - stored);
    const Eigen::Vector3d v = joined_ * q;
    for (int n = 0; n < 3; ++n) y[static_cast<size_t>(left + n)] = v[n];
  }
  bool is(Signal s) const { return lines.on[static_cast<size_t>(s)]; }

 private:
  double level(circuits::Level l) const { return lines.level[static_cast<size_t>(l)]; }
};

// The neuron's state and what control edges do to it.
class Machine {
 public:
  Machine(const NeuronModel& model, bool separate_iso, const circuits::ReadPoint& point, double tolerance)
      : model_(model), point_(point), tolerance_(tolerance), system_(model, point, separate_iso) {
    y.fill(0.0);
    y[line] = y[left] = point.v_trim;
    y[input_node] = y[out] = model.neuron.v_offset;
    if (!model.rest) return;
    y[left] = y[input_node] = 0.0;
    y[line] = model.rest->line;
    y[out] = model.rest->out;
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

  // Held: C_integ closed around the amplifier, the left plate at its reference.
  void hold(const HeldState& start) {
    const double gain = model_.neuron.gm / std::max(model_.neuron.g_out, 1e-12);
    y[line] = start.v_line;
    y[left] = point_.v_trim;
    y[out] = y[plate] = start.v_integ * (1.0 - 1.0 / gain);
    y[input_node] = model_.neuron.v_offset - start.v_integ / gain;
    y[drive] = model_.neuron.g_out * start.v_integ / model_.neuron.gm;
  }
  HeldState held_state(double v_out) const {
    const double across = system_.is(Signal::iso) ? -y[held] : y[plate] - y[input_node];
    return {across + model_.neuron.v_offset, y[line], v_out};
  }

  // A control line other than the word lines, or a level.
  void set(const ControlEvent& event, bool counts_on_line) {
    const size_t target = static_cast<size_t>(event.target);
    if (target >= circuits::signal_count) {
      system_.lines.level[target - circuits::signal_count] = event.value - model_.circuit.v_ref;
      return;
    }
    const bool level = event.value != 0.0, was = system_.lines.on[target];
    if (was == level) return;
    const bool up = system_.is(Signal::sdn), down = system_.is(Signal::sdp);  // a decrement is being sampled
    if (target == static_cast<size_t>(Signal::iso)) level ? system_.open_iso(y) : system_.close_iso(y);
    system_.lines.on[target] = level;
    if (level) return;
    const NeuronParams& p = model_.neuron;
    if (target == static_cast<size_t>(Signal::az)) {
      system_.inject(y, input_node, p.q_az + (up ? p.q_up : down ? p.q_down : 0.0));
    } else if (target == static_cast<size_t>(Signal::integrate)) {
      system_.inject(y, plate, p.q_int + y[plate] * (p.q_int_slope + p.q_int_curve * y[plate]));
    } else if ((target == static_cast<size_t>(Signal::ssl) || target == static_cast<size_t>(Signal::sbl)) && counts_on_line) {
      y[line] += (p.q_line + p.q_line_slope * (y[line] - point_.v_trim)) / p.c_line;
    }
  }

 private:
  const NeuronModel& model_;
  circuits::ReadPoint point_;
  double tolerance_;
  System system_;
};

circuits::ProgramInput input_of(const NeuronModel& model, const circuits::ColumnInput& input, const OdeOptions& options) {
  circuits::ProgramInput given = circuits::program_input(model.circuit, input.point, input.levels.size());
  given.lfsr = options.lfsr;
  given.parameters = options.parameters;
  return given;
}

ControlStep evaluated(const circuits::ControlState& state, const circuits::Phase& phase, bool decides) {
  ControlStep step{phase.duration, decides, {}};
  for (const circuits::Event& e : phase.events) step.events.push_back({e.time, e.target, state.value(e)});
  return step;
}

// One conversion: control state, machine and record.
class Conversion {
 public:
  Conversion(const NeuronModel& model, const circuits::ControlProgram& program, const circuits::ColumnInput& input, const OdeOptions& options)
      : model_(model), program_(program), input_(input), options_(options), machine_(model, program.uses(Signal::iso), input.point, options.tolerance),
        state_(program, input_of(model, input, options)), driven_(circuits::samples_driven_line(program)), on_(input.levels.size()), fall_(input.levels.size()) {
    if (!options.lines.empty() && options.lines.size() != input.levels.size())
      throw Error(fmt::format("ODE form: {} line currents for {} bits", options.lines.size(), input.levels.size()));
    if (options.waveform) machine_.waveform = &result_.waveform;
  }

  OdeResult run() {
    while (!state_.ended() && state_.decrements() <= options_.max_decrements) step();
    result_.record.code = state_.code();
    result_.record.sign = state_.sign();
    result_.record.decrements = state_.decrements();
    result_.record.registers = state_.registers();
    result_.record.duration = machine_.t;
    result_.steps = machine_.steps;
    return std::move(result_);
  }

 private:
  void apply(const ControlEvent& event) {
    const bool level = event.value != 0.0;
    if (event.target == static_cast<int>(Signal::wl)) return word_line(level);
    if (event.target == static_cast<int>(Signal::lat) && level) at_latch_ = machine_.y[out];
    machine_.set(event, state_.bit() >= 0);
  }

  size_t bit() const {
    const size_t bit = static_cast<size_t>(state_.bit());
    if (bit >= input_.levels.size()) throw Error(fmt::format("control program {}: word lines on at bit {} of {}", program_.name, state_.bit(), input_.levels.size()));
    return bit;
  }
  const LineCurrent& array_at(size_t bit) {
    if (!options_.lines.empty()) return options_.lines[bit];
    if (!on_[bit]) on_[bit] = line_current(model_, input_.conductance, input_.levels[bit], input_.point.v_read);
    return *on_[bit];
  }
  // Line after the word lines have fallen. One that is driven again for every sample is told by its step at the centre alone: what is left of that has settled by the next.
  double fallen(size_t bit, double from) {
    const auto fall = [&](double v) { return line_after_fall(model_, input_.conductance, input_.levels[bit], input_.point.v_read, v); };
    if (!driven_) return fall(from);
    if (!options_.lines.empty()) return from;  // whose cells are not known here
    const double centre = array_at(bit).centre;
    if (!fall_[bit]) fall_[bit] = fall(centre) - centre;
    return from + *fall_[bit];
  }

  void word_line(bool level) {
    bool& on = machine_.system().lines.on[static_cast<size_t>(Signal::wl)];
    if (level == on) return;
    on = level;
    double& v = machine_.y[line];
    System& system = machine_.system();
    if (level) {
      driven_bit_ = bit();
      system.array = array_at(driven_bit_);
      // The rising edge brings the charge that the falling one will take away.
      v -= fallen(driven_bit_, system.array.centre) - system.array.centre;
      system.rows_on = static_cast<double>(input_.levels[driven_bit_].size());
      return;
    }
    system.rows_on = 0;
    result_.record.v_line_driven.push_back(v);
    v = options_.held ? options_.held->at(driven_bit_) : options_.follow && !driven_ ? options_.follow->v_line_held[driven_bit_] : fallen(driven_bit_, v);
    result_.record.v_line_held.push_back(v);
  }

  void step() {
    const circuits::Step& step = state_.step();
    const double start = machine_.t;
    const ControlStep now = control_step(state_);
    // The drivers follow the bit from the start of its step.
    if (machine_.system().rows_on > 0 && bit() != driven_bit_) machine_.system().array = array_at(driven_bit_ = bit());
    for (const ControlEvent& event : now.events) {
      machine_.advance_to(start + event.time);
      apply(event);
    }
    const double end = start + now.duration;
    machine_.advance_to(end);
    circuits::ConversionRecord& r = result_.record;
    const double v_ref = model_.circuit.v_ref;
    const State& y = machine_.y;
    r.steps.push_back({state_.step_index(), end, y[out], y[line], v_ref + y[input_node], v_ref + y[left], v_ref + y[plate], {}, 0, 0.0});
    if (step.decides) {
      r.steps.back().decision = at_latch_ > model_.neuron.v_latch ? 1 : -1;
      r.steps.back().v_decision = at_latch_;
    }
    for (const std::string& name : step.mark) r.marks.push_back({name, end});
    if (state_.decrements() > 0 && !step.decides && step.name.find("integrate") != std::string::npos)
      r.v_residue.push_back(y[out]);
    if (step.decides && !decided_) r.v_integrated = before_decision_;
    decided_ = decided_ || step.decides;
    before_decision_ = y[out];
    state_.advance(decide(step));
  }

  bool decide(const circuits::Step& step) {
    if (options_.follow && step.decides) {
      const size_t done = result_.record.steps.size();
      if (done > options_.follow->steps.size()) throw Error(fmt::format("control program {}: the record that is followed ends before a decision", program_.name));
      return options_.follow->steps[done - 1].decision > 0;
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
  bool driven_;
  std::vector<std::optional<LineCurrent>> on_;  // [bit] current of the driven line
  std::vector<std::optional<double>> fall_;     // [bit] [V] step of a line that is driven again
  size_t driven_bit_ = 0;
  double before_decision_ = 0.0, at_latch_ = 0.0;
  bool decided_ = false;
};

}  // namespace

void check_modelled(const circuits::ControlProgram& program) {
  const auto refuse = [&](const std::string& what) { throw Error(fmt::format("control program {}: calibration to one program and its energies know no {}", program.name, what)); };
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
  circuits::ControlState state(program, circuits::program_input(model.circuit, point, 1));
  state.set("sign", decrement_sign);
  std::vector<ControlStep> control;
  for (int index : steps) {
    const circuits::Step& step = program.steps[static_cast<size_t>(index)];
    control.push_back(evaluated(state, program.phases[static_cast<size_t>(step.phase)], step.decides));
  }
  ControlLines lines(point);
  lines.on[static_cast<size_t>(Signal::integrate)] = lines.on[static_cast<size_t>(Signal::ref)] = true;
  return simulate_steps(model, program.uses(Signal::iso), point, lines, start, control, {}, 0.0);
}

ControlStep control_step(const circuits::ControlState& state) { return evaluated(state, state.phase(), state.step().decides); }

ControlLines::ControlLines(const circuits::ReadPoint& point) : level{point.v_trim, point.v_trim + point.v_decrement, point.v_trim - point.v_decrement, 0.0} {}

void ControlLines::apply(const ControlStep& step, double v_ref) {
  for (const ControlEvent& e : step.events) {
    const size_t target = static_cast<size_t>(e.target);
    if (target < circuits::signal_count) on[target] = e.value != 0.0;
    else level[target - circuits::signal_count] = e.value - v_ref;
  }
}

bool ControlLines::held() const {
  for (size_t s = 0; s < circuits::signal_count; ++s) {
    const Signal signal = static_cast<Signal>(s);
    if (signal != Signal::wl && on[s] != (signal == Signal::integrate || signal == Signal::ref)) return false;
  }
  return true;
}

HeldState simulate_steps(const NeuronModel& model, bool separate_iso, const circuits::ReadPoint& point, const ControlLines& lines, const std::optional<HeldState>& start,
                         std::span<const ControlStep> steps, const LineCurrent& array, double rows_on) {
  Machine machine(model, separate_iso, point, 1e-6);
  System& system = machine.system();
  const size_t word_lines = static_cast<size_t>(Signal::wl);
  if (start) machine.hold(*start);
  system.lines = lines;
  system.array = array;
  system.rows_on = lines.on[word_lines] ? rows_on : 0.0;
  std::optional<double> at_latch;
  for (const ControlStep& step : steps) {
    const double begin = machine.t;
    for (const ControlEvent& e : step.events) {
      machine.advance_to(begin + e.time);
      if (e.target == static_cast<int>(Signal::lat) && e.value != 0.0) at_latch = machine.y[out];
      if (e.target != static_cast<int>(Signal::wl)) {
        machine.set(e, true);
        continue;
      }
      system.lines.on[word_lines] = e.value != 0.0;
      system.rows_on = e.value != 0.0 ? rows_on : 0.0;
    }
    machine.advance_to(begin + step.duration);
  }
  return machine.held_state(at_latch.value_or(machine.y[out]));
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
