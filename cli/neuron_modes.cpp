// mho neuron modes: the shipped control programs, and one of them as a table that a reader can
// follow.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "circuits/mode_table.hpp"
#include "cli/commands.hpp"
#include "cli/neuron.hpp"
#include "core/errors.hpp"

namespace mho::cli {
namespace {

struct ModesOptions {
  std::string name;
  int bits = 3;
  circuits::ReadPoint point;
  bool json = false;
};

circuits::ProgramInput default_run(const ModesOptions& o) {
  return circuits::program_input({}, o.point, static_cast<size_t>(o.bits));
}

std::vector<std::string> switches(const circuits::ControlProgram& program) {
  std::vector<std::string> names;
  for (size_t s = 0; s < circuits::signal_count; ++s)
    if (program.uses(static_cast<circuits::Signal>(s)))
      names.emplace_back(circuits::signal_names[s]);
  return names;
}

std::string span(const circuits::DurationRange& d) {
  return d.shortest == d.longest
             ? fmt::format("{:.6g} ns", 1e9 * d.shortest)
             : fmt::format("{:.6g} to {:.6g} ns", 1e9 * d.shortest, 1e9 * d.longest);
}

void list(const ModesOptions& o) {
  Json json = Json::array();
  std::string text =
      fmt::format("{:<20}{:<22}{:<54}{}\n", "program", "duration", "switches", "about");
  for (const std::string& name : circuits::shipped_programs()) {
    const circuits::ControlProgram program = circuits::named_program(name);
    const circuits::DurationRange d = circuits::durations(program, default_run(o));
    const auto used = switches(program);
    text += fmt::format("{:<20}{:<22}{:<54}{}\n", name, span(d),
                        fmt::format("{}", fmt::join(used, " ")), program.about);
    json.push_back(Json{{"program", name},
                        {"about", program.about},
                        {"shortest", quantity(d.shortest, "s")},
                        {"longest", quantity(d.longest, "s")},
                        {"switches", used}});
  }
  text += fmt::format(
      "\nshortest and longest run over made-up decisions: {} magnitude bits, pulse multiplier {}, "
      "largest code {}\n",
      o.bits, o.point.pulse_multiplier, o.point.max_code);
  fmt::print("{}", o.json ? json.dump(1) + "\n" : text);
}

std::string assignments(const std::vector<circuits::Assignment>& all) {
  std::vector<std::string> texts;
  for (const auto& a : all) texts.push_back(fmt::format("{} = {}", a.name, a.value));
  return texts.empty() ? "none" : fmt::format("{}", fmt::join(texts, ", "));
}

std::string legend(const circuits::ControlProgram& program) {
  std::string text = "\nlines\n";
  for (size_t s = 0; s < circuits::signal_count; ++s)
    if (program.uses(static_cast<circuits::Signal>(s)))
      text += fmt::format("  {:<6}{}\n", circuits::signal_names[s],
                          circuits::meaning(static_cast<circuits::Signal>(s)));
  for (size_t l = 0; l < circuits::level_count; ++l)
    text += fmt::format("  {:<6}{}\n", circuits::level_names[l],
                        circuits::meaning(static_cast<circuits::Level>(l)));
  return text;
}

std::string nanoseconds(double t) { return fmt::format("{:.6g} ns", 1e9 * t); }

std::string step_text(const circuits::ModeStep& s) {
  std::string text = fmt::format("{}{}, {}\n", s.name,
                                 s.phase == s.name ? "" : fmt::format(" (phase {})", s.phase),
                                 nanoseconds(s.duration));
  const auto line = [&](const std::string& what, const std::string& value) {
    text += fmt::format("    {:<11}{}\n", what, value);
  };
  if (!s.set.empty()) line("sets", fmt::format("{}", fmt::join(s.set, ", ")));
  for (const auto& c : s.changes)
    line(nanoseconds(c.time), fmt::format("{}", fmt::join(c.changes, ", ")));
  if (!s.closed.empty()) line("on at end", fmt::format("{}", fmt::join(s.closed, " ")));
  if (s.decides) line("decides", "the latch is read: q = +1 above VREF, -1 below");
  if (!s.then.empty()) line("then", fmt::format("{}", fmt::join(s.then, ", ")));
  if (!s.mark.empty()) line("marks", fmt::format("{}", fmt::join(s.mark, ", ")));
  for (const auto& [condition, step] : s.next)
    line("next", condition == "always" ? step : fmt::format("{} if {}", step, condition));
  return text;
}

Json step_json(const circuits::ModeStep& s) {
  Json json{{"step", s.name},       {"phase", s.phase},     {"duration", quantity(s.duration, "s")},
            {"decides", s.decides}, {"set", s.set},         {"then", s.then},
            {"mark", s.mark},       {"on_at_end", s.closed}};
  json["changes"] = Json::array();
  for (const auto& c : s.changes)
    json["changes"].push_back(Json{{"time", quantity(c.time, "s")}, {"changes", c.changes}});
  json["next"] = Json::array();
  for (const auto& [condition, step] : s.next)
    json["next"].push_back(Json{{"condition", condition}, {"step", step}});
  return json;
}

void show(const ModesOptions& o) {
  const circuits::ControlProgram program = circuits::named_program(o.name);
  const auto steps = circuits::mode_table(program, default_run(o));
  const circuits::DurationRange d = circuits::durations(program, default_run(o));
  std::string text = fmt::format(
      "{}: {}\nparameters  {}\nregisters   {}\nresult      {}\nduration    {} ({} magnitude bits, "
      "pulse multiplier {}, largest code {})\n\n",
      program.name, program.about, assignments(program.parameters), assignments(program.registers),
      program.result, span(d), o.bits, o.point.pulse_multiplier, o.point.max_code);
  Json json{{"program", program.name},
            {"about", program.about},
            {"result", program.result},
            {"shortest", quantity(d.shortest, "s")},
            {"longest", quantity(d.longest, "s")}};
  for (const auto& p : program.parameters) json["parameters"][p.name] = p.value;
  for (const auto& r : program.registers) json["registers"][r.name] = r.value;
  for (const auto& s : steps) {
    text += step_text(s);
    json["steps"].push_back(step_json(s));
  }
  text += legend(program);
  fmt::print("{}", o.json ? json.dump(1) + "\n" : text);
}

}  // namespace

void add_neuron_modes(CLI::App& neuron) {
  const auto o = std::make_shared<ModesOptions>();
  CLI::App* command =
      neuron.add_subcommand("modes", "the shipped control programs, or one of them step by step");
  command->add_option("name", o->name, "a shipped name or a file; without it: all shipped")
      ->type_name("NAME");
  command->add_option("--bits", o->bits, "magnitude bits of the inputs")
      ->check(CLI::Range(1, 16))
      ->capture_default_str();
  command->add_option("--max-code", o->point.max_code, "largest code")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  command
      ->add_option("--pulse-multiplier", o->point.pulse_multiplier,
                   "samples of the least significant bit")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_flag("--json", o->json, "print JSON instead of a table");
  command->callback([o] { o->name.empty() ? list(*o) : show(*o); });
}

}  // namespace mho::cli
