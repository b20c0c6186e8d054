// mho validate spice: ngspice under failures, on two processors, and at what settings.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "cli/commands.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "validation/spice_engine.hpp"

namespace mho::cli {
namespace {

struct ValidateOptions {
  validation::SpiceEngineSettings settings;
  std::vector<std::string> only;
  std::string out;
  bool json = false;
};

struct Part {
  std::string name, what;
  std::function<validation::Section(const validation::SpiceEngineSettings&)> run;
};

void validate(const ValidateOptions& o) {
  const std::vector<Part> parts{
      {"failures", "conversions made to fail, and a run that is killed",
       validation::validate_spice_failures},
      {"workers", "two workers against one", validation::validate_spice_workers},
      {"settings", "time and error by the settings of ngspice", validation::validate_spice_speed}};
  for (const std::string& name : o.only)
    if (std::none_of(parts.begin(), parts.end(), [&](const Part& p) { return p.name == name; }))
      throw Error(
          fmt::format("--only names no part '{}'; there are failures, workers, settings", name));
  if (!o.out.empty()) make_output_folder(o.out);
  Json json = Json::object();
  std::vector<std::string> missed;
  for (const Part& part : parts) {
    if (!o.only.empty() && std::find(o.only.begin(), o.only.end(), part.name) == o.only.end())
      continue;
    const validation::Section s = part.run(o.settings);
    if (!o.json) {
      fmt::print("== {}: {}\n{}", part.name, part.what, s.text);
      for (const std::string& m : s.missed) fmt::print("MISSED: {}\n", m);
      fmt::print("\n");
      std::fflush(stdout);
    }
    json[part.name] = s.json;
    json[part.name]["missed"] = s.missed;
    if (!o.out.empty()) write_json_file(o.out + "/validate_spice.json", json);
    missed.insert(missed.end(), s.missed.begin(), s.missed.end());
  }
  if (o.json) fmt::print("{}\n", json.dump(1));
  if (!missed.empty())
    throw Error(fmt::format("validate spice: {} limit{} missed, the first: {}", missed.size(),
                            missed.size() > 1 ? "s" : "", missed.front()),
                ExitStatus::threshold_missed);
}

}  // namespace

void add_validate_spice(CLI::App& parent) {
  const auto o = std::make_shared<ValidateOptions>();
  CLI::App* command = parent.add_subcommand(
      "spice", "ngspice under failures, on two processors, and at what settings");
  command
      ->add_option("--only", o->only,
                   "parts to run, separated by commas: failures, workers, settings")
      ->delimiter(',')
      ->type_name("PART");
  command->add_option("--conversions", o->settings.conversions, "of the failures")
      ->check(CLI::Range(20, 1000000))
      ->capture_default_str();
  command->add_option("--sabotaged", o->settings.sabotaged, "share of them that is made to fail")
      ->check(CLI::Range(0.0, 0.5))
      ->capture_default_str();
  command->add_option("--timeout", o->settings.timeout, "of one attempt [s]")
      ->check(CLI::Range(1.0, 3600.0))
      ->capture_default_str();
  command->add_option("--repeats", o->settings.repeats, "of every timing")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command->add_option("--seed", o->settings.seed, "of every random number")->capture_default_str();
  command->add_option("--threads", o->settings.workers, "worker processes; 0: all processors")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->add_option("--out", o->out, "folder for validate_spice.json")->type_name("DIR");
  command->add_flag("--json", o->json, "print JSON instead of tables");
  command->callback([o] { validate(*o); });
}

}  // namespace mho::cli
