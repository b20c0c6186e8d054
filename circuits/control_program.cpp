#include "circuits/control_program.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <sstream>

#include "circuits/expression.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "core/random.hpp"
#include "core/toml_file.hpp"
#include "core/units.hpp"

namespace mho::circuits {
namespace {

std::string trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t"), last = text.find_last_not_of(" \t");
  return first == std::string_view::npos ? std::string() : std::string(text.substr(first, last - first + 1));
}

int target_index(std::string_view name) {
  for (size_t i = 0; i < signal_count; ++i)
    if (name == signal_names[i]) return static_cast<int>(i);
  for (size_t i = 0; i < level_count; ++i)
    if (name == level_names[i]) return static_cast<int>(signal_count + i);
  return -1;
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
      const int target = target_index(std::string_view(word).substr(0, equals));
      if (target < 0 || equals == std::string::npos || equals + 1 == word.size())
        throw file.error(key, fmt::format("\"{}\" is not line=value, without blanks, with a control line of {} or a level of {}", word,
                                          fmt::join(signal_names, ", "), fmt::join(level_names, ", ")));
      events.push_back({*time, target, word.substr(equals + 1)});
    }
  }
  return events;
}

std::vector<Assignment> parse_assignments(const TomlFile& file, const std::string& key, const std::vector<std::string>& lines) {
  std::vector<Assignment> assignments;
  for (const std::string& line : lines) {
    const size_t equals = line.find('=');
    const std::string name = trimmed(std::string_view(line).substr(0, equals));
    const bool is_name = !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) { return (c >= 'a' && c <= 'z') || c == '_' || (c >= '0' && c <= '9'); }) &&
                         !(name[0] >= '0' && name[0] <= '9');
    if (equals == std::string::npos || !is_name) throw file.error(key, fmt::format("\"{}\" is not \"name = expression\" with a lower-case name", line));
    assignments.push_back({name, trimmed(std::string_view(line).substr(equals + 1))});
  }
  return assignments;
}

}  // namespace

std::optional<std::string> short_circuit(const std::array<bool, signal_count>& on) {
  const auto is = [&](Signal s) { return on[static_cast<size_t>(s)]; };
  const int sources = is(Signal::sdp) + is(Signal::sdn) + is(Signal::ref);
  if (sources > 1) return "node l is tied to two sources at once (ref, sdp, sdn)";
  if (is(Signal::lk) && sources > 0) return "the amplifier's output is tied to a source through lk and ref, sdp or sdn";
  if (is(Signal::integrate) && is(Signal::cmp)) return "the amplifier's output is tied to the level vcb through int and cmp";
  if (is(Signal::ssl) && is(Signal::sbl)) return "the source line is tied to the bit line through ssl and sbl";
  if (is(Signal::sbl) && (is(Signal::sdp) || is(Signal::sdn))) return "the bit line is tied to a source through sbl and sdp or sdn";
  if (is(Signal::az) && is(Signal::cmp) && is(Signal::rst) && !is(Signal::iso)) return "the amplifier's output is tied to the level vcb through az, rst and cmp";
  if (is(Signal::lk) && is(Signal::wl) && (is(Signal::ssl) || is(Signal::sbl))) return "the amplifier's output is tied to the driven line through lk";
  if (is(Signal::wl) && sources > 0 && (is(Signal::ssl) || is(Signal::sbl))) return "the driven line is tied to a source";
  return std::nullopt;
}

