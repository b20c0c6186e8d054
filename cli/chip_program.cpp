// mho chip program: writes the network into the cells of each die.
#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/job/tables.hpp"

namespace mho::cli {

void add_chip_program(CLI::App& chip) {
  add_inferring_command(chip, "program", "write the network into the cells by write-verify, then let them relax", [](const CommonOptions& options) {
    job::Job job = options.start();
    Json dies = Json::array();
    std::string text;
    for (int d = 0; d < job.config().dies; ++d) {
      const chip::ProgrammedDie& die = job.die(static_cast<std::uint32_t>(d));
      dies.push_back(chip::to_json(die));
      text += chip::programming_table(die) + "\n";
      if (!options.out.empty())
        write_text_file(fmt::format("{}/programming_die{}.csv", options.out, d), chip::programming_levels_csv(die.summary));
    }
    text += job::passes_table(job) + job::times_table(job);
    deliver(options, "programming", {{"dies", job::with_units(dies)}, {"passes", job::passes_json(job)}}, text);
  });
}

}  // namespace mho::cli
