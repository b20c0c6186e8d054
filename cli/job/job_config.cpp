#include "cli/job/job_config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace mho::job {
namespace {

constexpr std::array<std::string_view, 5> chip_sections{"chip.", "mapping.", "bad_rows.", "programming.", "operating_point."};

bool of_chip(std::string_view key) {
  return std::any_of(chip_sections.begin(), chip_sections.end(), [&](std::string_view s) { return key.starts_with(s); });
}

int whole(TomlFile& file, std::string_view key, int fallback, int min, int max) {
  return static_cast<int>(file.integer(key, fallback, min, max));
}

// `name` seen from the folder of `file`.
std::string beside(const TomlFile& file, const std::string& name) {
  return (std::filesystem::path(file.path()).parent_path() / name).lexically_normal().string();
}

std::string file_name(TomlFile& file, std::string_view key) {
  const std::string name = file.text(key, "");
  if (name.empty()) throw file.error(key, "is missing; wants a file name");
  return beside(file, name);
}

// Splits "mapping.g_max" into its table and its name.
std::pair<std::string, std::string> split(const std::string& key) {
  const size_t dot = key.rfind('.');
  return dot == std::string::npos ? std::pair{std::string(), key} : std::pair{key.substr(0, dot), key.substr(dot + 1)};
}

}  // namespace

JobConfig load_job(const std::string& path, const std::vector<std::string>& overrides) {
  TomlFile file(path);
  std::vector<std::string> for_chip;
  for (const std::string& assignment : overrides) {
    if (of_chip(assignment)) for_chip.push_back(assignment);
    else file.set(assignment);
  }
  JobConfig c;
  c.task = file.choice("task", "classification", {"classification", "rbm"}) == "rbm" ? Task::rbm : Task::classification;
  if (c.task == Task::rbm) c.rbm = read_rbm_settings(file);
  c.seed = static_cast<std::uint64_t>(file.integer("seed", 1, 0, 1ll << 62));
  c.threads = whole(file, "threads", 0, 0, 1024);
  const std::string chip_file = file.text("chip_file", "");
  c.network = file_name(file, "network.file");
  // Of the Boltzmann machine all weights share one scale.
  const bool by_column = c.task == Task::classification && file.choice("network.scale", "block", {"block", "column"}) == "column";
  c.data_set = chip::data_set(file.choice("data.set", "mnist", {"mnist", "cifar10", "speech"}));
  c.data = file_name(file, "data.folder");
  c.training_images = whole(file, "data.training_images", c.training_images, 1, 1 << 30);
  c.calibrate = validation::read_calibration_settings(file, "calibrate");
  c.passes_beside = whole(file, "program.passes_beside", c.passes_beside, 0, 100);
  c.core = file.choice("infer.core", "calibrated", {"calibrated", "ideal"}) == "ideal" ? CoreKind::ideal : CoreKind::calibrated;
  c.effects = c.task == Task::rbm ? chip::read_line_effects(file) : chip::read_effects(file);
  c.dies = whole(file, "infer.dies", c.dies, 1, 10000);
  c.images = whole(file, "infer.images", c.images, 1, 1 << 30);
  c.pictures = file.boolean("report.pictures", c.pictures);
  c.code_images = whole(file, "report.code_images", c.code_images, 1, 1 << 30);
  if (chip_file.empty()) {
    for (const std::string& assignment : for_chip) file.set(assignment);
    c.chip = chip::read_chip_config(file);
    if (by_column) c.chip.mapping.scale = chip::WeightScale::column;
    file.finish();
    c.resolved = file.resolved();
    return c;
  }
  file.finish();
  c.resolved = file.resolved();
  TomlFile chip(beside(file, chip_file));
  for (const std::string& assignment : for_chip) chip.set(assignment);
  c.chip = chip::read_chip_config(chip);
  if (by_column) c.chip.mapping.scale = chip::WeightScale::column;
  chip.finish();
  c.resolved.insert(c.resolved.end(), chip.resolved().begin(), chip.resolved().end());
  return c;
}

std::string resolved_toml(const JobConfig& config) {
  std::string text;
  std::vector<std::string> tables{""};
  for (const auto& r : config.resolved)
    if (const std::string table = split(r.key).first; std::find(tables.begin(), tables.end(), table) == tables.end())
      tables.push_back(table);
  for (const std::string& table : tables) {
    if (!table.empty()) text += fmt::format("\n[{}]\n", table);
    for (const auto& r : config.resolved)
      if (const auto [in, name] = split(r.key); in == table) text += fmt::format("{} = {}\n", name, r.value);
  }
  return text;
}

Json resolved_json(const JobConfig& config) {
  Json json = Json::object();
  for (const auto& r : config.resolved) {
    std::string value = r.value;
    if (value.size() > 1 && value.front() == value.back() && (value.front() == '"' || value.front() == '\''))
      value = value.substr(1, value.size() - 2);
    json[r.key] = value;
  }
  return json;
}

}  // namespace mho::job
