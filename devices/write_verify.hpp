// Write–verify: pulses and reads until the conductance of a cell is inside the window of its target.
#pragma once
#include <string>
#include <string_view>

#include "core/random.hpp"
#include "core/toml_file.hpp"
#include "devices/card.hpp"
#include "devices/pulse.hpp"

namespace mho::devices {

// Voltages of the pulses of one direction. Pulse k after a restart has line = line_start + k·line_step, never beyond line_end; WL alike.
struct PulseRamp {
  double line_start, line_step, line_end;  // [V] the raised line: BL in SET, SL in RESET
  double wl_start, wl_step, wl_end;        // [V] word line
};

// A policy is data: what is read from devices/params/policy_*.toml. Defaults are policy_wl_ramp.toml.
struct WritePolicy {
  PulseRamp set{.line_start = 2.4, .line_step = 0.0, .line_end = 2.4, .wl_start = 0.70, .wl_step = 0.02, .wl_end = 1.5};
  PulseRamp reset{.line_start = 0.6, .line_step = 0.1, .line_end = 2.6, .wl_start = 3.0, .wl_step = 0.0, .wl_end = 3.0};
  double tolerance = 1e-6;          // [S] accepted when |G − target| ≤ tolerance
  double v_read = 0.1;              // [V] across the cell
  double width = 1e-6, edge = 10e-9;  // [s] flat part of a pulse; each of its two edges
  double read_time = 1e-6;          // [s] of one verify read, counted in the programming time
  double step_shrink = 1.0;         // [1] both ramp steps are multiplied by it at each reversal; 1 = never shrink
  int max_pulses = 200;             // give up after so many
  int max_reversals = 30;           // changes of direction
  int max_held = 200;               // pulses in a row at the end of a ramp
};

enum class WriteFailure { none, pulse_limit, reversal_limit, ramp_end, stuck_low, stuck_high, numerical };
std::string_view name_of(WriteFailure failure);

// What became of one cell.
struct WriteResult {
  double state = 0.0;         // [model's state]
  double conductance = 0.0;   // [S] at v_read after the last pulse
  double energy = 0.0;        // [J] delivered by the raised line during all pulses; reads not included
  double time = 0.0;          // [s] pulses and reads
  int set_pulses = 0, reset_pulses = 0, reversals = 0;
  WriteFailure failure = WriteFailure::none;
  int pulses() const { return set_pulses + reset_pulses; }
  bool success() const { return failure == WriteFailure::none; }
};

// Programs one device from `state` to `target` [S]. `model` and `transistor` are this device's own; `spread` scatters each pulse, drawn from
// `stream`. A pulse whose integration fails ends the cell with WriteFailure::numerical.
template <Memristor M>
WriteResult write_cell(const M& model, const typename M::Spread& spread, const SelectTransistor& transistor,
                       const WritePolicy& policy, double target, double state, RandomStream& stream,
                       const PulseOptions& options = {});

// Reads a policy file: tables [set] and [reset], and the members of WritePolicy. Throws ConfigError, IoError.
WritePolicy load_policy(const std::string& path);
WritePolicy read_policy(TomlFile& file);  // the same from an open file, without finish()

}  // namespace mho::devices
