// mho chip infer: accuracy in software and on each die.
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/job/tables.hpp"

namespace mho::cli {

void add_chip_infer(CLI::App& chip) {
  add_inferring_command(chip, "infer", "classify test images in software and on each die", [](const CommonOptions& options) {
    job::Job job = options.start();
    job.check_inputs();
    const std::string text = job::points_table(job) + job::accuracy_table(job);  // computes all
    if (!options.out.empty()) write_text_file(options.out + "/accuracy.csv", job::accuracy_csv(job));
    deliver(options, "inference", {{"operating_points", job::points_json(job)}, {"accuracy", job::accuracy_json(job)}},
            text + job::times_table(job));
  });
}

}  // namespace mho::cli
