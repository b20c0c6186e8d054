#include "devices/write_verify.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace mho::devices {
namespace {
// Voltages of pulse k after a restart, with both steps multiplied by `shrink`.
CellBias bias_of(const PulseRamp& ramp, Polarity polarity, int k, double shrink) {
  const auto level = [&](double start, double step, double end) {
    return step > 0.0 ? std::min(end, start + k * step * shrink) : start;
  };
  return {polarity, level(ramp.line_start, ramp.line_step, ramp.line_end),
          level(ramp.wl_start, ramp.wl_step, ramp.wl_end)};
}

bool at_end(const PulseRamp& ramp, const CellBias& bias) {
  return (ramp.line_step <= 0.0 || bias.v_line >= ramp.line_end) &&
         (ramp.wl_step <= 0.0 || bias.v_wl >= ramp.wl_end);
}

template <Memristor M>
class Writer {
 public:
  Writer(const Device<M>& device, const SelectTransistor& transistor, const WritePolicy& policy,
         RandomStream& stream, const PulseOptions& options)
      : device_(device),
        model_(device.model),
        transistor_(transistor),
        policy_(policy),
        stream_(stream),
        options_(options) {}

  WriteResult write(double target, double state, WriteFailure stuck) {
    result_.state = state;
    read();
    bool first = true;
    Polarity direction = Polarity::set;
    int since_restart = 0, held = 0;
    while (std::abs(result_.conductance - target) > policy_.tolerance) {
      const Polarity wanted = result_.conductance < target ? Polarity::set : Polarity::reset;
      if (first || wanted != direction) {
        if (!first && ++result_.reversals > policy_.max_reversals)
          return fail(stuck, WriteFailure::reversal_limit);
        since_restart = held = 0;
      }
      first = false;
      direction = wanted;
      if (result_.pulses() >= policy_.max_pulses) return fail(stuck, WriteFailure::pulse_limit);
      const PulseRamp& ramp = direction == Polarity::set ? policy_.set : policy_.reset;
      const CellBias bias = bias_of(ramp, direction, since_restart++,
                                    std::pow(policy_.step_shrink, result_.reversals));
      if (at_end(ramp, bias) && ++held > policy_.max_held)
        return fail(stuck, WriteFailure::ramp_end);
      if (!pulse(bias, stuck)) return fail(stuck, WriteFailure::numerical);
      read();
    }
    return result_;
  }

 private:
  WriteResult fail(WriteFailure stuck, WriteFailure reason) {
    result_.failure = stuck != WriteFailure::none ? stuck : reason;
    return result_;
  }

  void read() {
    result_.conductance = device_.model.conductance(policy_.v_read, result_.state);
    result_.time += policy_.read_time;
  }

  bool pulse(const CellBias& bias, WriteFailure stuck) {
    ++(bias.polarity == Polarity::set ? result_.set_pulses : result_.reset_pulses);
    result_.time += policy_.width + 2.0 * policy_.edge;
    if (stuck != WriteFailure::none) return true;
    const PulseResult end = apply_pulse(model_, transistor_, {bias, policy_.width, policy_.edge},
                                        result_.state, options_);
    result_.energy += end.energy;
    result_.state = device_.model.settle(device_.spread, result_.state, end.state, stream_);
    return static_cast<bool>(end);
  }

  const Device<M>& device_;
  const AnyMemristor model_;
  const SelectTransistor& transistor_;
  const WritePolicy& policy_;
  RandomStream& stream_;
  const PulseOptions& options_;
  WriteResult result_;
};
}  // namespace

std::string_view name_of(WriteFailure failure) {
  constexpr std::array<std::string_view, 7> names{
      "none", "pulse_limit", "reversal_limit", "ramp_end", "stuck_low", "stuck_high", "numerical"};
  return names.at(static_cast<size_t>(failure));
}

WriteResult write_cell(const AnyDevice& device, const SelectTransistor& transistor,
                       const WritePolicy& policy, double target, double state, RandomStream& stream,
                       WriteFailure stuck, const PulseOptions& options) {
  return std::visit(
      [&](const auto& d) {
        return Writer(d, transistor, policy, stream, options).write(target, state, stuck);
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
