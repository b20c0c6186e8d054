#include "train/checkpoint.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <sstream>

#include "core/errors.hpp"
#include "core/json_file.hpp"

namespace mho::train {
namespace {

IoError damaged(const std::string& path) {
  return {path, "is not a checkpoint of this program or is damaged; remove it to train from the start"};
}

c10::IValue value(torch::serialize::InputArchive& archive, const std::string& name) {
  c10::IValue v;
  archive.read(name, v);
  return v;
}

}  // namespace

void save_checkpoint(const std::string& path, const std::string& key, const TrainingState& state, const std::vector<torch::Tensor>& network,
                     torch::optim::Optimizer& optimizer) {
  torch::serialize::OutputArchive archive, optimizer_archive;
  archive.write("key", c10::IValue(key));
  archive.write("epochs_done", c10::IValue(static_cast<std::int64_t>(state.epochs_done)));
  archive.write("epoch", c10::IValue(static_cast<std::int64_t>(state.chosen.epoch)));
  archive.write("validation_accuracy", c10::IValue(state.chosen.validation_accuracy));
  archive.write("noisy_accuracy", c10::IValue(state.chosen.noisy_accuracy));
  archive.write("best_count", c10::IValue(static_cast<std::int64_t>(state.best.size())));
  for (size_t i = 0; i < network.size(); ++i) archive.write(fmt::format("parameter{}", i), network[i]);
  for (size_t i = 0; i < state.best.size(); ++i) archive.write(fmt::format("best{}", i), state.best[i]);
  optimizer.save(optimizer_archive);
  archive.write("optimizer", optimizer_archive);
  std::ostringstream bytes;
  archive.save_to(bytes);
  write_text_file(path, bytes.str());
}

std::optional<int> checkpointed_epochs(const std::string& path, const std::string& key) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  try {
    torch::serialize::InputArchive archive;
    archive.load_from(path);
    if (value(archive, "key").toStringRef() != key) return std::nullopt;
    return static_cast<int>(value(archive, "epochs_done").toInt());
  } catch (const c10::Error&) {
    throw damaged(path);
  }
}

void load_checkpoint(const std::string& path, TrainingState& state, const std::vector<torch::Tensor>& network, torch::optim::Optimizer& optimizer) {
  try {
    torch::serialize::InputArchive archive, optimizer_archive;
    archive.load_from(path);
    state.epochs_done = static_cast<int>(value(archive, "epochs_done").toInt());
    state.chosen.epoch = static_cast<int>(value(archive, "epoch").toInt());
    state.chosen.validation_accuracy = value(archive, "validation_accuracy").toDouble();
    state.chosen.noisy_accuracy = value(archive, "noisy_accuracy").toDouble();
    const auto tensor = [&](const std::string& name) {
      torch::Tensor t;
      archive.read(name, t);
      return t;
    };
    const torch::NoGradGuard guard;
    for (size_t i = 0; i < network.size(); ++i) network[i].copy_(tensor(fmt::format("parameter{}", i)));
    state.best.clear();
    const auto best_count = value(archive, "best_count").toInt();
    for (std::int64_t i = 0; i < best_count; ++i) state.best.push_back(tensor(fmt::format("best{}", i)).clone());
    archive.read("optimizer", optimizer_archive);
    optimizer.load(optimizer_archive);
  } catch (const c10::Error&) {
    throw damaged(path);
  }
}

}  // namespace mho::train
