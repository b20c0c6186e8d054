#include "cli/command.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <memory>

namespace mho::cli {

std::vector<std::string> CommonOptions::overrides() const {
  std::vector<std::string> all = set;
  if (seed) all.push_back(fmt::format("seed={}", *seed));
  if (threads) all.push_back(fmt::format("threads={}", *threads));
  return all;
}

job::Job CommonOptions::start() const {
  job::JobConfig loaded = load();
  if (!out.empty()) make_output_folder(out);
  return job::Job(std::move(loaded), {.cache = !no_cache});
}

namespace {

struct Options {
  CommonOptions common;
  InferOptions infer;

  CommonOptions resolved() const {
    CommonOptions all = common;
    if (!infer.data.empty()) all.set.push_back(fmt::format("data.folder={}", Json(std::filesystem::absolute(infer.data).string()).dump()));
    if (infer.dies) all.set.push_back(fmt::format("infer.dies={}", *infer.dies));
    if (infer.images) all.set.push_back(fmt::format("infer.images={}", *infer.images));
    return all;
  }
};

CLI::App* add(CLI::App& parent, const std::string& name, const std::string& help, std::function<void(const CommonOptions&)> body,
              bool infers) {
  CLI::App* command = parent.add_subcommand(name, help);
  const auto options = std::make_shared<Options>();  // lives as long as the command's callback
  CommonOptions& o = options->common;
  command->add_option("config", o.config, "job (TOML), for example examples/mnist.toml")->required()->type_name("CONFIG");
  command->add_option("--set", o.set, "overrides a key of the config; repeatable")->type_name("KEY=VALUE")->expected(1)->multi_option_policy(
      CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--out", o.out, "folder for result files")->type_name("DIR");
  command->add_option("--seed", o.seed, "of every random number of the run")->type_name("N");
  command->add_option("--threads", o.threads, "0: all processors; results do not depend on it")->type_name("N");
  command->add_flag("--json", o.json, "print JSON instead of a table");
  command->add_flag("--no-cache", o.no_cache, "compute everything anew and keep nothing");
  if (infers) {
    command->add_option("--data", options->infer.data, "folder with the official IDX files of MNIST")->type_name("DIR");
    command->add_option("--dies", options->infer.dies, "number of dies")->type_name("N");
    command->add_option("--images", options->infer.images, "first test images, at most")->type_name("N");
  }
  command->callback([options, body = std::move(body)] { body(options->resolved()); });
  return command;
}

}  // namespace

CLI::App* add_command(CLI::App& parent, const std::string& name, const std::string& help, std::function<void(const CommonOptions&)> body) {
  return add(parent, name, help, std::move(body), false);
}

CLI::App* add_inferring_command(CLI::App& parent, const std::string& name, const std::string& help,
                                std::function<void(const CommonOptions&)> body) {
  return add(parent, name, help, std::move(body), true);
}

void deliver(const CommonOptions& options, const std::string& name, const Json& json, const std::string& text) {
  if (!options.out.empty()) write_json_file(fmt::format("{}/{}.json", options.out, name), json);
  fmt::print("{}", options.json ? json.dump(1) + "\n" : text);
}

}  // namespace mho::cli
