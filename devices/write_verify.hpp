// Write–verify: pulses and reads until the conductance of a cell is inside the window of its target.
#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "core/random.hpp"
#include "core/toml_file.hpp"
#include "devices/card.hpp"
#include "devices/pulse.hpp"

namespace mho::devices {

// Voltages of the pulses of one direction. At position p of the ramp line = line_start + p·line_step, never beyond
// line_end; WL = wl_start + wl_root·√(target) + p·wl_step alike. wl_root lets the word line of the first pulse follow the
// target: a saturated select transistor leaves G ≈ β(V_WL − V_TO)²/(2·V_hold) (multilevel ISPVA).
struct PulseRamp {
  double line_start, line_step, line_end;  // [V] the raised line: BL in SET, SL in RESET
  double wl_start, wl_step, wl_end;        // [V] word line
  double wl_root = 0.0;                    // [V/√S]
};

// A policy is data: what is read from devices/params/policy_*.toml. Defaults are policy_wl_ramp.toml.
struct WritePolicy {
  PulseRamp set{.line_start = 2.4,
                .line_step = 0.0,
                .line_end = 2.4,
                .wl_start = 0.70,
                .wl_step = 0.02,
                .wl_end = 1.5};
  PulseRamp reset{.line_start = 0.6,
                  .line_step = 0.1,
                  .line_end = 2.6,
                  .wl_start = 3.0,
                  .wl_step = 0.0,
                  .wl_end = 3.0};
  double tolerance = 1e-6;   // [S] accepted when |G − target| ≤ tolerance
  double v_read = 0.1;       // [V] across the cell
  double width = 1e-6;       // [s] flat part of a pulse
  double edge = 10e-9;       // [s] each of its two edges
  double read_time = 1e-6;   // [s] of one verify read, counted in the programming time
  double step_shrink = 1.0;  // [1] ramp steps are multiplied by it at each reversal; 1: never
  // Adaptive steps: the position on the ramp advances by |G − target|/adaptive_distance, within adaptive_min and
  // adaptive_max, instead of 1 a pulse. 0: off.
  double adaptive_distance = 0.0;  // [S]
  double adaptive_min = 0.25;      // [1]
  double adaptive_max = 3.0;       // [1]
  // After two reversals a direction goes on this many positions before its last pulse; negative: at its start.
  double resume_back = -1.0;  // [1]
  int max_pulses = 200;      // give up after so many
  int max_reversals = 30;    // changes of direction
  int max_held = 200;        // pulses in a row at the end of a ramp
};

enum class WriteFailure {
  none,
  pulse_limit,
  reversal_limit,
  ramp_end,
  stuck_low,
  stuck_high,
  unformed,
  numerical
};
std::string_view name_of(WriteFailure failure);

// What became of one cell.
struct WriteResult {
  State state;               // in the model's coordinates
  double conductance = 0.0;  // [S] at v_read after the last pulse
  double energy = 0.0;  // [J] delivered by the raised line during all pulses; reads not included
  double time = 0.0;    // [s] pulses and reads
  int set_pulses = 0, reset_pulses = 0, reversals = 0;
  WriteFailure failure = WriteFailure::none;
  int pulses() const { return set_pulses + reset_pulses; }
  bool success() const { return failure == WriteFailure::none; }
};

// Programs one device from `state` to `target` [S]. `device` and `transistor` are this cell's own
// (vary()); the scatter of each pulse is drawn from `stream`. A pulse whose integration fails ends
// the cell with WriteFailure::numerical.
// A cell with `stuck` other than none does not move; the policy spends its pulses on it all the same.
// An unformed one shows `pristine` [S] whatever its model says.
WriteResult write_cell(const AnyDevice& device, const SelectTransistor& transistor,
                       const WritePolicy& policy, double target, const State& state,
                       RandomStream& stream,
                       WriteFailure stuck = WriteFailure::none, double pristine = 0.0,
                       const PulseOptions& options = {});

// The same with pulses by `engine`, e.g. a circuit simulator: it takes the pulse and the state before, and gives the state after.
using PulseEngine = std::function<StatePulse(const Pulse& pulse, const State& before)>;
WriteResult write_cell(const AnyDevice& device, const WritePolicy& policy, double target,
                       const State& state, RandomStream& stream, const PulseEngine& engine);

// Reads a policy file: tables [set] and [reset], and the members of WritePolicy. Throws ConfigError, IoError.
WritePolicy load_policy(const std::string& path);
WritePolicy read_policy(TomlFile& file);  // the same from an open file, without finish()

}  // namespace mho::devices

namespace mho {
template <>
struct ParameterTable<devices::PulseRamp> {
  using S = devices::PulseRamp;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"line_start", &S::line_start, "V", 0.0, 10.0,
       "raised line (BL in SET, SL in RESET), first pulse"},
      {"line_step", &S::line_step, "V", 0.0, 5.0, "its step from pulse to pulse"},
      {"line_end", &S::line_end, "V", 0.0, 10.0, "its highest value"},
      {"wl_start", &S::wl_start, "V", 0.0, 10.0, "word line, first pulse"},
      {"wl_step", &S::wl_step, "V", 0.0, 5.0, "its step from pulse to pulse"},
      {"wl_end", &S::wl_end, "V", 0.0, 10.0, "its highest value"},
      {"wl_root", &S::wl_root, "V/√S", 0.0, 1e4, "rise of the first word line with the root of the target"},
  });
};

template <>
struct ParameterTable<devices::WritePolicy> {
  using S = devices::WritePolicy;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"tolerance", &S::tolerance, "S", 1e-9, 1e-3, "accepted |G - target|"},
      {"v_read", &S::v_read, "V", 1e-3, 1.0, "read voltage across the cell"},
      {"width", &S::width, "s", 1e-9, 1.0, "flat part of a pulse"},
      {"edge", &S::edge, "s", 1e-11, 1e-3, "each edge of a pulse"},
      {"read_time", &S::read_time, "s", 0.0, 1.0, "one verify read"},
      {"adaptive_distance", &S::adaptive_distance, "S", 0.0, 1e-3,
       "distance from the target that makes one step of the ramp, 0: every step is one"},
      {"adaptive_min", &S::adaptive_min, "1", 0.0, 1e3, "smallest adaptive step"},
      {"adaptive_max", &S::adaptive_max, "1", 0.0, 1e3, "largest adaptive step"},
      {"resume_back", &S::resume_back, "1", -1.0, 1e3,
       "steps before its last pulse at which a direction resumes, negative: at the start of its ramp"},
      {"step_shrink", &S::step_shrink, "1", 0.05, 1.0, "factor of the ramp steps at each reversal"},
  });
};
}  // namespace mho
