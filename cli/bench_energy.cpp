// mho bench energy: energy per operation of one full core beside the chip's measured figures.
#include "chip/energy_bench.hpp"

#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/job/tables.hpp"

namespace mho::cli {

void add_bench_energy(CLI::App& bench) {
  add_command(bench, "energy", "fJ per operation of one full core at 1/3 and 4/6 bits, beside the chip's measured figures",
              [](const CommonOptions& options) {
                job::Job job = options.start();
                const solver::EnergyModel& model = job.calibration().energy;
                const auto cases = chip::bench_energy(job.config().chip, job.cores(), model, {.seed = job.config().seed}, job.line_trim());
                deliver(options, "bench_energy", job::with_units(chip::to_json(cases)), chip::energy_bench_table(cases));
              });
}

}  // namespace mho::cli
