// mho chip energy: energy and latency per image and layer from the events of inference.
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/job/tables.hpp"

namespace mho::cli {

void add_chip_energy(CLI::App& chip) {
  add_inferring_command(chip, "energy", "energy and latency per image and layer, by component", [](const CommonOptions& options) {
    job::Job job = options.start();
    job.check_inputs();
    const chip::Estimate& estimate = job.estimate();
    if (!options.out.empty()) {
      write_text_file(options.out + "/energy.csv", chip::energy_csv(estimate));
      write_text_file(options.out + "/events.csv", chip::events_csv(estimate));
    }
    deliver(options, "energy", job::with_units(chip::to_json(estimate)), chip::estimate_table(estimate) + job::times_table(job));
  });
}

}  // namespace mho::cli
