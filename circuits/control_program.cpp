#include "circuits/control_program.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <sstream>

#include "core/errors.hpp"
#include "core/toml_file.hpp"
#include "core/units.hpp"

namespace mho::circuits {
namespace {

int signal_index(std::string_view name) {
  for (size_t i = 0; i < signal_count; ++i)
    if (name == signal_names[i]) return static_cast<int>(i);
  return name == "decrement" ? -1 : -2;
}

std::vector<Event> parse_events(const TomlFile& file, const std::string& key, const std::vector<std::string>& lines, double duration) {
  std::vector<Event> events;
  for (const std::string& line : lines) {
    const size_t colon = line.find(':');
    const auto time = colon == std::string::npos ? std::nullopt : parse_quantity(line.substr(0, colon), "s");
    if (!time) throw file.error(key, fmt::format("\"{}\" does not start with a time and a colon, as in \"0.3 ns: az=1\"", line));
    if (*time < 0 || *time >= duration) throw file.error(key, fmt::format("\"{}\" lies outside the phase", line));
    if (!events.empty() && *time < events.back().time) throw file.error(key, fmt::format("\"{}\" is out of order", line));
    std::istringstream words(line.substr(colon + 1));
    for (std::string word; words >> word;) {
      const size_t equals = word.find('=');
      const int signal = signal_index(std::string_view(word).substr(0, equals));
      if (signal == -2 || equals == std::string::npos || (word.substr(equals) != "=0" && word.substr(equals) != "=1"))
        throw file.error(key, fmt::format("\"{}\" is not signal=0 or signal=1 with a signal of {}, decrement", word,
                                          fmt::join(signal_names, ", ")));
      events.push_back({*time, signal, word.back() == '1'});
    }
  }
  return events;
}

Condition parse_condition(const TomlFile& file, const std::string& key, const std::string& text) {
  if (text == "always") return Condition::always;
  if (text == "samples_left") return Condition::samples_left;
  if (text == "bits_left") return Condition::bits_left;
  if (text == "flipped") return Condition::flipped;
  if (text == "steps_left") return Condition::steps_left;
  throw file.error(key, fmt::format("\"{}\" is not a condition: always, samples_left, bits_left, flipped, steps_left", text));
}

// Runs a worst-case conversion symbolically: no two sources may hold node l at the end of an event, and the program must end.
void check(const TomlFile& file, const ControlProgram& program) {
  for (const bool positive : {true, false}) {
    ControlState state(program, {1, 2}, 3);
    std::array<bool, signal_count> level{};
    for (int guard = 0; !state.ended(); ++guard) {
      if (guard > 1000) throw file.error("step", "the steps never reach \"end\"");
      const Phase& phase = state.phase();
      for (size_t e = 0; e < phase.events.size(); ++e) {
        level[static_cast<size_t>(state.resolve(phase.events[e]))] = phase.events[e].level;
        if (e + 1 < phase.events.size() && phase.events[e + 1].time == phase.events[e].time) continue;
        const int sources = level[static_cast<size_t>(Signal::sdp)] + level[static_cast<size_t>(Signal::sdn)] +
                            level[static_cast<size_t>(Signal::ref)];
        if (sources > 1)
          throw file.error("phase." + phase.name, fmt::format("at {} node l is tied to two sources at once (ref, sdp, sdn)",
                                                              format_quantity(phase.events[e].time, "s")));
        if (level[static_cast<size_t>(Signal::ssl)] && level[static_cast<size_t>(Signal::wl)] && sources > 0)
          throw file.error("phase." + phase.name, "the driven line is tied to a source");
      }
      state.advance(state.step().decision == Decision::flip && state.decrements() >= 2 ? !positive : positive);
    }
  }
}

ControlProgram read(TomlFile& file) {
  ControlProgram program;
  program.name = file.text("name", "program");
  program.edge = file.number("edge", 0.1e-9, "s", 1e-12, 1e-8);
  for (const std::string& name : file.tables("phase")) {
    const std::string key = "phase." + name;
    Phase phase{name, file.number(key + ".duration", 0.0, "s", 1e-10, 1e-3), {}};
    if (phase.duration == 0.0) throw file.error(key, "has no duration");
    phase.events = parse_events(file, key + ".events", file.text_list(key + ".events", {}), phase.duration);
    program.phases.push_back(std::move(phase));
  }
  const std::vector<std::string> names = file.tables("step");
  const auto find_step = [&](const std::string& key, const std::string& name) {
    const auto at = std::find(names.begin(), names.end(), name);
    if (at == names.end()) throw file.error(key, fmt::format("there is no step \"{}\"", name));
    return static_cast<int>(at - names.begin());
  };
  for (const std::string& name : names) {
    const std::string key = "step." + name;
    const std::string phase = file.text(key + ".phase", name);
    const auto at = std::find_if(program.phases.begin(), program.phases.end(), [&](const Phase& p) { return p.name == phase; });
    if (at == program.phases.end()) throw file.error(key + ".phase", fmt::format("there is no phase \"{}\"", phase));
    const std::string decision = file.choice(key + ".decision", "none", {"none", "sign", "flip"});
    Step step{name, static_cast<int>(at - program.phases.begin()),
              decision == "none" ? Decision::none : decision == "sign" ? Decision::sign : Decision::flip, {}};
    for (const std::string& entry : file.text_list(key + ".next", {})) {
      const size_t colon = entry.find(": ");
      if (colon == std::string::npos) throw file.error(key + ".next", fmt::format("\"{}\" is not \"condition: step\"", entry));
      const std::string target = entry.substr(colon + 2);
      step.next.push_back({parse_condition(file, key + ".next", entry.substr(0, colon)), target == "end" ? -1 : find_step(key + ".next", target)});
    }
    if (step.next.empty() || step.next.back().condition != Condition::always)
      throw file.error(key, "its last `next` must be \"always: …\"");
    program.steps.push_back(std::move(step));
  }
  program.first = find_step("first", file.text("first", ""));
  file.finish();
  check(file, program);
  return program;
}

}  // namespace

int ControlProgram::step_index(const std::string& step_name) const {
  for (size_t i = 0; i < steps.size(); ++i)
    if (steps[i].name == step_name) return static_cast<int>(i);
  return -1;
}

bool ControlProgram::pulses_word_lines(int step) const {
  const std::vector<Event>& events = phases[static_cast<size_t>(steps[static_cast<size_t>(step)].phase)].events;
  return std::any_of(events.begin(), events.end(), [](const Event& e) { return e.signal == static_cast<int>(Signal::wl) && e.level; });
}

double ControlProgram::word_line_on_time() const {
  for (const Phase& phase : phases) {
    double rise = -1.0;
    for (const Event& e : phase.events) {
      if (e.signal != static_cast<int>(Signal::wl)) continue;
      if (e.level) rise = e.time;
      else if (rise >= 0.0) return e.time - rise;
    }
  }
  throw Error(fmt::format("control program {}: no phase pulses the word lines", name));
}

ControlProgram read_control_program(const std::string& path) {
  TomlFile file(path);
  return read(file);
}

ControlProgram parse_control_program(const std::string& text, const std::string& name) {
  TomlFile file = TomlFile::from_text(text, name);
  return read(file);
}

ControlState::ControlState(const ControlProgram& program, std::vector<int> samples, int max_code)
    : program_(&program), samples_(std::move(samples)), max_code_(max_code), step_(program.first) {
  enter(step_);
}

int ControlState::code() const {
  if (sign_ == 0) return 0;
  return sign_ * (flipped_ ? decrements_ - 1 : max_code_);
}

int ControlState::resolve(const Event& event) const {
  if (event.signal >= 0) return event.signal;
  return static_cast<int>(sign_ >= 0 ? Signal::sdn : Signal::sdp);
}

bool ControlState::holds(Condition condition) const {
  switch (condition) {
    case Condition::always: return true;
    case Condition::samples_left: return bit_ >= 0 && sample_ < samples_[static_cast<size_t>(bit_)];
    case Condition::bits_left: return bit_ + 1 < static_cast<int>(samples_.size());
    case Condition::flipped: return flipped_;
    case Condition::steps_left: return decrements_ <= max_code_;
  }
  return false;
}

// Counting belongs to the step that is entered: a word line event starts a bit, a sample of the line one cycle, the decrement one step.
void ControlState::enter(int step) {
  step_ = step;
  if (step < 0) return;
  for (const Event& e : phase().events) {
    if (!e.level) continue;
    if (e.signal == static_cast<int>(Signal::wl)) {
      ++bit_;
      sample_ = 0;
    } else if (e.signal == static_cast<int>(Signal::ssl) && bit_ >= 0) {
      ++sample_;
    } else if (e.signal == -1) {
      ++decrements_;
    }
  }
}

void ControlState::advance(bool comparator_high) {
  const int result = comparator_high ? 1 : -1;
  if (step().decision == Decision::sign) sign_ = result;
  if (step().decision == Decision::flip) flipped_ = result != sign_;
  for (const Transition& t : step().next)
    if (holds(t.condition)) return enter(t.step);
  enter(-1);
}

}  // namespace mho::circuits