namespace {

// Names, functions and grammar of every expression, also of steps that no walk reaches.
void check_expressions(const TomlFile& file, const ControlProgram& program) {
  std::string where;
  try {
    const ControlState state(program, {});
    const ExpressionFunction own = [&](std::string_view name, std::span<const double> a) -> std::optional<double> {
      const bool table = std::any_of(program.tables.begin(), program.tables.end(), [&](const auto& t) { return t.first == name; });
      if ((name == "lfsr" && a.empty()) || (table && a.size() == 1)) return 1.0;
      return std::nullopt;
    };
    const auto read = [&](const std::string& expression) {
      evaluate_expression(expression, [&](std::string_view name) { return state.get(name), 1.0; }, own);
    };
    for (const Phase& phase : program.phases) {
      where = "phase." + phase.name;
      for (const Event& e : phase.events) read(e.value);
    }
    for (const Step& step : program.steps) {
      for (const auto& [key, list] : {std::pair<const char*, const std::vector<Assignment>&>{".set", step.set}, {".then", step.then}}) {
        where = "step." + step.name + key;
        for (const Assignment& a : list) {
          const auto same = [&](const Assignment& r) { return r.name == a.name; };
          if (std::none_of(program.registers.begin(), program.registers.end(), same)) throw file.error(where, fmt::format("\"{}\" is not a register of this program", a.name));
          read(a.value);
        }
      }
      where = "step." + step.name + ".next";
      for (const Transition& t : step.next) read(t.condition);
    }
    where = "result";
    read(program.result);
  } catch (const ExpressionError& e) {
    throw where.empty() ? file.error("registers", e.what()) : file.error(where, e.what());
  }
}

// Walks through the program with made-up decisions: nothing that short_circuit() names may happen, the latch is on where the program decides, every expression can
// be evaluated, and the program ends.
void check(const TomlFile& file, const ControlProgram& program) {
  for (int pattern = 0; pattern < decision_patterns; ++pattern) {
    std::string where = "step";
    try {
      ProgramInput input;
      input.bits = 2;
      input.max_code = 3;
      ControlState state(program, input);
      std::array<bool, signal_count> on{};
      int decisions = 0;
      for (int guard = 0; !state.ended(); ++guard) {
        if (guard > 200000) throw file.error("step", "the steps never reach \"end\"");
        where = "step." + state.step().name;
        const Phase& phase = state.phase();
        bool latched = false;
        for (size_t e = 0; e < phase.events.size(); ++e) {
          const Event& event = phase.events[e];
          where = "phase." + phase.name;
          const double value = state.value(event);
          if (!std::isfinite(value)) throw file.error(where, fmt::format("\"{}\" is not a number", event.value));
          if (!event.is_level() && value != 0.0 && value != 1.0)
            throw file.error(where, fmt::format("{}={} gives {}: a control line is 0 or 1", signal_names[static_cast<size_t>(event.target)], event.value, value));
          if (event.target == static_cast<int>(Signal::lat) && value != 0.0 && !on[static_cast<size_t>(Signal::lat)]) latched = true;
          if (!event.is_level()) on[static_cast<size_t>(event.target)] = value != 0.0;
          if (e + 1 < phase.events.size() && phase.events[e + 1].time == event.time) continue;
          if (const auto what = short_circuit(on)) throw file.error(where, fmt::format("at {} {}", format_quantity(event.time, "s"), *what));
        }
        where = "step." + state.step().name;
        if (state.step().decides && !on[static_cast<size_t>(Signal::lat)]) throw file.error(where, "decides while the latch is off (lat=0)");
        if (state.step().decides && !latched) throw file.error(where, "decides without turning the latch on in this step (lat was 1 before): it still holds the decision before");
        state.advance(state.step().decides && made_up_decision(pattern, decisions++));
      }
      where = "result";
      state.code();
    } catch (const ExpressionError& e) {
      throw file.error(where, e.what());
    }
  }
}

ControlProgram read(TomlFile& file, const std::string& text) {
  ControlProgram program;
  program.text = text;
  program.name = file.text("name", "program");
  program.about = file.text("about", "");
  program.edge = file.number("edge", 0.1e-9, "s", 1e-12, 1e-8);
  program.parameters = parse_assignments(file, "parameters", file.text_list("parameters", {}));
  program.registers = parse_assignments(file, "registers", file.text_list("registers", {}));
  program.result = file.text("result", "0");
  for (const Assignment& table : parse_assignments(file, "tables", file.text_list("tables", {}))) {
    std::istringstream words(table.value);
    std::vector<double> numbers;
    for (std::string word; words >> word;) {
      const auto value = parse_quantity(word, "1");
      if (!value) throw file.error("tables", fmt::format("{}: \"{}\" is not a number", table.name, word));
      numbers.push_back(*value);
    }
    if (numbers.empty()) throw file.error("tables", fmt::format("{} is empty", table.name));
    const auto same = [&](const auto& named) { return named.name == table.name; };
    if (std::any_of(program.tables.begin(), program.tables.end(), [&](const auto& t) { return t.first == table.name; }) ||
        std::any_of(program.parameters.begin(), program.parameters.end(), same) || std::any_of(program.registers.begin(), program.registers.end(), same))
      throw file.error("tables", fmt::format("{} is the name of two things", table.name));
    program.tables.emplace_back(table.name, std::move(numbers));
  }
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
    Step step{name, static_cast<int>(at - program.phases.begin()), file.boolean(key + ".decide", false), {}, {}, {}, {}};
    step.set = parse_assignments(file, key + ".set", file.text_list(key + ".set", {}));
    step.then = parse_assignments(file, key + ".then", file.text_list(key + ".then", {}));
    step.mark = file.text_list(key + ".mark", {});
    for (const std::string& entry : file.text_list(key + ".next", {})) {
      const size_t colon = entry.rfind(": ");
      if (colon == std::string::npos) throw file.error(key + ".next", fmt::format("\"{}\" is not \"condition: step\"", entry));
      const std::string target = entry.substr(colon + 2);
      step.next.push_back({entry.substr(0, colon), target == "end" ? -1 : find_step(key + ".next", target)});
    }
    if (step.next.empty() || step.next.back().condition != "always") throw file.error(key, "its last `next` must be \"always: …\"");
    program.steps.push_back(std::move(step));
  }
  const std::string first = file.text("first", "");
  if (first.empty()) throw file.error("first", "must name the first step");
  program.first = find_step("first", first);
  for (const std::string& entry : file.text_list("require", {})) {
    const size_t colon = entry.find(": ");
    if (colon == std::string::npos) throw file.error("require", fmt::format("\"{}\" is not \"condition: what is wrong otherwise\"", entry));
    program.requirements.push_back({entry.substr(0, colon), entry.substr(colon + 2)});
  }
  file.finish();
  check_expressions(file, program);
  check(file, program);
  return program;
}

}  // namespace

