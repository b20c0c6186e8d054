// A control program as a designer reads it: what each step switches and when, in words, and how
// long a run takes. No simulator: the steps are walked with made-up decisions.
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "circuits/control_program.hpp"

namespace mho::circuits {

// Names of the programs in netlists/programs, sorted.
std::vector<std::string> shipped_programs();
// A shipped name such as "tanh", or a path. Throws Error that lists the shipped names, and what
// read_control_program throws.
ControlProgram named_program(const std::string& name);

// What a control line or level does, e.g. "C_sample samples the source line".
const char* meaning(Signal signal);
const char* meaning(Level level);

bool has_parameter(const ControlProgram& program, const std::string& name);
// Whether samples are taken while the word lines are on: some phase leaves them on at its end.
bool samples_driven_line(const ControlProgram& program);

// Calls visit at the start of each step, and decide(n) for the n-th decision (from 0); the duration
// [s].
double walk(const ControlProgram& program, const ProgramInput& input,
            const std::function<bool(int)>& decide,
            const std::function<void(const ControlState&)>& visit = {});

// The shortest and the longest run among decisions that are all high, all low, alternating, one
// change after the third, and four random sequences.
struct DurationRange {
  double shortest = 0.0, longest = 0.0;  // [s]
};
DurationRange durations(const ControlProgram& program, const ProgramInput& input);

// What happens at one time of a phase: "az on", "ssl = forward", "vcb = v_ref+v_preset".
struct ModeChange {
  double time = 0.0;  // [s] from the start of the phase
  std::vector<std::string> changes;
};
struct ModeStep {
  std::string name, phase;
  double duration = 0.0;  // [s]
  bool decides = false;
  std::vector<ModeChange> changes;
  std::vector<std::string> closed;  // switches that are on at its end when the walks first come by;
                                    // empty too for a step that none reaches
  std::vector<std::string> set, then, mark;               // "n = n + 1"
  std::vector<std::pair<std::string, std::string>> next;  // condition, step or "end"
};
std::vector<ModeStep> mode_table(const ControlProgram& program, const ProgramInput& input);

}  // namespace mho::circuits
