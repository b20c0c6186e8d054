#include "circuits/mode_table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "core/data_path.hpp"
#include "core/errors.hpp"

namespace mho::circuits {
namespace {

std::function<bool(int)> pattern(int number) {
  return [number](int n) { return made_up_decision(number, n); };
}

std::string change_text(const Event& event) {
  const size_t target = static_cast<size_t>(event.target);
  if (event.is_level())
    return fmt::format("{} = {}", level_names[target - signal_count], event.value);
  if (event.value == "0" || event.value == "1")
    return fmt::format("{} {}", signal_names[target], event.value == "1" ? "on" : "off");
  return fmt::format("{} = {}", signal_names[target], event.value);
}

std::vector<std::string> assignment_texts(const std::vector<Assignment>& assignments) {
  std::vector<std::string> texts;
  for (const Assignment& a : assignments) texts.push_back(fmt::format("{} = {}", a.name, a.value));
  return texts;
}

// Switches that are on at the end of each step when it is first met.
std::vector<std::vector<std::string>> closed_switches(const ControlProgram& program,
                                                      const ProgramInput& input) {
  std::vector<std::vector<std::string>> closed(program.steps.size());
  std::vector<bool> met(program.steps.size(), false);
  for (int p = 0; p < decision_patterns; ++p) {
    std::array<bool, signal_count> on{};
    walk(program, input, pattern(p), [&](const ControlState& state) {
      for (const Event& e : state.phase().events)
        if (!e.is_level()) on[static_cast<size_t>(e.target)] = state.value(e) != 0.0;
      const size_t step = static_cast<size_t>(state.step_index());
      if (met[step]) return;
      met[step] = true;
      for (size_t s = 0; s < signal_count; ++s)
        if (on[s]) closed[step].emplace_back(signal_names[s]);
    });
  }
  return closed;
}

}  // namespace

std::vector<std::string> shipped_programs() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(data_path("netlists/programs")))
    if (entry.path().extension() == ".toml") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

ControlProgram named_program(const std::string& name) {
  const std::vector<std::string> shipped = shipped_programs();
  if (std::find(shipped.begin(), shipped.end(), name) != shipped.end())
    return read_control_program(data_path(fmt::format("netlists/programs/{}.toml", name)));
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(name, ignored))
    throw Error(
        fmt::format("there is no control program \"{}\", shipped or as a file; shipped are {}",
                    name, fmt::join(shipped, ", ")));
  return read_control_program(name);
}

const char* meaning(Signal signal) {
  switch (signal) {
    case Signal::az:
      return "amplifier in unity gain: its input follows its output";
    case Signal::ref:
      return "left plate of C_sample to the line reference vlr";
    case Signal::ssl:
      return "left plate of C_sample to the source line";
    case Signal::sbl:
      return "left plate of C_sample to the bit line";
    case Signal::sdp:
      return "left plate of C_sample to the level vdp";
    case Signal::sdn:
      return "left plate of C_sample to the level vdn";
    case Signal::integrate:
      return "C_integ around the amplifier";
    case Signal::cmp:
      return "far plate of C_integ to the level vcb: open, the amplifier compares with it";
    case Signal::lk:
      return "left plate of C_sample to the output: C_sample shares the charge of C_integ";
    case Signal::rst:
      return "across C_integ: empties it";
    case Signal::iso:
      return "opens the way from the amplifier's input to C_integ (closed while the line is low)";
    case Signal::lat:
      return "latch on: it decides whether the output is above VREF";
    case Signal::wl:
      return "word lines of the rows on: the cells drive the line";
  }
  return "";
}

const char* meaning(Level level) {
  switch (level) {
    case Level::vlr:
      return "line reference, at first v_line = v_ref + v_trim";
    case Level::vdp:
      return "upper decrement level, at first v_line + v_decrement";
    case Level::vdn:
      return "lower decrement level, at first v_line - v_decrement";
    case Level::vcb:
      return "what C_integ is compared with or charged to, at first v_ref";
  }
  return "";
}

bool has_parameter(const ControlProgram& program, const std::string& name) {
  return std::any_of(program.parameters.begin(), program.parameters.end(),
                     [&](const Assignment& p) { return p.name == name; });
}

bool samples_driven_line(const ControlProgram& program) {
  return std::any_of(program.phases.begin(), program.phases.end(), [](const Phase& phase) {
    const auto last = std::find_if(phase.events.rbegin(), phase.events.rend(), [](const Event& e) {
      return e.target == static_cast<int>(Signal::wl);
    });
    return last != phase.events.rend() && last->value != "0";
  });
}

double walk(const ControlProgram& program, const ProgramInput& input,
            const std::function<bool(int)>& decide,
            const std::function<void(const ControlState&)>& visit) {
  constexpr int most_steps = 1'000'000;
  ControlState state(program, input);
  double t = 0.0;
  int decisions = 0;
  for (int steps = 0; !state.ended(); ++steps) {
    if (steps == most_steps)
      throw Error(fmt::format("control program {}: more than {} steps", program.name, most_steps));
    if (visit) visit(state);
    t += state.phase().duration;
    state.advance(state.step().decides ? decide(decisions++) : false);
  }
  return t;
}

DurationRange durations(const ControlProgram& program, const ProgramInput& input) {
  DurationRange range{1e9, 0.0};
  for (int p = 0; p < decision_patterns; ++p) {
    const double t = walk(program, input, pattern(p));
    range = {std::min(range.shortest, t), std::max(range.longest, t)};
  }
  return range;
}

std::vector<ModeStep> mode_table(const ControlProgram& program, const ProgramInput& input) {
  const auto closed = closed_switches(program, input);
  std::vector<ModeStep> table;
  for (size_t s = 0; s < program.steps.size(); ++s) {
    const Step& step = program.steps[s];
    const Phase& phase = program.phases[static_cast<size_t>(step.phase)];
    ModeStep row{step.name,
                 phase.name,
                 phase.duration,
                 step.decides,
                 {},
                 closed[s],
                 assignment_texts(step.set),
                 assignment_texts(step.then),
                 step.mark,
                 {}};
    for (const Event& e : phase.events) {
      if (row.changes.empty() || row.changes.back().time != e.time)
        row.changes.push_back({e.time, {}});
      row.changes.back().changes.push_back(change_text(e));
    }
    for (const Transition& t : step.next)
      row.next.emplace_back(t.condition,
                            t.step < 0 ? "end" : program.steps[static_cast<size_t>(t.step)].name);
    table.push_back(std::move(row));
  }
  return table;
}

}  // namespace mho::circuits