bool made_up_decision(int pattern, int number) {
  if (pattern < 2) return pattern == 0;
  if (pattern == 2) return number < 3;
  if (pattern == 3) return number % 2 == 0;
  return RandomStream(static_cast<std::uint64_t>(pattern), 0, 0, static_cast<std::uint32_t>(number), Purpose::test).uniform() < 0.5;
}

std::uint32_t lfsr_step(std::uint32_t state) {
  const std::uint32_t bit = (state ^ (state >> 2) ^ (state >> 3) ^ (state >> 5)) & 1u;
  return (state >> 1) | (bit << 15);
}

int ControlProgram::step_index(const std::string& step_name) const {
  for (size_t i = 0; i < steps.size(); ++i)
    if (steps[i].name == step_name) return static_cast<int>(i);
  return -1;
}

bool ControlProgram::uses(Signal signal) const {
  return std::any_of(phases.begin(), phases.end(), [&](const Phase& phase) {
    return std::any_of(phase.events.begin(), phase.events.end(), [&](const Event& e) { return e.target == static_cast<int>(signal); });
  });
}

bool ControlProgram::pulses_word_lines(int step) const {
  const std::vector<Event>& events = phases[static_cast<size_t>(steps[static_cast<size_t>(step)].phase)].events;
  return std::any_of(events.begin(), events.end(), [](const Event& e) { return e.target == static_cast<int>(Signal::wl) && e.value != "0"; });
}

double ControlProgram::word_line_on_time() const {
  for (const Phase& phase : phases) {
    double rise = -1.0;
    for (const Event& e : phase.events) {
      if (e.target != static_cast<int>(Signal::wl)) continue;
      if (e.value != "0") rise = e.time;
      else if (rise >= 0.0) return e.time - rise;
    }
  }
  throw Error(fmt::format("control program {}: no phase pulses the word lines", name));
}

ControlProgram read_control_program(const std::string& path) { return parse_control_program(read_text_file(path), path); }

ControlProgram parse_control_program(const std::string& text, const std::string& name) {
  TomlFile file = TomlFile::from_text(text, name);
  return read(file, text);
}

