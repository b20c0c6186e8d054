// mho calibrate: fits the behavioural neuron and its energies to ngspice conversions.
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/job/tables.hpp"

namespace mho::cli {

void add_calibrate(CLI::App& mho) {
  add_command(mho, "calibrate", "fit the behavioural neuron and its energies to ngspice conversions", [](const CommonOptions& options) {
    job::Job job = options.start();
    const validation::Calibration& calibration = job.calibration();
    Json json;
    validation::to_json(json, calibration);
    deliver(options, "calibration", json, job::calibration_table(calibration) + job::times_table(job));
  });
}

}  // namespace mho::cli
