// A control program: phases, levels and decisions of a conversion as data, and the state machine that steps through it. It knows neither ngspice nor
// the behavioural model; both are driven by the same ControlState, so they cannot disagree about the sequence.
#pragma once
#include <array>
#include <string>
#include <vector>

namespace mho::circuits {

// Control lines of the neuron and of the word lines, in this order everywhere. decrement is an alias resolved by the sign.
enum class Signal { az, ref, ssl, sdp, sdn, integrate, cmp, wl };
inline constexpr size_t signal_count = 8;
inline constexpr std::array<const char*, signal_count> signal_names{"az", "ref", "ssl", "sdp", "sdn", "int", "cmp", "wl"};

struct Event {
  double time;      // [s] from the start of the phase
  int signal;       // index of Signal, or −1 for decrement
  bool level;
};
struct Phase {
  std::string name;
  double duration;  // [s]
  std::vector<Event> events;
};
enum class Condition { always, samples_left, bits_left, flipped, steps_left };
enum class Decision { none, sign, flip };
struct Transition {
  Condition condition;
  int step;  // index into steps, −1 for end
};
struct Step {
  std::string name;
  int phase;
  Decision decision;
  std::vector<Transition> next;
};

struct ControlProgram {
  std::string name;
  double edge;  // [s] rise and fall time of the control lines
  std::vector<Phase> phases;
  std::vector<Step> steps;
  int first;
  int step_index(const std::string& step_name) const;  // −1 when there is none
  bool pulses_word_lines(int step) const;              // whether the step switches the word lines on
  double word_line_on_time() const;                    // [s] of the first phase that pulses the word lines. Throws Error when there is none
};

// Reads a program from TOML. Throws ConfigError for an unknown phase, signal or condition, events out of order or beyond the phase, a program that
// ties l to two sources at once (ref, ssl, sdp, sdn), or one whose steps can never reach "end".
ControlProgram read_control_program(const std::string& path);
ControlProgram parse_control_program(const std::string& text, const std::string& name);

// Where a conversion stands. advance() is called at the end of each step with the comparator's result.
class ControlState {
 public:
  // samples[k]: sample-integrate cycles of magnitude bit k, least significant first.
  ControlState(const ControlProgram& program, std::vector<int> samples, int max_code);
  const Step& step() const { return program_->steps[static_cast<size_t>(step_)]; }
  const Phase& phase() const { return program_->phases[static_cast<size_t>(step().phase)]; }
  int step_index() const { return step_; }
  bool ended() const { return step_ < 0; }
  int bit() const { return bit_; }               // magnitude bit whose line voltage is being integrated
  int sign() const { return sign_; }             // ±1 after the sign decision, 0 before
  int decrements() const { return decrements_; }
  // Signed code: sign · (decrements − 1), truncated towards zero; sign · max_code when the end of the range was reached.
  int code() const;
  int resolve(const Event& event) const;         // signal index with decrement replaced
  void advance(bool comparator_high);

 private:
  bool holds(Condition condition) const;
  void enter(int step);
  const ControlProgram* program_;
  std::vector<int> samples_;
  int max_code_, step_, bit_ = -1, sample_ = 0, sign_ = 0, decrements_ = 0;
  bool flipped_ = false;
};

}  // namespace mho::circuits
