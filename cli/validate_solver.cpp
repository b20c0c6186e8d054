// mho validate solver: the forms of a core's array against each other and against independent solutions.
#include <memory>

#include "cli/commands.hpp"
#include "cli/validation_parts.hpp"
#include "core/parallel.hpp"
#include "validation/core_forms.hpp"
#include "validation/corelets.hpp"
#include "validation/mode_forms.hpp"
#include "validation/silicon.hpp"
#include "validation/solver_forms.hpp"

namespace mho::cli {
namespace {

struct ValidateOptions {
  PartOptions parts;
  validation::SolverFormSettings settings;
  validation::SiliconSettings silicon;
  validation::CoreletSettings corelets;
  validation::ModeSettings modes;
  int threads = 0;
  bool no_cache = false;
};

}  // namespace

void add_validate_solver(CLI::App& parent) {
  const auto o = std::make_shared<ValidateOptions>();
  CLI::App* command = parent.add_subcommand("solver", "forms of a core's array: the linear map with wires, bent cells, read noise; error and speed");
  command->add_option("--only", o->parts.only, "parts to run, separated by commas")->delimiter(',')->type_name("PART");
  command->add_option("--inputs", o->settings.inputs, "of the comparisons")->check(CLI::Range(2, 100000))->capture_default_str();
  command->add_option("--draws", o->settings.draws, "of the read noise, cell by cell")->check(CLI::Range(100, 10000000))->capture_default_str();
  command->add_option("--data", o->silicon.data, "folder with weights.csv and measured.csv of a layer on the chip; the part silicon is skipped without it")->type_name("DIR");
  command->add_option("--dies", o->silicon.dies, "of the part silicon")->check(CLI::Range(2, 100000))->capture_default_str();
  command->add_option("--tolerance", o->silicon.tolerance, "reltol of ngspice in the part silicon")->check(CLI::Range(1e-7, 1e-3))->capture_default_str();
  command->add_option("--modes-tolerance", o->modes.tolerance, "reltol of ngspice in the part modes")->check(CLI::Range(1e-7, 1e-3))->capture_default_str();
  command->add_option("--threads", o->threads, "of the parts corelets, modes and silicon, 0: all processors; results do not depend on it")->check(CLI::Range(0, 1024))->capture_default_str();
  command->add_flag("--no-cache", o->no_cache, "run ngspice anew and keep nothing");
  command->add_option("--seed", o->settings.seed, "of every random number")->capture_default_str();
  command->add_option("--out", o->parts.out, "folder for validate_solver.json")->type_name("DIR");
  command->add_flag("--json", o->parts.json, "print JSON instead of tables");
  command->callback([o] {
    const validation::SolverFormSettings& s = o->settings;
    o->silicon.seed = s.seed;
    o->silicon.threads = o->threads > 0 ? o->threads : default_threads();
    o->silicon.cache = o->modes.cache = o->corelets.cache = Cache({}, !o->no_cache);
    o->corelets.seed = o->modes.seed = s.seed;
    o->corelets.workers = o->modes.workers = o->silicon.threads;
    run_parts("solver",
              {
                  {"map", "wires and drivers of 256 by 256 cells as one linear map", [&s] { return validation::validate_array_map(s); }},
                  {"combined", "bent cells and all wires, every cell at its own voltage", [&s] { return validation::validate_combined(s); }},
                  {"ode", "every node in time against settled lines and the vectorised form; time, transistors, coupling, supply", [&s] { return validation::validate_ode_form(s); }},
                  {"vectorised", "the same in a few products of whole numbers: error, codes, time", [&s] { return validation::validate_vectorised(s); }},
                  {"scaling", "its time against rows, columns, batch, bits and threads", [&s] { return validation::validate_scaling(s); }},
                  {"noise", "mean and variance of read noise against cells drawn one by one", [&s] { return validation::validate_read_noise_form(s); }},
                  {"corelets", "16 by 16 cells in ngspice, everything deterministic on, beside array in time and calibrated neuron", [o] { return validation::validate_corelets(o->corelets); }},
                  {"modes", "every mode of the neuron in ODE and fast form against ngspice", [o] { return validation::validate_mode_forms(o->modes); }},
                  {"silicon", "columns of a measured layer beside programming, relaxation and mismatch", [o] { return validation::validate_silicon(o->silicon); }},
              },
              o->parts);
  });
}

}  // namespace mho::cli
