// The training loop: seeded, resumable, choosing its epoch on images it never trains on.
#pragma once
#include <string>

#include "chip/dataset.hpp"
#include "train/training_options.hpp"

namespace mho::train {

struct TrainingResult {
  int epoch = 0;                     // 1 … epochs, the one kept
  double validation_accuracy = 0.0;  // 0 … 1, weights as they are
  double noisy_accuracy = 0.0;       // 0 … 1, mean over draws of noise at options.selection_noise
  double seconds = 0.0;              // of this process; less than the whole training when resumed
};

// Trains on `images` (a training file; the last validation_images only validate) and writes `out`
// as ONNX. After each epoch the state goes to out + ".checkpoint"; a checkpoint of the same options
// and images is continued and gives the same weights as an uninterrupted run. Throws ConfigError
// when there are too few images, IoError when files cannot be written, Interrupted after Ctrl-C.
// epochs_now > 0: stops after that many epochs, with the checkpoint but without `out` unless they
// were the last.
TrainingResult train_network(const TrainingOptions& options, const chip::ImageSet& images,
                             const std::string& out, int epochs_now = 0);

}  // namespace mho::train
