#include "devices/write_verify.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace mho::devices {
namespace {
CellBias bias_of(const PulseRamp& ramp, Polarity polarity, double position, double target) {
  const auto level = [&](double start, double step, double end) {
    return step > 0.0 ? std::min(end, start + position * step) : std::min(end, start);
  };
  const double wl = ramp.wl_start + ramp.wl_root * std::sqrt(target);
  return {polarity, level(ramp.line_start, ramp.line_step, ramp.line_end),
          level(wl, ramp.wl_step, ramp.wl_end)};
}

bool at_end(const PulseRamp& ramp, const CellBias& bias) {
  return (ramp.line_step <= 0.0 || bias.v_line >= ramp.line_end) &&
         (ramp.wl_step <= 0.0 || bias.v_wl >= ramp.wl_end);
}

// engine(pulse, state) → StatePulse.
template <Memristor M, class Engine>
class Writer {
 public:
  Writer(const Device<M>& device, const WritePolicy& policy, RandomStream& stream,
         const Engine& engine, WriteFailure stuck, double pristine)
      : device_(device),
        policy_(policy),
        stream_(stream),
        engine_(engine),
        stuck_(stuck),
        pristine_(pristine) {}

  WriteResult write(double target, const State& state) {
    result_.state = state;
    read();
    bool first = true;
    Polarity direction = Polarity::set;
    int held = 0;
    while (std::abs(result_.conductance - target) > policy_.tolerance) {
      const Polarity wanted = result_.conductance < target ? Polarity::set : Polarity::reset;
      if (first || wanted != direction) {
        if (!first && ++result_.reversals > policy_.max_reversals)
          return fail(WriteFailure::reversal_limit);
        held = 0;
        restart(wanted);
      }
      first = false;
      direction = wanted;
      if (result_.pulses() >= policy_.max_pulses) return fail(WriteFailure::pulse_limit);
      const PulseRamp& ramp = direction == Polarity::set ? policy_.set : policy_.reset;
      const CellBias bias = bias_of(ramp, direction, position_, target);
      position_ += step(target);
      if (at_end(ramp, bias) && ++held > policy_.max_held)
        return fail(WriteFailure::ramp_end);
      if (!pulse(bias)) return fail(WriteFailure::numerical);
      read();
    }
    return result_;
  }

 private:
  // The ramp of `direction` begins anew, or goes on a little before its last pulse.
  void restart(Polarity direction) {
    double& last = last_position_[direction == Polarity::set ? 0 : 1];
    last_position_[direction == Polarity::set ? 1 : 0] = position_;
    position_ = policy_.resume_back < 0.0 ? 0.0 : std::max(0.0, last - 1.0 - policy_.resume_back);
  }

  double step(double target) const {
    const double shrink = policy_.step_shrink == 1.0 ? 1.0 : std::pow(policy_.step_shrink, result_.reversals);
    if (policy_.adaptive_distance <= 0.0) return shrink;
    const double distance = std::abs(result_.conductance - target) / policy_.adaptive_distance;
    return shrink * std::clamp(distance, policy_.adaptive_min, policy_.adaptive_max);
  }

  WriteResult fail(WriteFailure reason) {
    result_.failure = stuck_ != WriteFailure::none ? stuck_ : reason;
    return result_;
  }

  void read() {
    if (stuck_ == WriteFailure::unformed)
      result_.conductance = pristine_;
    else if constexpr (FastMemristor<M>)
      result_.conductance = device_.model.conductance(policy_.v_read, result_.state[0]);
    else
      result_.conductance =
          device_.model.evaluate(policy_.v_read, result_.state).current / policy_.v_read;
    result_.time += policy_.read_time;
  }

  bool pulse(const CellBias& bias) {
    ++(bias.polarity == Polarity::set ? result_.set_pulses : result_.reset_pulses);
    result_.time += policy_.width + 2.0 * policy_.edge;
    if (stuck_ != WriteFailure::none) return true;
    const StatePulse end = engine_(Pulse{bias, policy_.width, policy_.edge}, result_.state);
    result_.energy += end.energy;
    result_.state = device_.model.settle(device_.spread, result_.state, end.state, stream_);
    return static_cast<bool>(end);
  }

  const Device<M>& device_;
  const WritePolicy& policy_;
  RandomStream& stream_;
  const Engine& engine_;
  const WriteFailure stuck_;
  const double pristine_;
  double position_ = 0.0, last_position_[2] = {0.0, 0.0};  // on the ramp in use; after the last pulse of SET, RESET
  WriteResult result_;
};
}  // namespace

std::string_view name_of(WriteFailure failure) {
  constexpr std::array<std::string_view, 8> names{
      "none", "pulse_limit", "reversal_limit", "ramp_end", "stuck_low", "stuck_high", "unformed", "numerical"};
  return names.at(static_cast<size_t>(failure));
}

WriteResult write_cell(const AnyDevice& device, const SelectTransistor& transistor,
                       const WritePolicy& policy, double target, const State& state,
                       RandomStream& stream, WriteFailure stuck, double pristine,
                       const PulseOptions& options) {
  return std::visit(
      [&](const auto& d) {
        const auto engine = [&](const Pulse& pulse, const State& before) {
          return apply_pulse(d.model, transistor, pulse, before, options);
        };
        return Writer(d, policy, stream, engine, stuck, pristine).write(target, state);
      },
      device);
}

WriteResult write_cell(const AnyDevice& device, const WritePolicy& policy, double target,
                       const State& state, RandomStream& stream, const PulseEngine& engine) {
  return std::visit(
      [&](const auto& d) {
        return Writer(d, policy, stream, engine, WriteFailure::none, 0.0).write(target, state);
      },
      device);
}

WritePolicy read_policy(TomlFile& file) {
  WritePolicy policy;
  file.text("name", "");
  file.text("source", "");
  file.read("", policy);
  file.read("set", policy.set);
  file.read("reset", policy.reset);
  policy.max_pulses = static_cast<int>(file.integer("max_pulses", policy.max_pulses, 1, 100000));
  policy.max_reversals =
      static_cast<int>(file.integer("max_reversals", policy.max_reversals, 0, 100000));
  policy.max_held = static_cast<int>(file.integer("max_held", policy.max_held, 1, 100000));
  if (policy.adaptive_max < policy.adaptive_min)
    throw file.error("adaptive_max", "must not be below adaptive_min");
  for (const auto& [name, ramp] :
       {std::pair{"set", policy.set}, std::pair{"reset", policy.reset}}) {
    if (ramp.line_end < ramp.line_start)
      throw file.error(std::string(name) + ".line_end", "must not be below line_start");
    if (ramp.wl_end < ramp.wl_start)
      throw file.error(std::string(name) + ".wl_end", "must not be below wl_start");
  }
  return policy;
}

WritePolicy load_policy(const std::string& path) {
  TomlFile file(path);
  WritePolicy policy = read_policy(file);
  file.finish();
  return policy;
}

}  // namespace mho::devices
