// mho chip ablate: what each non-ideality costs in accuracy, alone and left out.
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/job/ablation.hpp"

namespace mho::cli {

void add_chip_ablate(CLI::App& chip) {
  add_inferring_command(chip, "ablate", "accuracy with each non-ideality alone and left out; goes on where it was interrupted", [](const CommonOptions& options) {
    job::Job job = options.start();
    job.check_inputs();
    const job::Ablation ablation = job::ablate(job.config(), {.cache = !options.no_cache});
    if (!options.out.empty()) write_text_file(options.out + "/ablation.csv", job::ablation_csv(ablation));
    deliver(options, "ablation", job::ablation_json(ablation), job::ablation_table(ablation));
  });
}

}  // namespace mho::cli
