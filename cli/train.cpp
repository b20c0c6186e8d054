// mho train: hands over to mho-train, which is built only where libtorch is.
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cli/commands.hpp"
#include "core/errors.hpp"

namespace mho::cli {
namespace {

// Beside this program, as in an installation, or where the build puts it.
std::string trainer() {
  const std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (const char* place : {"mho-train", "../train/mho-train"})
    if (const auto path = folder / place; access(path.c_str(), X_OK) == 0) return path.string();
  throw Error("mho-train is not built: apt-get install libtorch-dev && cmake -B build -DMHO_TRAIN=ON && cmake --build build --target mho-train");
}

}  // namespace

void add_train(CLI::App& mho) {
  CLI::App* command = mho.add_subcommand("train", "train a network (arguments as for mho-train)");
  command->prefix_command();
  command->set_help_flag();
  command->callback([command] {
    std::string program = trainer();
    std::vector<std::string> arguments = command->remaining();
    std::vector<char*> argv{program.data()};
    for (std::string& a : arguments) argv.push_back(a.data());
    argv.push_back(nullptr);
    execv(program.c_str(), argv.data());
    throw IoError(program, std::strerror(errno));
  });
}

}  // namespace mho::cli
