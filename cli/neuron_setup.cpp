#include "cli/neuron_setup.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "circuits/amplifier_file.hpp"
#include "circuits/column_file.hpp"
#include "circuits/mismatched_netlist.hpp"
#include "circuits/mode_table.hpp"
#include "circuits/spice/worker_pool.hpp"
#include "cli/device.hpp"
#include "core/errors.hpp"
#include "core/units.hpp"
#include "validation/conversion_plan.hpp"

namespace mho::cli {
namespace {

using circuits::ReadPoint;

int whole(const std::string& text, const std::string& where, double min, double max) {
  const double v = read_quantity(text, where, "1", min, max);
  if (v != std::floor(v)) throw Error(fmt::format("{} is {}, wants a whole number", where, text));
  return static_cast<int>(v);
}

bool set_point_value(ReadPoint& p, const std::string& key, const std::string& value,
                     const std::string& where) {
  if (key == "v_read")
    p.v_read = read_quantity(value, where, "V", -5.0, 5.0);
  else if (key == "v_trim")
    p.v_trim = read_quantity(value, where, "V", -5.0, 5.0);
  else if (key == "v_decrement")
    p.v_decrement = read_quantity(value, where, "V", 1e-6, 5.0);
  else if (key == "pulse_multiplier")
    p.pulse_multiplier = whole(value, where, 1, 4096);
  else if (key == "max_code")
    p.max_code = whole(value, where, 1, 65535);
  else
    return false;
  return true;
}

void apply_point_options(const SetupOptions& o, ReadPoint& p) {
  const auto set = [&](const char* key, const std::string& value, const char* option) {
    if (!value.empty()) set_point_value(p, key, value, option);
  };
  set("v_read", o.v_read, "--v-read");
  set("v_trim", o.v_trim, "--v-trim");
  set("v_decrement", o.v_decrement, "--v-decrement");
  if (o.pulse_multiplier)
    set("pulse_multiplier", fmt::format("{}", *o.pulse_multiplier), "--pulse-multiplier");
  if (o.max_code) set("max_code", fmt::format("{}", *o.max_code), "--max-code");
}

circuits::ColumnInput chosen_column(const SetupOptions& o, const CommonOptions& common,
                                    const validation::CalibrationSettings& settings,
                                    const circuits::ControlProgram& program) {
  if (!o.input.empty()) return circuits::read_column(o.input);
  validation::PlanOptions plan;
  if (o.rows) plan.min_rows = plan.max_rows = *o.rows;
  const Purpose purpose =
      o.purpose == "calibration" ? Purpose::calibration_plan : Purpose::validation_plan;
  circuits::ColumnInput input = validation::random_column(common.seed.value_or(settings.seed),
                                                          static_cast<std::uint32_t>(o.index),
                                                          purpose, settings.circuit, plan);
  // The trim nulls the charge that falling word lines put on a held line; a driven line has none.
  if (circuits::samples_driven_line(program)) input.point.v_trim = 0.0;
  return input;
}

std::vector<std::string> parameter_names(const circuits::ControlProgram& program) {
  std::vector<std::string> names;
  for (const auto& p : program.parameters) names.push_back(p.name);
  return names;
}

void set_parameter(NeuronPoint& point, const std::string& key, double value) {
  for (auto& [name, old] : point.parameters)
    if (name == key) {
      old = value;
      return;
    }
  point.parameters.emplace_back(key, value);
}

}  // namespace

std::optional<double> any_number(const std::string& text) {
  for (const char* unit : {"1", "V", "s", "F", "ohm"})
    if (const auto value = parse_quantity(text, unit)) return value;
  return std::nullopt;
}

void make_config_optional(CLI::App& command) {
  command.get_option("config")->required(false)->description(
      "job (TOML) whose [calibrate] table counts; without it: defaults");
}

void add_setup_options(CLI::App& command, SetupOptions& o) {
  command
      .add_option("--program", o.program,
                  "control program: a shipped name (mho neuron modes) or a file; without it "
                  "calibrate.program")
      ->type_name("NAME");
  command.add_option("--parameter", o.parameters, "parameter of the program; repeatable")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command
      .add_option(
          "--preset", o.preset,
          "voltage on C_integ in place of a column, for programs with the parameter v_preset")
      ->type_name("V");
  command
      .add_option("--corner", o.corner,
                  "corner of the transistors: tt, ss, ff, sf, fs; without it calibrate.corner")
      ->type_name("NAME");
  command
      .add_option("--temp", o.temperature, "degrees C; without it calibrate.temperature")
      ->check(CLI::Range(-55.0, 175.0));
  command.add_option("--vdd", o.v_dd, "supply of amplifier, switches and latch")->type_name("V");
  command
      .add_option(
          "--amplifier", o.amplifier,
          "file with .subckt ota inp inm out vdd bn bp cn cp in place of the shipped amplifier")
      ->type_name("FILE");
  command.add_option("--lfsr", o.lfsr, "start of the shift register of stochastic programs")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  command
      .add_option("--die", o.die,
                  "die with mismatch, as mho neuron montecarlo numbers them; without it nominal")
      ->check(CLI::Range(0, 1000000))
      ->type_name("N");
  command
      .add_option("--tolerance", o.tolerance, "reltol of ngspice; without it calibrate.tolerance")
      ->check(CLI::Range(1e-7, 1e-3));
  command.add_option("--rows", o.rows, "rows of the random column, even; without it: 16 to 256")
      ->check(CLI::Range(2, 4096))
      ->type_name("N");
  command.add_option("--index", o.index, "number of the random column in its plan")
      ->check(CLI::Range(0, 1 << 30))
      ->capture_default_str();
  command.add_option("--purpose", o.purpose, "plan that the random column is taken from")
      ->check(CLI::IsMember({"calibration", "validation"}))
      ->capture_default_str();
  command
      .add_option("--input", o.input,
                  "column as JSON (circuits/column_file.hpp) instead of a random one")
      ->type_name("FILE");
  command.add_option("--v-read", o.v_read, "amplitude of the row drivers")->type_name("V");
  command.add_option("--v-trim", o.v_trim, "reference of the sampled line minus VREF")
      ->type_name("V");
  command.add_option("--v-decrement", o.v_decrement, "charge decrement level")->type_name("V");
  command
      .add_option("--pulse-multiplier", o.pulse_multiplier, "samples of the least significant bit")
      ->type_name("N");
  command.add_option("--max-code", o.max_code, "decrements after which the conversion ends")
      ->type_name("N");
}

NeuronPoint neuron_point(const SetupOptions& o, const CommonOptions& common) {
  const validation::CalibrationSettings settings = neuron_settings(common);
  NeuronPoint p;
  p.circuit = settings.circuit;
  p.program = o.program.empty() ? neuron_program(settings) : circuits::named_program(o.program);
  p.tolerance = o.tolerance.value_or(settings.tolerance);
  const bool converter = circuits::has_parameter(p.program, "v_preset");
  if (converter && !o.input.empty())
    throw Error(fmt::format(
        "--input: program {} converts its parameter v_preset and reads no column", p.program.name));
  if (!converter && !o.preset.empty())
    throw Error(fmt::format("--preset: program {} has no parameter v_preset", p.program.name));
  if (!converter) {
    p.column = chosen_column(o, common, settings, p.program);
    p.point = p.column->point;
  }
  apply_point_options(o, p.point);
  p.corner = o.corner.empty() ? settings.corner : circuits::corner_of(o.corner);
  p.temperature = o.temperature.value_or(settings.temperature);
  p.lfsr = o.lfsr;
  p.die = o.die;
  p.seed = common.seed.value_or(settings.seed);
  if (!o.amplifier.empty())
    p.amplifier = circuits::amplifier_text(circuits::read_amplifier(o.amplifier));
  if (!o.v_dd.empty()) set_value(p, "vdd", o.v_dd, "--vdd");
  if (!o.preset.empty()) set_parameter(p, "v_preset", read_quantity(o.preset, "--preset", "V", -2.0, 2.0));
  for (const std::string& assignment : o.parameters) {
    const size_t equals = assignment.find('=');
    if (equals == std::string::npos)
      throw Error(fmt::format("--parameter \"{}\" is not KEY=VALUE", assignment));
    const std::string key = assignment.substr(0, equals), value = assignment.substr(equals + 1);
    if (!circuits::has_parameter(p.program, key))
      throw Error(fmt::format(
          "--parameter {}: program {} has no such parameter; it has {}", key, p.program.name,
          p.program.parameters.empty()
              ? "none"
              : fmt::format("{}", fmt::join(parameter_names(p.program), ", "))));
    set_value(p, key, value, "--parameter " + key);
  }
  if (p.column) {
    p.column->point = p.point;
    circuits::check_column(*p.column, p.circuit, o.input.empty() ? "column" : o.input);
  }
  return p;
}

void set_value(NeuronPoint& p, const std::string& key, const std::string& value,
               const std::string& where) {
  if (circuits::has_parameter(p.program, key)) {
    // Parameters named v_… are voltages, the others plain numbers.
    const bool voltage = key.starts_with("v_");
    auto number = parse_quantity(value, "1");
    if (!number && voltage) number = parse_quantity(value, "V");
    if (!number)
      throw Error(fmt::format("{} is \"{}\", wants a {}", where, value, voltage ? "voltage" : "number"));
    return set_parameter(p, key, *number);
  }
  if (set_point_value(p.point, key, value, where)) return;
  if (key == "temp")
    p.temperature = read_quantity(value, where, "1", -55.0, 175.0);
  else if (key == "lfsr")
    p.lfsr = whole(value, where, 1, 65535);
  else if (key == "die")
    p.die = whole(value, where, 0, 1000000);
  else if (key == "corner")
    p.corner = circuits::corner_of(value);
  else {
    const std::string name = key == "vdd" ? "v_dd" : key;
    std::vector<std::string_view> circuit;
    for (const auto& parameter : ParameterTable<circuits::CircuitParams>::table) {
      circuit.push_back(parameter.key);
      if (parameter.key != name) continue;
      p.circuit.*parameter.member =
          read_quantity(value, where, std::string(parameter.unit), parameter.min, parameter.max);
      return;
    }
    throw Error(fmt::format(
        "{}: there is no \"{}\"; parameters of {}: {}; operating point: v_read, v_trim, "
        "v_decrement, pulse_multiplier, max_code; conditions: temp, vdd, corner, "
        "lfsr, die; circuit: {}",
        where, key, p.program.name,
        p.program.parameters.empty()
            ? "none"
            : fmt::format("{}", fmt::join(parameter_names(p.program), ", ")),
        fmt::join(circuit, ", ")));
  }
}

circuits::ConversionSetup setup_of(const NeuronPoint& p) {
  circuits::ConversionSetup setup;
  if (p.column) {
    circuits::ColumnInput column = *p.column;
    column.point = p.point;
    for (const auto& [name, value] : p.parameters)
      if (name == "forward" && value != 1.0)
        throw Error(fmt::format("program {}: forward = {} reads the bit line, which a single column does not have", p.program.name, value));
    setup = circuits::column_setup(p.circuit, p.program, column);
  } else {
    setup = {p.circuit,
             p.program,
             circuits::line_part(p.circuit),
             circuits::program_input(p.circuit, p.point, 1),
             {}};
  }
  setup.input.parameters = p.parameters;
  setup.input.lfsr = static_cast<std::uint32_t>(p.lfsr);
  setup.transistors = circuits::transistors_at(p.corner);
  setup.transistors.amplifier = p.amplifier;
  if (p.die) circuits::apply_mismatch(setup, {}, p.seed, static_cast<std::uint32_t>(*p.die));
  return setup;
}

circuits::ConversionOptions ngspice_of(const NeuronPoint& p) {
  circuits::ConversionOptions options;
  options.tolerance = p.tolerance;
  options.temperature = p.temperature;
  return options;
}

std::string describe(const NeuronPoint& p) {
  std::string text = fmt::format(
      "{}: {}", p.program.name,
      p.column ? fmt::format("{} rows, {} magnitude bits; read {}, ", p.column->conductance.size(),
                             p.column->levels.size(), format_quantity(p.point.v_read, "V"))
               : "converter alone; ");
  text += fmt::format(
      "trim {}, decrement {}, pulse multiplier {}, largest code {}; corner {}, {:g} deg C, supply "
      "{}",
      format_quantity(p.point.v_trim, "V"), format_quantity(p.point.v_decrement, "V"),
      p.point.pulse_multiplier, p.point.max_code, circuits::corner_name(p.corner), p.temperature,
      format_quantity(p.circuit.v_dd, "V"));
  if (p.die) text += fmt::format("; die {} of seed {}", *p.die, p.seed);
  for (const auto& [name, value] : p.parameters) text += fmt::format("; {} = {:g}", name, value);
  return text + "\n";
}

Json point_json(const NeuronPoint& p) {
  Json json{{"program", p.program.name}};
  if (p.column) json["column"] = *p.column;
  json["v_decrement"] = quantity(p.point.v_decrement, "V");
  json["max_code"] = p.point.max_code;
  json["parameters"] = Json::object();
  for (const auto& [name, value] : p.parameters) json["parameters"][name] = value;
  json["corner"] = std::string(circuits::corner_name(p.corner));
  json["temperature"] = quantity(p.temperature, "deg C");
  json["supply"] = quantity(p.circuit.v_dd, "V");
  json["tolerance"] = p.tolerance;
  if (p.die) json["die"] = *p.die;
  return json;
}

WatchedRun run_watched(const circuits::ConversionSetup& setup,
                       const circuits::ConversionOptions& options) {
  const auto task = [&](size_t) {
    spice::Session session;
    circuits::ConversionWaveform w;
    const circuits::ConversionRecord record = circuits::run_conversion(session, setup, options, &w);
    return Json{{"record", record},    {"t", w.t},
                {"out", w.v_out},      {"line", w.v_line},
                {"x", w.v_x},          {"l", w.v_l},
                {"cib", w.v_cib},      {"q", w.v_q},
                {"qb", w.v_qb},        {"sources", w.sources},
                {"corners", w.corners}}
        .dump();
  };
  spice::TaskOutcome outcome;
  spice::run_in_workers(1, {.workers = 1}, task,
                        [&](size_t, spice::TaskOutcome o) { outcome = std::move(o); });
  if (!outcome.ok)
    throw Error(outcome.error,
                outcome.bad_input ? ExitStatus::bad_input : ExitStatus::numerical_failure);
  const Json json = Json::parse(outcome.result);
  WatchedRun run{json.at("record").get<circuits::ConversionRecord>(), {}};
  circuits::ConversionWaveform& w = run.waveform;
  const std::pair<const char*, std::vector<double>*> traces[] = {
      {"t", &w.t},   {"out", &w.v_out}, {"line", &w.v_line}, {"x", &w.v_x},
      {"l", &w.v_l}, {"cib", &w.v_cib}, {"q", &w.v_q},       {"qb", &w.v_qb}};
  for (const auto& [name, trace] : traces) json.at(name).get_to(*trace);
  json.at("sources").get_to(w.sources);
  json.at("corners").get_to(w.corners);
  return run;
}

}  // namespace mho::cli
