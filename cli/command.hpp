// What all sub-commands share: the options that each of them takes, and how a job is made of them.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/job/job.hpp"

namespace mho::cli {

struct CommonOptions {
  std::string config;
  std::vector<std::string> set;          // key=value
  std::string out;                       // folder, empty: nothing is written
  std::optional<std::uint64_t> seed;
  std::optional<int> threads;
  bool json = false, no_cache = false;

  // Overrides as key=value, those of --seed and --threads last.
  std::vector<std::string> overrides() const;
  job::JobConfig load() const { return job::load_job(config, overrides()); }
  // Loads the config, and makes the output folder if one is named. Throws what both throw.
  job::Job start() const;
};

// Options of commands that infer; each overrides a key of the config.
struct InferOptions {
  std::string data;                    // data.folder
  std::optional<int> dies, images;     // infer.dies, infer.images
};

// A sub-command `name` of `parent` with the common options; `body` runs when it is chosen.
CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& help, std::function<void(const CommonOptions&)> body);
// The same with --data, --dies and --images, which arrive as overrides.
CLI::App* add_inferring_command(CLI::App& parent, const std::string& name, const std::string& help,
                                std::function<void(const CommonOptions&)> body);

// Prints `json` (with --json) or `text`, and writes `json` to OUT/name.json when an output folder is named.
void deliver(const CommonOptions& options, const std::string& name, const Json& json, const std::string& text);

}  // namespace mho::cli
