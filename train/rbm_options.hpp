// What the training of a Boltzmann machine is made of; examples/train-rbm.toml is the manual.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/toml_file.hpp"

namespace mho::train {

struct RbmOptions {
  int hidden = 120;            // [1] hidden units
  int visible_bits = 3;        // [1] of a pixel
  bool sample_visible = true;  // visible units of the chain are 0 or 1; else they take their probability
  std::uint64_t seed = 1;
  int epochs = 36;
  int batch = 16;               // [images]
  int steps = 5;                // [1] Gibbs steps of contrastive divergence (CD-k)
  double learning_rate = 1e-3;  // [1]
  double first_momentum = 0.5;  // [1] in the first `momentum_epoch` epochs …
  double momentum = 0.9;        // [1] … and afterwards
  int momentum_epoch = 5;
  double weight_decay = 1e-4;  // [1]
  double weight_limit = 1.0;   // [1] |weights| at most; biases 4 (visible) and 16 (hidden) times that
  double noise = 0.35;         // [1] standard deviation on each weight, anew in each batch
  int validation_images = 1000;  // the last ones of the training file, never trained on: shown as progress, and the grid's images
  int threads = 1;               // part of the result
  std::vector<double> grid_training_noise, grid_test_noise;  // [1] of the noise grid
  int grid_epochs = 10, grid_draws = 3;

  std::string summary() const;  // every option that a trained machine depends on
};

// Throws ConfigError, also for keys that are not known.
RbmOptions read_rbm_options(TomlFile& file);

}  // namespace mho::train
