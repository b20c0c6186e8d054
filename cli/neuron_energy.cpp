// mho neuron energy: where the energy of a conversion goes, by phase and component, and what could
// be saved.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

#include "circuits/energy_table.hpp"
#include "circuits/mode_table.hpp"
#include "cli/commands.hpp"
#include "cli/neuron_setup.hpp"
#include "core/csv.hpp"
#include "core/errors.hpp"
#include "core/units.hpp"
#include "report/neuron_figures.hpp"
#include "solver/energy_model.hpp"
#include "validation/conversion_runs.hpp"

namespace mho::cli {
namespace {

using circuits::EnergyTable;

struct EnergyOptions {
  SetupOptions setup;
  int columns = 1;
};

enum : size_t { array_part = 0, word_line, amplifier, switches, comparator, bias };

struct Measured {
  NeuronPoint point;  // of the first column
  EnergyTable table;
  std::array<double, circuits::component_count> rest{};  // [W]
};

std::vector<circuits::ConversionRecord> run_all(
    const std::vector<circuits::ConversionSetup>& setups, const NeuronPoint& point,
    const CommonOptions& common, const std::string& title) {
  validation::RunSettings run;
  run.ngspice = ngspice_of(point);
  run.workers = common.threads.value_or(0);
  run.title = title;
  validation::ConversionRuns runs =
      validation::run_conversions(setups, run, Cache({}, !common.no_cache));
  if (!runs.failures.empty())
    throw NumericalError(fmt::format("{}: {} of {} runs failed, the first: {}", title,
                                     runs.failures.size(), setups.size(), runs.failures.front()));
  std::vector<circuits::ConversionRecord> records;
  for (auto& r : runs.records) records.push_back(std::move(*r));
  return records;
}

Measured measure(const EnergyOptions& o, const CommonOptions& common) {
  Measured m;
  std::vector<circuits::ConversionSetup> setups;
  for (int i = 0; i < o.columns; ++i) {
    SetupOptions options = o.setup;
    options.index += i;
    NeuronPoint point = neuron_point(options, common);
    setups.push_back(setup_of(point));
    if (i == 0) m.point = std::move(point);
  }
  const auto records = run_all(setups, m.point, common, m.point.program.name);
  // The same circuit at rest.
  NeuronPoint rest = m.point;
  rest.program = circuits::named_program("hold");
  rest.parameters.clear();
  m.rest = circuits::rest_power(rest.program,
                                run_all({setup_of(rest)}, rest, common, "at rest").front());
  m.table = circuits::energy_table(m.point.program, records, m.rest);
  return m;
}

// The same columns by another way of counting, when the program has a sister that does.
std::string sister(const std::string& program) {
  const auto swap = [&](const std::string& from, const std::string& to) {
    std::string name = program;
    const size_t at = name.rfind(from);
    if (at != std::string::npos) name.replace(at, from.size(), to);
    return name;
  };
  const std::string other = program.find("_unary") != std::string::npos ? swap("_unary", "_binary")
                                                                        : swap("_binary", "_unary");
  const auto shipped = circuits::shipped_programs();
  return other != program && std::find(shipped.begin(), shipped.end(), other) != shipped.end()
             ? other
             : "";
}

// Whether a program takes this operating point (its key `require`).
bool takes(const std::string& program, const NeuronPoint& p) {
  try {
    circuits::ControlState(circuits::named_program(program), circuits::program_input(p.circuit, p.point, 1));
    return true;
  } catch (const Error&) {
    return false;
  }
}

struct Lever {
  std::string what;
  double saves;  // [J] per conversion
};

std::vector<Lever> levers(const EnergyOptions& o, const CommonOptions& common, const Measured& m) {
  const EnergyTable& t = m.table;
  std::vector<Lever> all;
  // The amplifier draws its current as long as a phase lasts; in those that decide it is the
  // comparator.
  for (const auto& p : t.phases) {
    const double at_rest = p.at_rest[amplifier] + (p.decides ? p.at_rest[comparator] : 0.0);
    all.push_back(
        {fmt::format("phase {} a tenth shorter: the amplifier's current x {} x {:.4g} runs",
                     p.phase, format_quantity(0.1 * p.time / p.count, "s", 3), p.count),
         0.1 * at_rest});
  }
  std::sort(all.begin(), all.end(),
            [](const Lever& a, const Lever& b) { return a.saves > b.saves; });
  if (all.size() > 3) all.resize(3);
  const double swing = m.point.circuit.wl_high - m.point.circuit.wl_low;
  if (t.joule[word_line] > 0.0)
    all.push_back(
        {fmt::format("word line swing {} in place of {}: energy with its square, (1 - 0.81) of it",
                     format_quantity(0.9 * swing, "V", 3), format_quantity(swing, "V", 3)),
         0.19 * t.joule[word_line]});
  if (t.joule[array_part] > 0.0 && m.point.column)
    all.push_back({fmt::format("read voltage {} in place of {}: array energy with its square",
                               format_quantity(0.9 * m.point.point.v_read, "V", 3),
                               format_quantity(m.point.point.v_read, "V", 3)),
                   0.19 * t.joule[array_part]});
  all.push_back({fmt::format("bias generator shared by {} neurons in place of {}",
                             2 * circuits::neurons_per_bias, circuits::neurons_per_bias),
                 0.5 * t.bias});
  const std::string other = sister(m.point.program.name);
  if (!other.empty() && takes(other, m.point)) {
    EnergyOptions changed = o;
    changed.setup.program = other;
    std::erase_if(changed.setup.parameters, [&](const std::string& p) {
      return !circuits::has_parameter(circuits::named_program(other), p.substr(0, p.find('=')));
    });
    const Measured alternative = measure(changed, common);
    all.push_back(
        {fmt::format("{} in place of {}: {} in place of {} (measured)", other, m.point.program.name,
                     format_quantity(alternative.table.duration, "s"),
                     format_quantity(t.duration, "s")),
         t.total - alternative.table.total});
  }
  return all;
}

std::string table(const EnergyOptions& o, const Measured& m, const std::vector<Lever>& saved) {
  const EnergyTable& t = m.table;
  std::string text = describe(m.point);
  if (o.columns > 1 && m.point.column)
    text += fmt::format("mean of {} random columns from number {} on\n", o.columns, o.setup.index);
  text += fmt::format("\n{:<22}{:>8}{:>11}", "energy [fJ]", "runs", "time [ns]");
  for (const auto& name : solver::component_names) text += fmt::format("{:>13}", name);
  text += fmt::format("{:>13}{:>10}\n", "total", "share");
  const auto row = [&](const std::string& name, const std::string& runs, double time,
                       const std::array<double, circuits::component_count>& joule) {
    double sum = 0.0;
    text += fmt::format("{:<22}{:>8}{:>11.1f}", name, runs, 1e9 * time);
    for (const double j : joule) {
      text += fmt::format("{:>13.2f}", 1e15 * j);
      sum += j;
    }
    text += fmt::format("{:>13.2f}{:>8.1f} %\n", 1e15 * sum, 1e2 * sum / t.total);
  };
  for (const auto& p : t.phases) row(p.phase, fmt::format("{:.4g}", p.count), p.time, p.joule);
  row("all", "", t.duration, t.joule);
  text += fmt::format(
      "\nstatic  {:>12.2f} fJ {:>6.1f} %   what a neuron at rest draws (program hold: {} in the "
      "amplifier's supply, {} altogether without bias) x time\n",
      1e15 * t.statics, 1e2 * t.statics / t.total, format_quantity(m.rest[amplifier], "W"),
      format_quantity(m.rest[0] + m.rest[1] + m.rest[2] + m.rest[3] + m.rest[4], "W"));
  text += fmt::format(
      "dynamic {:>12.2f} fJ {:>6.1f} %   the rest: what switching, settling and the driven array "
      "take\n",
      1e15 * t.dynamics, 1e2 * t.dynamics / t.total);
  text += fmt::format("bias    {:>12.2f} fJ {:>6.1f} %   a generator for {} neurons\n",
                      1e15 * t.bias, 1e2 * t.bias / t.total, circuits::neurons_per_bias);
  text += "\nlevers, computed from this table, one at a time; accuracy is not looked at\n";
  for (const Lever& l : saved)
    text += fmt::format("{:>10.2f} fJ {:>7.1f} %   {}\n", 1e15 * l.saves, 1e2 * l.saves / t.total,
                        l.what);
  return text;
}

Json energy_json(const Measured& m, const std::vector<Lever>& saved) {
  const EnergyTable& t = m.table;
  Json json = point_json(m.point);
  json["phases"] = Json::array();
  const auto by_component = [](const std::array<double, circuits::component_count>& joule) {
    Json parts;
    for (size_t c = 0; c < joule.size(); ++c)
      parts[std::string(solver::component_names[c])] = quantity(joule[c], "J");
    return parts;
  };
  for (const auto& p : t.phases)
    json["phases"].push_back(Json{{"phase", p.phase},
                                  {"runs", p.count},
                                  {"time", quantity(p.time, "s")},
                                  {"energy", by_component(p.joule)},
                                  {"static", by_component(p.at_rest)}});
  json["energy"] = by_component(t.joule);
  json["total"] = quantity(t.total, "J");
  json["static"] = quantity(t.statics, "J");
  json["dynamic"] = quantity(t.dynamics, "J");
  json["bias"] = quantity(t.bias, "J");
  json["duration"] = quantity(t.duration, "s");
  json["levers"] = Json::array();
  for (const Lever& l : saved)
    json["levers"].push_back(Json{{"what", l.what}, {"saves", quantity(l.saves, "J")}});
  return json;
}

void write_files(const std::string& out, const EnergyTable& t) {
  std::vector<std::string> names,
      components(solver::component_names.begin(), solver::component_names.end());
  std::vector<std::vector<double>> joule;
  CsvTable csv{{"phase[number]", "runs[1]", "time[s]"}, {}};
  for (const std::string& c : components) csv.header.push_back(c + "[J]");
  for (size_t p = 0; p < t.phases.size(); ++p) {
    const auto& phase = t.phases[p];
    names.push_back(phase.phase);
    joule.emplace_back(phase.joule.begin(), phase.joule.end());
    std::vector<double> row{static_cast<double>(p), phase.count, phase.time};
    row.insert(row.end(), phase.joule.begin(), phase.joule.end());
    csv.add(row);
  }
  csv.write(out + "/neuron_energy.csv");
  report::write_pictures(out + "/energy", report::phase_energy_picture(names, components, joule));
}

void energy(const CommonOptions& common, const EnergyOptions& o) {
  if (o.columns > 1 && !o.setup.input.empty())
    throw Error("--columns draws random columns; with --input there is one");
  const Measured m = measure(o, common);
  if (!common.out.empty()) make_output_folder(common.out);
  const std::vector<Lever> saved = levers(o, common, m);
  deliver(common, "neuron_energy", energy_json(m, saved), table(o, m, saved));
  if (!common.out.empty()) write_files(common.out, m.table);
}

}  // namespace

void add_neuron_energy(CLI::App& neuron) {
  const auto o = std::make_shared<EnergyOptions>();
  CLI::App* command = add_command(neuron, "energy",
                                  "energy of a conversion by phase and component, static and "
                                  "dynamic, and what would save how much",
                                  [o](const CommonOptions& common) { energy(common, *o); });
  make_config_optional(*command);
  add_setup_options(*command, o->setup);
  command->add_option("--columns", o->columns, "random columns that the mean is taken of")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
}

}  // namespace mho::cli
