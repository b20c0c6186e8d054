// A control program: phases, levels and decisions of a conversion as data, and the state machine that steps through it. It knows neither ngspice nor
// the behavioural model; both are driven by the same ControlState, so they cannot disagree about the sequence. docs/control_programs.md is the manual.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mho::circuits {

// Switches of the neuron, the latch's clock and the word lines, in this order everywhere: control lines that are low or high.
enum class Signal { az, ref, ssl, sbl, sdp, sdn, integrate, cmp, lk, rst, iso, lat, wl };
inline constexpr size_t signal_count = 13;
inline constexpr std::array<const char*, signal_count> signal_names{"az", "ref", "ssl", "sbl", "sdp", "sdn", "int", "cmp", "lk", "rst", "iso", "lat", "wl"};
// Reference levels that a program can move; their values count from 0 V.
enum class Level { vlr, vdp, vdn, vcb };
inline constexpr size_t level_count = 4;
inline constexpr std::array<const char*, level_count> level_names{"vlr", "vdp", "vdn", "vcb"};

// A control line or a level takes a value: 0 and 1 for a control line, volts for a level.
struct Event {
  double time;        // [s] from the start of the phase
  int target;         // index of Signal, or signal_count + index of Level
  std::string value;  // expression, evaluated when its step is entered
  bool is_level() const { return target >= static_cast<int>(signal_count); }
};
struct Phase {
  std::string name;
  double duration;  // [s]
  std::vector<Event> events;
};
struct Assignment {
  std::string name, value;  // register = expression
};
struct Transition {
  std::string condition;  // expression: the first that is not 0 decides
  int step;               // index into steps, −1 for end
};
struct Step {
  std::string name;
  int phase;
  bool decides;                   // the latch is read at its end, into q
  std::vector<Assignment> set;    // on entry, before the events
  std::vector<Assignment> then;   // at its end, with the new q
  std::vector<std::string> mark;  // names noted with the time at which the step ends
  std::vector<Transition> next;
};

struct Requirement {
  std::string condition, message;  // expression of what the program is given; what is wrong when it is 0
};

struct ControlProgram {
  std::string name, about;
  double edge;  // [s] rise and fall time of the control lines
  std::vector<Assignment> parameters, registers;
  std::vector<std::pair<std::string, std::vector<double>>> tables;
  std::vector<Requirement> requirements;
  std::vector<Phase> phases;
  std::vector<Step> steps;
  std::string result;  // expression: the signed code
  int first;
  std::string text;    // as read: two programs of the same text are the same
  int step_index(const std::string& step_name) const;  // −1 when there is none
  bool uses(Signal signal) const;                      // whether any phase moves this control line
  bool pulses_word_lines(int step) const;              // whether the step switches the word lines on
  double word_line_on_time() const;                    // [s] of the first phase that pulses the word lines. Throws Error when there is none
};

// What the control lines that are high tie together and may not, as a message.
std::optional<std::string> short_circuit(const std::array<bool, signal_count>& on);

// Reads a program from TOML. Throws ConfigError for an unknown phase, step, control line or level, an expression that cannot be evaluated, events out of order
// or beyond the phase, a program that ties two sources together, that decides while the latch is off, or whose steps never reach "end".
ControlProgram read_control_program(const std::string& path);
ControlProgram parse_control_program(const std::string& text, const std::string& name);

// Made-up decisions that walks through a program follow: all +, all −, − from the fourth on, alternating; the others at random.
inline constexpr int decision_patterns = 8;
bool made_up_decision(int pattern, int number);

// What a program is given besides its own parameters.
struct ProgramInput {
  int bits = 1;             // magnitude bits of the input
  int pulse_multiplier = 1;
  int max_code = 31;
  double v_ref = 0.9, v_read = 0.3, v_trim = 0.0, v_decrement = 0.04;  // [V]
  std::uint32_t lfsr = 1;   // start of the shift register, not 0
  std::vector<std::pair<std::string, double>> parameters;  // in place of the program's own
};

// Next state of the 16-bit shift register x^16 + x^14 + x^13 + x^11 + 1 (maximal length 65,535); its highest bit is the new one.
std::uint32_t lfsr_step(std::uint32_t state);

// Where a conversion stands. advance() is called at the end of each step with the latch's result. Names that every program may read: bits, pulse_multiplier,
// max_code, v_ref, v_read, v_trim, v_decrement, v_line (v_ref + v_trim), q (the last decision, ±1), always (1); functions: those of expression.hpp, a table
// by its name and index (the last entry beyond its end), lfsr() (the next ±1 of a maximal 16-bit shift register).
// Registers with a meaning outside: bit (the input bit that the rows apply, −1 none), sign (±1 once known), n (decrements made).
class ControlState {
 public:
  ControlState(const ControlProgram& program, const ProgramInput& input);
  const Step& step() const { return program_->steps[static_cast<size_t>(step_)]; }
  const Phase& phase() const { return program_->phases[static_cast<size_t>(step().phase)]; }
  int step_index() const { return step_; }
  bool ended() const { return step_ < 0; }
  int bit() const { return integer(bit_, -1); }
  int sign() const { return integer(sign_, 0); }
  int decrements() const { return integer(n_, 0); }
  int code() const;                          // the program's result, rounded
  double value(const Event& event) const;    // 0 or 1 of a control line, volts of a level
  double initial_level(Level level) const;   // [V]
  double get(std::string_view name) const;   // a register, parameter or input. Throws ExpressionError when there is none
  const std::vector<std::pair<std::string, double>>& registers() const { return values_; }
  void set(std::string_view name, double value);  // Throws ExpressionError when there is no such register or parameter
  void advance(bool comparator_high);

 private:
  int integer(int index, int otherwise) const;
  int find(std::string_view name) const;  // −1 when there is none
  double evaluate(const std::string& expression) const;
  void assign(const std::vector<Assignment>& assignments);
  void enter(int step);
  const ControlProgram* program_;
  std::vector<std::pair<std::string, double>> values_;
  mutable std::uint32_t lfsr_;
  int step_, bit_ = -1, sign_ = -1, n_ = -1, q_ = -1;
};

}  // namespace mho::circuits