ControlState::ControlState(const ControlProgram& program, const ProgramInput& input) : program_(&program), lfsr_(input.lfsr & 0xffffu), step_(program.first) {
  if (lfsr_ == 0) throw Error("a shift register that starts at 0 stays there: its start must be 1 to 65535");
  values_ = {{"always", 1.0}, {"bits", input.bits}, {"pulse_multiplier", input.pulse_multiplier}, {"max_code", input.max_code}, {"v_ref", input.v_ref},
             {"v_read", input.v_read}, {"v_trim", input.v_trim}, {"v_line", input.v_ref + input.v_trim}, {"v_decrement", input.v_decrement}, {"q", 0.0}};
  const size_t inputs = values_.size();
  for (const Assignment& p : program.parameters) {
    if (find(p.name) >= 0) throw ExpressionError(fmt::format("{} is the name of two things", p.name));
    values_.emplace_back(p.name, evaluate(p.value));
  }
  const size_t parameters = values_.size();
  for (const auto& [name, value] : input.parameters) {
    const int at = find(name);
    if (at < static_cast<int>(inputs) || at >= static_cast<int>(parameters)) throw Error(fmt::format("control program {}: no parameter \"{}\"", program.name, name));
    values_[static_cast<size_t>(at)].second = value;
  }
  for (const Assignment& r : program.registers) {
    if (find(r.name) >= 0) throw ExpressionError(fmt::format("{} is the name of two things", r.name));
    values_.emplace_back(r.name, evaluate(r.value));
  }
  bit_ = find("bit");
  sign_ = find("sign");
  n_ = find("n");
  q_ = find("q");
  for (const Requirement& r : program.requirements)
    if (evaluate(r.condition) == 0.0) throw Error(fmt::format("control program {}: {}", program.name, r.message));
  enter(step_);
}

int ControlState::find(std::string_view name) const {
  for (size_t i = 0; i < values_.size(); ++i)
    if (values_[i].first == name) return static_cast<int>(i);
  return -1;
}

double ControlState::get(std::string_view name) const {
  const int at = find(name);
  if (at < 0) throw ExpressionError(fmt::format("\"{}\" is not a name of this program", name));
  return values_[static_cast<size_t>(at)].second;
}

void ControlState::set(std::string_view name, double value) {
  get(name);
  values_[static_cast<size_t>(find(name))].second = value;
}

int ControlState::integer(int index, int otherwise) const { return index < 0 ? otherwise : static_cast<int>(std::lround(values_[static_cast<size_t>(index)].second)); }

double ControlState::evaluate(const std::string& expression) const {
  if (expression == "0") return 0.0;
  if (expression == "1") return 1.0;
  const ExpressionFunction own = [&](std::string_view name, std::span<const double> a) -> std::optional<double> {
    if (name == "lfsr" && a.empty()) {
      lfsr_ = lfsr_step(lfsr_);
      return (lfsr_ >> 15) ? 1.0 : -1.0;
    }
    for (const auto& [table, numbers] : program_->tables)
      if (table == name && a.size() == 1) {
        if (!(a[0] >= 0.0)) throw ExpressionError(fmt::format("{}({}): the index counts from 0", name, a[0]));
        return numbers[static_cast<size_t>(std::min(a[0], static_cast<double>(numbers.size() - 1)))];
      }
    return std::nullopt;
  };
  return evaluate_expression(expression, [&](std::string_view name) { return get(name); }, own);
}

void ControlState::assign(const std::vector<Assignment>& assignments) {
  for (const Assignment& a : assignments) {
    const int at = find(a.name);
    const bool is_register = std::any_of(program_->registers.begin(), program_->registers.end(), [&](const Assignment& r) { return r.name == a.name; });
    if (at < 0 || !is_register) throw ExpressionError(fmt::format("\"{}\" is not a register of this program", a.name));
    const double value = evaluate(a.value);
    if (!(std::abs(value) < 1e9)) throw ExpressionError(fmt::format("{} = {} gives {}: beyond what a register holds", a.name, a.value, value));
    values_[static_cast<size_t>(at)].second = value;
  }
}

double ControlState::value(const Event& event) const { return evaluate(event.value); }

double ControlState::initial_level(Level level) const {
  switch (level) {
    case Level::vlr: return get("v_line");
    case Level::vdp: return get("v_line") + get("v_decrement");
    case Level::vdn: return get("v_line") - get("v_decrement");
    case Level::vcb: return get("v_ref");
  }
  return 0.0;
}

int ControlState::code() const {
  const double value = evaluate(program_->result);
  if (!(std::abs(value) < 1e9)) throw ExpressionError(fmt::format("result = {} gives {}: not a code", program_->result, value));
  return static_cast<int>(std::lround(value));
}

void ControlState::enter(int step) {
  step_ = step;
  if (step >= 0) assign(this->step().set);
}

void ControlState::advance(bool comparator_high) {
  if (step().decides) values_[static_cast<size_t>(q_)].second = comparator_high ? 1.0 : -1.0;
  assign(step().then);
  for (const Transition& t : step().next)
    if (evaluate(t.condition) != 0.0) return enter(t.step);
  enter(-1);
}

}  // namespace mho::circuits
