// What the `mho device` commands share: a card with overrides, a load, a start state, an engine, and quantities with units.
#pragma once
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/json_file.hpp"
#include "devices/card.hpp"
#include "devices/transient.hpp"

namespace mho::cli {

// An option that takes "1.5 V" or a bare number in the SI unit `unit`, within [min, max].
CLI::Option* add_quantity(CLI::App& command, const std::string& name, double& value, const std::string& unit, double min, double max, const std::string& help);
// "2.4 V" or "2.4" -> 2.4. Throws Error naming `name` and the range.
double read_quantity(const std::string& text, const std::string& name, const std::string& unit, double min, double max);

struct DeviceOptions {
  std::string card;                   // name in devices/params or path of a TOML
  std::vector<std::string> set;       // key=value of [parameters]
  std::string out;                    // folder, empty: nothing is written
  bool json = false;
};
// Options CARD, --param, --out, --json.
void add_device_options(CLI::App& command, DeviceOptions& options);
// The card with its overrides applied and checked. Throws ConfigError, IoError, Error.
devices::Card load_device(const DeviceOptions& options);

struct LoadOptions {
  double r_series = 0.0, compliance = 0.0, v_wl = 0.0, v_wl_reset = -1.0;
  std::string start = "low";  // low, high, or name=value,…
  std::string engine = "ode", method = "rosenbrock", transistor = "level1";
};
void add_load_options(CLI::App& command, LoadOptions& options);
devices::Load load_of(const LoadOptions& options, const devices::Card& card);
devices::State start_of(const LoadOptions& options, const devices::AnyMemristor& model);

// One run by the chosen engine ("ode", "ngspice"). Throws NumericalError when it does not finish.
devices::TransientResult run_engine(const std::string& engine, const LoadOptions& options, const devices::AnyMemristor& model, const devices::Load& load, const devices::Drive& drive,
                                    const devices::State& start, double max_dv);
// Names of the engines asked for: "both" is two.
std::vector<std::string> engines_of(const LoadOptions& options);

// Trace as CSV: t[s], drive[V], v[V], i[A], temperature[K], the states with their units.
void write_trace(const std::string& path, const devices::AnyMemristor& model, const devices::DeviceTrace& trace);

// Writes `json` to OUT/name.json if --out is given; prints it, or the text.
void deliver(const DeviceOptions& options, const std::string& name, const Json& json, const std::string& text);

}  // namespace mho::cli
