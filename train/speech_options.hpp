// What a training run of the speech network is made of; read from a TOML file (examples/train-speech.toml is the manual).
#pragma once
#include <cstdint>
#include <string>

#include "core/toml_file.hpp"

namespace mho::train {

struct SpeechOptions {
  int cells = 4;              // LSTM cells in parallel, their logits added
  int hidden = 112;           // units of each
  int input_bits = 4;         // signed codes of a normalised feature
  int hidden_bits = 4;        // signed codes of a hidden state, −1 … 1
  double input_clip = 2.5;    // [standard deviations of a coefficient] full scale of the input codes
  std::uint64_t seed = 1;
  int epochs = 30;
  int batch = 32;                     // [clips]
  double learning_rate = 2e-3;        // [1] of Adam in the first epoch
  double final_learning_rate = 1e-5;  // [1] in the last epoch, on a half cosine
  double gradient_limit = 1.0;        // [1] norm of all gradients together, at most
  double noise = 0.15;                // [1] standard deviation of the noise on weights / max |weights| of their matrix
  int noise_warmup_epochs = 5;        // the noise grows linearly to `noise` over these
  double weight_clip = 0.25;          // [1] weights stay within ± this
  int shift = 5;                      // [frames] training clips are moved by up to this much in each direction
  int validation_clips = 240;         // the last ones of the training clips, never trained on, choose the epoch
  double selection_noise = 0.1;       // [1] noise under which the epoch is chosen
  int selection_draws = 4;
  int threads = 1;  // part of the result: libtorch sums in another order with another number

  std::string summary() const;  // text of every option, for metadata and for the key of a checkpoint
};

// Throws ConfigError, also for keys that are not known.
SpeechOptions read_speech_options(TomlFile& file);

}  // namespace mho::train
