// mho validate devices: RRAM models, both engines, programming and what follows it, held against references and measurements.
#include <fmt/format.h>

#include <memory>

#include "cli/commands.hpp"
#include "cli/device.hpp"
#include "cli/validation_parts.hpp"
#include "core/cache.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "validation/devices_acceptance.hpp"
#include "validation/devices_engines.hpp"
#include "validation/devices_leaks.hpp"
#include "validation/devices_noise.hpp"
#include "validation/devices_programming.hpp"
#include "validation/devices_pulse_curves.hpp"
#include "validation/devices_relaxation.hpp"
#include "validation/devices_speed.hpp"
#include "validation/devices_transistor.hpp"

namespace mho::cli {
namespace {

struct ValidateOptions {
  std::string data, out, acceptance;
  std::vector<std::string> only;
  std::uint64_t seed = 1;
  int threads = 0, cells = 1000, runs = 10000;
  double chip_cells = 3.1e6;
  bool json = false, no_cache = false;
};

validation::NamedEngine ngspice_engine() {
  return {"ngspice", [](const devices::AnyMemristor& model, const devices::Load& load, const devices::Drive& drive, const devices::State& start, double max_dv) {
            return run_engine("ngspice", LoadOptions{}, model, load, drive, start, max_dv);
          }};
}

std::vector<ValidationPart> parts(const ValidateOptions& o, int threads) {
  const std::string acceptance = o.acceptance.empty() ? data_path("validation/data/device_acceptance.csv") : o.acceptance;
  // Parts that fork for ngspice come before those that start threads or an ngspice in this process.
  return {
      {"engines", "every card and stimulus, ODE against ngspice", [&o, threads] { 
         validation::EngineSettings settings;
         settings.seed = o.seed;
         settings.workers = threads;
         return validation::validate_engines(settings, Cache({}, !o.no_cache));
       }},
      {"transistor", "compact form of the thick-oxide transistor against its card", [&o] { return validation::validate_transistor(o.seed); }},
      {"acceptance", "published cards under stated sweeps, both engines", [acceptance] { return validation::validate_acceptance(acceptance, {validation::ode_engine(), ngspice_engine()}); }},
      {"leaks", "memory of many ngspice runs in one process", [&o] { return validation::validate_leaks(o.runs); }},
      {"speed", "the same pulses in ngspice and by the array's integrator", [&o] { return validation::validate_pulse_speed(50, o.seed); }},
      {"relaxation", "measured relaxation, fitted on one half of the cells and judged on the other", [&o, threads] { return validation::validate_relaxation(o.data, o.seed, threads); }},
      {"pulse_curves", "measured 1T1R pulse curves, held-out points", [&o, threads] { return validation::validate_pulse_curves(o.data, o.seed, threads); }},
      {"read_noise", "spectra of measured cells beside the model's", [&o, threads] { return validation::validate_read_noise(o.data, o.seed, threads); }},
      {"write_verify", "success and pulses by target", [&o, threads] { return validation::validate_write_verify(o.seed, o.cells, threads); }},
      {"whole_chip", "all cells of a chip within a time", [&o, threads] { return validation::validate_whole_chip(o.seed, static_cast<std::size_t>(o.chip_cells), threads); }},
  };
}

void validate(const ValidateOptions& o) {
  run_parts("devices", parts(o, o.threads > 0 ? o.threads : default_threads()), {o.only, o.out, o.json});
}

}  // namespace

void add_validate_devices(CLI::App& parent) {
  const auto o = std::make_shared<ValidateOptions>();
  CLI::App* command = parent.add_subcommand("devices", "RRAM models, both engines, variability and programming against references");
  command->add_option("--data", o->data, "folder with relaxation/ and derived/ of measured RRAM data; parts that need it are skipped without it")->type_name("DIR");
  command->add_option("--acceptance", o->acceptance, "acceptance lines (CSV); without it: the shipped ones")->type_name("FILE");
  command->add_option("--only", o->only, "parts to run, separated by commas")->delimiter(',')->type_name("PART");
  command->add_option("--cells", o->cells, "cells of each write-verify target")->check(CLI::Range(20, 10000000))->capture_default_str();
  command->add_option("--chip-cells", o->chip_cells, "cells of the whole chip")->check(CLI::Range(1000.0, 1e8))->capture_default_str();
  command->add_option("--runs", o->runs, "ngspice runs of the leak test")->check(CLI::Range(10, 10000000))->capture_default_str();
  command->add_option("--seed", o->seed, "of every random number")->capture_default_str();
  command->add_option("--threads", o->threads, "0: all processors; results do not depend on it")->check(CLI::Range(0, 1024))->capture_default_str();
  command->add_option("--out", o->out, "folder for validate_devices.json")->type_name("DIR");
  command->add_flag("--no-cache", o->no_cache, "run ngspice anew and keep nothing");
  command->add_flag("--json", o->json, "print JSON instead of tables");
  command->callback([o] { validate(*o); });
}

}  // namespace mho::cli
