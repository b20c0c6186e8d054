// mho chip map: where each matrix and weight of the network lies on a chip.
#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/job/tables.hpp"

namespace mho::cli {

void add_chip_map(CLI::App& chip) {
  add_command(chip, "map", "where the network's weights lie on die 0", [](const CommonOptions& options) {
    job::Job job = options.start();
    const auto& matrices = job.network().matrices();
    const chip::ChipConfig& config = job.config().chip;
    const chip::Mapping mapping = chip::map_network(matrices, config, chip::draw_bad_rows(config, job.config().seed, 0));
    if (!options.out.empty()) {
      write_text_file(options.out + "/blocks.csv", chip::block_table_csv(matrices, mapping));
      write_text_file(options.out + "/weights.csv", chip::weight_table_csv(matrices, chip::weight_table(matrices, mapping, config.mapping)));
    }
    deliver(options, "map", job::mapping_json(matrices, mapping), job::mapping_table(matrices, mapping, config));
  });
}

}  // namespace mho::cli
