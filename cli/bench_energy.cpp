// mho bench energy: energy per operation of one full core at every precision, from transistors alone and anchored to the chip's published points.
#include "chip/energy_anchor.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/job/tables.hpp"

namespace mho::cli {

void add_bench_energy(CLI::App& bench) {
  add_command(bench, "energy", "fJ per operation of one full core from 1-bit inputs with 3-bit outputs to 8 with 10, beside the chip's published points", [](const CommonOptions& options) {
    job::Job job = options.start();
    const validation::Calibration& calibration = job.calibration();
    const chip::ChipConfig& config = job.config().chip;
    auto cases = chip::bench_energy(config, chip::calibrated_cores(calibration.neuron), calibration.energy, {.seed = job.config().seed}, job.line_trim());
    chip::mark_outside_of_fit(cases, calibration.neuron);
    const chip::EnergyAnchors anchors = chip::anchor(cases);
    if (!options.out.empty()) {
      write_text_file(options.out + "/bench_energy.csv", chip::energy_bench_csv(cases, anchors, config.cores()));
      write_text_file(options.out + "/prior_chips.csv", chip::prior_chips_csv());
    }
    deliver(options, "bench_energy", job::with_units(chip::to_json(cases, anchors, config.cores())),
            chip::energy_bench_table(cases, anchors, config.cores()) + "\n" + chip::prior_chips_table());
  });
}

}  // namespace mho::cli
