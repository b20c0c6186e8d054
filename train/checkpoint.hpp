// State of a training run between epochs, on disk.
#pragma once
#include <torch/torch.h>

#include <string>
#include <vector>

#include "train/trainer.hpp"

namespace mho::train {

struct TrainingState {
  int epochs_done = 0;
  std::vector<torch::Tensor> best;  // parameters of the epoch chosen so far
  TrainingResult chosen;
};

// `key` stands for options and images. Written to a temporary name and renamed.
void save_checkpoint(const std::string& path, const std::string& key, const TrainingState& state,
                     const std::vector<torch::Tensor>& parameters,
                     torch::optim::Optimizer& optimizer);
// Fills parameters (in place), optimizer and state. False when there is no checkpoint with this
// key.
bool load_checkpoint(const std::string& path, const std::string& key, TrainingState& state,
                     const std::vector<torch::Tensor>& parameters,
                     torch::optim::Optimizer& optimizer);

}  // namespace mho::train
