#include "cli/device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "circuits/device_spice.hpp"
#include "core/csv.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/units.hpp"

namespace mho::cli {

double read_quantity(const std::string& text, const std::string& name, const std::string& unit, double min, double max) {
  std::optional<double> value = parse_quantity(text, unit);
  if (!value) value = parse_quantity(text, "1");
  if (!value) throw Error(fmt::format("{} is '{}', wants a number with the unit {}", name, text, unit));
  if (!(*value >= min && *value <= max)) throw Error(fmt::format("{} is {} {}, outside {:g} to {:g} {}", name, *value, unit, min, max, unit));
  return *value;
}

CLI::Option* add_quantity(CLI::App& command, const std::string& name, double& value, const std::string& unit, double min, double max, const std::string& help) {
  return command
      .add_option_function<std::string>(name, [&value, name, unit, min, max](const std::string& text) { value = read_quantity(text, name, unit, min, max); }, help)
      ->type_name(unit)
      ->default_str(format_quantity(value, unit));
}

void add_device_options(CLI::App& command, DeviceOptions& o) {
  command.add_option("card", o.card, "name of a shipped card (mho device list) or a card file")->required()->type_name("CARD");
  command.add_option("--param", o.set, "overrides a parameter of the card, e.g. gap_max=\"1.2 nm\"; repeatable")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command.add_option("--out", o.out, "folder for CSV, pictures and JSON")->type_name("DIR");
  command.add_flag("--json", o.json, "print JSON instead of a table");
}

devices::Card load_device(const DeviceOptions& options) {
  const bool is_file = options.card.find('/') != std::string::npos || options.card.ends_with(".toml");
  std::string path = options.card;
  if (!is_file) {
    std::string known;
    bool found = false;
    for (const std::string& p : devices::card_files(data_path("devices/params"))) {
      const std::string name = std::filesystem::path(p).stem().string();
      known += (known.empty() ? "" : ", ") + name;
      if (name == options.card) {
        path = p;
        found = true;
      }
    }
    if (!found) throw Error(fmt::format("no card is called {}; there are {}", options.card, known));
  }
  TomlFile file(path);
  for (const std::string& assignment : options.set) file.set("parameters." + assignment);
  devices::Card card = devices::read_card(file);
  file.finish();
  return card;
}

void add_load_options(CLI::App& command, LoadOptions& o) {
  add_quantity(command, "--r-series", o.r_series, "ohm", 0.0, 1e12, "series resistance");
  add_quantity(command, "--compliance", o.compliance, "A", 0.0, 1e3, "largest current of the SET polarity; 0: none");
  add_quantity(command, "--wl", o.v_wl, "V", 0.0, 20.0, "1T1R: word line; 0: no transistor");
  add_quantity(command, "--wl-reset", o.v_wl_reset, "V", 0.0, 20.0, "1T1R: word line during RESET")->default_str("that of --wl");
  command.add_option("--transistor", o.transistor, "level1: of the card; n50: the 5 V transistor, in ngspice its BSIM4 card or that of PDK_ROOT/PDK, in the ODE its compact form")
      ->check(CLI::IsMember({"level1", "n50"}))
      ->capture_default_str();
  command.add_option("--start", o.start, "low, high, or the states by name, e.g. gap=1.2 nm")->type_name("STATE")->capture_default_str();
  command.add_option("--engine", o.engine, "ode, ngspice or both")->check(CLI::IsMember({"ode", "ngspice", "both"}))->capture_default_str();
  command.add_option("--method", o.method, "step of the ODE engine")->check(CLI::IsMember({"rosenbrock", "dormand_prince"}))->capture_default_str();
}

devices::Load load_of(const LoadOptions& o, const devices::Card& card) {
  devices::Load load;
  load.r_series = o.r_series;
  if (o.compliance > 0.0) load.compliance = o.compliance;
  if (o.v_wl > 0.0) {
    if (o.transistor == "n50") load.transistor = devices::load_thick_transistor(data_path("devices/params/transistor_n50.toml"));
    else load.transistor = card.transistor;
    load.v_wl_set = o.v_wl;
    load.v_wl_reset = o.v_wl_reset >= 0.0 ? o.v_wl_reset : o.v_wl;
  }
  devices::check(load);
  return load;
}

devices::State start_of(const LoadOptions& o, const devices::AnyMemristor& model) {
  if (o.start == "low") return devices::low_state(model);
  if (o.start == "high") return devices::high_state(model);
  const auto info = devices::state_info(model);
  devices::State observed = devices::observe(model, devices::low_state(model));
  std::string names;
  for (const auto& s : info) names += (names.empty() ? "" : ", ") + std::string(s.name);
  for (size_t at = 0; at < o.start.size();) {
    const size_t end = std::min(o.start.find(',', at), o.start.size());
    const std::string part = o.start.substr(at, end - at);
    at = end + 1;
    const size_t equals = part.find('=');
    const std::string name = part.substr(0, equals);
    const auto state = std::find_if(info.begin(), info.end(), [&](const auto& s) { return s.name == name; });
    if (equals == std::string::npos || state == info.end()) throw Error(fmt::format("--start is '{}', wants low, high or NAME=VALUE with NAME one of {}", o.start, names));
    const auto k = static_cast<Eigen::Index>(state - info.begin());
    const double a = devices::observe(model, devices::lower(model))[k], b = devices::observe(model, devices::upper(model))[k];
    observed[k] = read_quantity(part.substr(equals + 1), "--start " + name, std::string(state->unit), std::min(a, b), std::max(a, b));
  }
  return devices::from_observed(model, observed);
}

std::vector<std::string> engines_of(const LoadOptions& o) {
  if (o.engine == "both") return {"ode", "ngspice"};
  return {o.engine};
}

devices::TransientResult run_engine(const std::string& engine, const LoadOptions& options, const devices::AnyMemristor& model, const devices::Load& load, const devices::Drive& drive,
                                    const devices::State& start, double max_dv) {
  if (engine == "ngspice") {
    static spice::Session session;
    circuits::SpiceDeviceOptions o;
    o.max_dv = max_dv;
    circuits::SpiceRun run = circuits::run_device(session, model, load, drive, start, o);
    if (!run) throw NumericalError(fmt::format("ngspice stopped at {:.4g} s of {:.4g} s: {}", run.t_reached, drive.end(), run.reason));
    devices::TransientResult result;
    result.trace = std::move(run.trace);
    result.state = run.state;
    result.energy = run.energy;
    result.charge = run.charge;
    result.t_reached = run.t_reached;
    result.steps = static_cast<long>(run.steps);
    // ngspice does not tell which limits were at work: the model's own functions do, along its points.
    for (size_t i = 0; i < result.trace.size(); ++i)
      result.limits |= devices::evaluate(model, result.trace.v[i], devices::from_observed(model, result.trace.state[i])).limits;
    return result;
  }
  devices::TransientOptions o;
  o.max_dv = max_dv;
  o.method = options.method == "rosenbrock" ? devices::Method::rosenbrock : devices::Method::dormand_prince;
  devices::TransientResult result = devices::run_transient(model, load, drive, start, o);
  if (!result) throw NumericalError("the ODE engine did not finish: " + result.brief());
  return result;
}

void write_trace(const std::string& path, const devices::AnyMemristor& model, const devices::DeviceTrace& trace) {
  const auto info = devices::state_info(model);
  CsvTable table{{"t[s]", "drive[V]", "v[V]", "i[A]", "temperature[K]"}, {}};
  for (const auto& s : info) table.header.push_back(fmt::format("{}[{}]", s.name, s.unit));
  for (size_t i = 0; i < trace.size(); ++i) {
    std::vector<double> row{trace.t[i], trace.drive[i], trace.v[i], trace.current[i], trace.temperature[i]};
    for (size_t k = 0; k < info.size(); ++k) row.push_back(trace.state[i][static_cast<Eigen::Index>(k)]);
    table.add(std::move(row));
  }
  table.write(path);
}

void deliver(const DeviceOptions& options, const std::string& name, const Json& json, const std::string& text) {
  if (!options.out.empty()) write_json_file(fmt::format("{}/{}.json", options.out, name), json);
  fmt::print("{}", options.json ? json.dump(1) + "\n" : text);
}

}  // namespace mho::cli
