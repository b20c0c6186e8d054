// State of a training run between epochs, on disk.
#pragma once
#include <torch/torch.h>

#include <optional>
#include <string>
#include <vector>

#include "train/trainer.hpp"

namespace mho::train {

struct TrainingState {
  int epochs_done = 0;
  std::vector<torch::Tensor> best;  // parameters of the epoch chosen so far, batch normalisation folded in
  TrainingResult chosen;
};

// `key` stands for options and images. `network` is all that training changes, running statistics included. Written to a temporary name and renamed.
void save_checkpoint(const std::string& path, const std::string& key, const TrainingState& state, const std::vector<torch::Tensor>& network,
                     torch::optim::Optimizer& optimizer);
// Epochs that the checkpoint with this key has behind it; nothing when there is none.
std::optional<int> checkpointed_epochs(const std::string& path, const std::string& key);
// Fills network (in place), optimizer and state from a checkpoint that is there.
void load_checkpoint(const std::string& path, TrainingState& state, const std::vector<torch::Tensor>& network, torch::optim::Optimizer& optimizer);

}  // namespace mho::train
