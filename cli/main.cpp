// mho: the command line. One file per sub-command; errors end here, once, as one line and an exit status (core/errors.hpp).
#include <fmt/format.h>

#include "cli/commands.hpp"
#include "core/errors.hpp"
#include "core/progress.hpp"

namespace {

int fail(const std::string& message, mho::ExitStatus status) {
  std::string line = message;
  for (char& c : line)
    if (c == '\n') c = ' ';
  fmt::print(stderr, "mho: {}\n", line);
  return static_cast<int>(status);
}

void add_commands(CLI::App& app) {
  using namespace mho::cli;
  app.require_subcommand(1);
  add_run(app);
  add_calibrate(app);
  CLI::App* chip = app.add_subcommand("chip", "programming, inference and energy on the chip")->require_subcommand(1);
  add_chip_map(*chip);
  add_chip_program(*chip);
  add_chip_infer(*chip);
  add_chip_energy(*chip);
  add_chip_ablate(*chip);
  CLI::App* bench = app.add_subcommand("bench", "one core beside measured figures")->require_subcommand(1);
  add_bench_energy(*bench);
  CLI::App* validate = app.add_subcommand("validate", "one rung held against another; status 4 when a threshold is missed")->require_subcommand(1);
  add_validate_neuron(*validate);
  add_validate_calibration(*validate);
  add_validate_fastpath(*validate);
  add_validate_array(*validate);
  add_validate_devices(*validate);
  add_validate_modes(*validate);
  add_validate_solver(*validate);
  add_validate_spice(*validate);
  CLI::App* neuron = app.add_subcommand("neuron", "the neuron at transistor level and as the behavioural model")->require_subcommand(1);
  add_neuron_simulate(*neuron);
  add_neuron_levels(*neuron);
  add_neuron_check(*neuron);
  add_neuron_modes(*neuron);
  add_neuron_export(*neuron);
  add_neuron_sweep(*neuron);
  add_neuron_montecarlo(*neuron);
  add_neuron_energy(*neuron);
  CLI::App* device = app.add_subcommand("device", "one RRAM device or a population of them")->require_subcommand(1);
  add_device_list(*device);
  add_device_show(*device);
  add_device_iv(*device);
  add_device_pulse(*device);
  add_device_program(*device);
  add_device_relax(*device);
  add_device_export(*device);
  add_device_fit(*device);
  CLI::App* card = app.add_subcommand("card", "the transistor models of the circuits, fitted to and held against currents")->require_subcommand(1);
  add_card_fit(*card);
  add_card_judge(*card);
  add_config(app);
  add_train(app);
  add_version(app);
}

}  // namespace

int main(int argc, char** argv) {
  mho::install_interrupt_handler();
  CLI::App app("RRAM compute-in-memory from device physics to the energy of a whole chip.", "mho");
  try {
    add_commands(app);
    app.parse(argc, argv);
    return static_cast<int>(mho::ExitStatus::success);
  } catch (const CLI::CallForHelp& e) {
    return app.exit(e);
  } catch (const CLI::CallForAllHelp& e) {
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    return fail(fmt::format("{} (mho --help lists the commands, mho COMMAND --help their options)", e.what()), mho::ExitStatus::bad_input);
  } catch (const mho::Error& e) {
    return fail(e.what(), e.status());
  } catch (const std::exception& e) {
    return fail(fmt::format("internal error: {}", e.what()), mho::ExitStatus::bug);
  }
}
