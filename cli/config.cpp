// mho config: checks a job file, or prints it with every default filled in.
#include <fmt/format.h>

#include "cli/command.hpp"
#include "cli/commands.hpp"

namespace mho::cli {

void add_config(CLI::App& mho) {
  CLI::App* config = mho.add_subcommand("config", "check or print a job file")->require_subcommand(1);
  add_command(*config, "check", "read a job file and the files that it names; say what is wrong", [](const CommonOptions& options) {
    const job::JobConfig c = options.load();
    deliver(options, "check", {{"config", options.config}, {"keys", c.resolved.size()}},
            fmt::format("{}: {} keys, all of them known and in range\n", options.config, c.resolved.size()));
  });
  add_command(*config, "dump", "print every key with the value that a run would use", [](const CommonOptions& options) {
    const job::JobConfig c = options.load();
    deliver(options, "config", job::resolved_json(c), job::resolved_toml(c));
  });
}

}  // namespace mho::cli
