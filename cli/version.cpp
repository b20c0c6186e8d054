// mho version: the program, its libraries and the machine.
#include <fmt/format.h>

#include <memory>

#include "cli/commands.hpp"
#include "cli/job/machine.hpp"

namespace mho::cli {

void add_version(CLI::App& mho) {
  CLI::App* command = mho.add_subcommand("version", "version of mho and of what it is built from");
  const auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "print JSON");
  command->callback([json] {
    const Json program = job::program_description();
    if (*json) {
      fmt::print("{}\n", Json{{"program", program}, {"machine", job::machine_description()}}.dump(1));
      return;
    }
    fmt::print("mho {} ({}), {}\n", program["version"].get<std::string>(), program["git"].get<std::string>(),
               program["compiler"].get<std::string>());
    for (const auto& [name, version] : program["libraries"].items()) fmt::print("  {:<14} {}\n", name, version.get<std::string>());
  });
}

}  // namespace mho::cli
