#include "train/checkpoint.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <sstream>

#include "core/errors.hpp"
#include "core/json_file.hpp"

namespace mho::train {

void save_checkpoint(const std::string& path, const std::string& key, const TrainingState& state,
                     const std::vector<torch::Tensor>& parameters,
                     torch::optim::Optimizer& optimizer) {
  torch::serialize::OutputArchive archive, optimizer_archive;
  archive.write("key", c10::IValue(key));
  archive.write("epochs_done", c10::IValue(static_cast<std::int64_t>(state.epochs_done)));
  archive.write("epoch", c10::IValue(static_cast<std::int64_t>(state.chosen.epoch)));
  archive.write("validation_accuracy", c10::IValue(state.chosen.validation_accuracy));
  archive.write("noisy_accuracy", c10::IValue(state.chosen.noisy_accuracy));
  for (size_t i = 0; i < parameters.size(); ++i) {
    archive.write(fmt::format("parameter{}", i), parameters[i]);
    archive.write(fmt::format("best{}", i), state.best[i]);
  }
  optimizer.save(optimizer_archive);
  archive.write("optimizer", optimizer_archive);
  std::ostringstream bytes;
  archive.save_to(bytes);
  write_text_file(path, bytes.str());
}

bool load_checkpoint(const std::string& path, const std::string& key, TrainingState& state,
                     const std::vector<torch::Tensor>& parameters,
                     torch::optim::Optimizer& optimizer) {
  if (!std::filesystem::exists(path)) return false;
  try {
    torch::serialize::InputArchive archive, optimizer_archive;
    archive.load_from(path);
    const auto value = [&](const std::string& name) {
      c10::IValue v;
      archive.read(name, v);
      return v;
    };
    if (value("key").toStringRef() != key) return false;
    state.epochs_done = static_cast<int>(value("epochs_done").toInt());
    state.chosen.epoch = static_cast<int>(value("epoch").toInt());
    state.chosen.validation_accuracy = value("validation_accuracy").toDouble();
    state.chosen.noisy_accuracy = value("noisy_accuracy").toDouble();
    state.best.clear();
    const torch::NoGradGuard guard;
    for (size_t i = 0; i < parameters.size(); ++i) {
      torch::Tensor parameter, best;
      archive.read(fmt::format("parameter{}", i), parameter);
      archive.read(fmt::format("best{}", i), best);
      parameters[i].copy_(parameter);
      state.best.push_back(best.clone());
    }
    archive.read("optimizer", optimizer_archive);
    optimizer.load(optimizer_archive);
    return true;
  } catch (const c10::Error&) {
    throw IoError(
        path,
        "is not a checkpoint of this program or is damaged; remove it to train from the start");
  }
}

}  // namespace mho::train
