// mho validate modes: every feedback mode of the neuron at transistor level against what it should compute.
#include <memory>

#include "cli/commands.hpp"
#include "cli/validation_parts.hpp"
#include "core/parallel.hpp"
#include "validation/modes.hpp"

namespace mho::cli {
namespace {

struct ValidateOptions {
  PartOptions parts;
  validation::ModeSettings modes;
  std::vector<std::string> corners;
  int threads = 0;
  bool no_cache = false;
};

void validate(ValidateOptions& o) {
  o.modes.workers = o.threads > 0 ? o.threads : default_threads();
  o.modes.cache = Cache({}, !o.no_cache);
  if (!o.corners.empty()) {
    o.modes.corners.clear();
    for (const std::string& name : o.corners) o.modes.corners.push_back(circuits::corner_of(name));
  }
  const validation::ModeSettings& m = o.modes;
  run_parts("modes",
            {
                {"latch", "the decision: regeneration and metastability window", [&m] { return validation::validate_latch(m); }},
                {"integrate", "integrated voltage, driven and held lines", [&m] { return validation::validate_integrate(m); }},
                {"converters", "unary and binary charge-decrement converter over 127 codes of each sign", [&m] { return validation::validate_converters(m); }},
                {"functions", "ReLU, tanh and sigmoid by counting", [&m] { return validation::validate_functions(m); }},
                {"stochastic", "probability of the stochastic neuron", [&m] { return validation::validate_stochastic(m); }},
                {"spiking", "integrate-and-fire: rate over input", [&m] { return validation::validate_spiking(m); }},
                {"mismatch", "gain and offset over dies, with 95 % intervals", [&m] { return validation::validate_mismatch(m); }},
                {"corners", "both converters at 45 corners of process, temperature and supply", [&m] { return validation::validate_corners(m); }},
                {"directions", "backward and recurrent products", [&m] { return validation::validate_directions(m); }},
                {"energy", "fJ/op of a full column by phase and component, baseline and low energy", [&m] { return validation::validate_energy(m); }},
            },
            o.parts);
}

}  // namespace

void add_validate_modes(CLI::App& parent) {
  const auto o = std::make_shared<ValidateOptions>();
  CLI::App* command = parent.add_subcommand("modes", "feedback modes of the neuron at transistor level");
  command->add_option("--only", o->parts.only, "parts to run, separated by commas")->delimiter(',')->type_name("PART");
  command->add_option("--tolerance", o->modes.tolerance, "reltol of ngspice")->check(CLI::Range(1e-7, 1e-3))->capture_default_str();
  command->add_option("--samples", o->modes.samples, "of the stochastic neuron at each level")->check(CLI::Range(10, 1000000))->capture_default_str();
  command->add_option("--dies", o->modes.dies, "of the mismatch, each with and without CDS")->check(CLI::Range(3, 100000))->capture_default_str();
  command->add_option("--corners", o->corners, "of the part corners: tt,ss,ff,sf,fs; without it all")->delimiter(',')->type_name("LIST");
  command->add_option("--vectors", o->modes.vectors, "of the energy")->check(CLI::Range(2, 100000))->capture_default_str();
  command->add_option("--energy-tolerance", o->modes.energy_tolerance, "reltol of ngspice for the energy's full columns")->check(CLI::Range(1e-7, 1e-3))->capture_default_str();
  command->add_option("--seed", o->modes.seed, "of every random number")->capture_default_str();
  command->add_option("--threads", o->threads, "0: all processors; results do not depend on it")->check(CLI::Range(0, 1024))->capture_default_str();
  command->add_option("--out", o->parts.out, "folder for validate_modes.json")->type_name("DIR");
  command->add_flag("--no-cache", o->no_cache, "run ngspice anew and keep nothing");
  command->add_flag("--json", o->parts.json, "print JSON instead of tables");
  command->callback([o] { validate(*o); });
}

}  // namespace mho::cli
