// What a training run is made of; read from a TOML file (examples/train-mnist.toml is the manual).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "chip/dataset.hpp"
#include "core/toml_file.hpp"

namespace mho::train {

// block: two 3 × 3 convolutions beside a path that is the block's input itself or, where channels or size change, a 1 × 1 convolution of it (He et
// al., arXiv:1512.03385); average: the mean over the image, one code for each channel.
struct Layer {
  enum class Kind { conv, block, pool, average, dense } kind;
  int outputs = 0;  // channels or classes; 0 for pool and average
  int stride = 1;   // of a convolution, or of a block's first
};

struct TrainingOptions {
  chip::DataSet data_set = chip::DataSet::mnist;
  std::vector<std::string> layers;  // as written: "conv 8", "block 32 /2", "pool", "average", "dense 10"
  int input_bits = 3;               // unsigned codes of pixel / 255
  double input_full_scale = 1.0;    // [1] of pixel / 255, the value of the largest code
  int activation_bits = 3;          // unsigned codes of an activation between 0 and its clip level
  int average_bits = 4;             // unsigned codes of the mean over an image
  double initial_clip = 3.0;        // [1] of every layer, then learned
  double initial_average_clip = 3.0;  // [1] of the mean over an image: much smaller, and gradients from values below do not lower a level
  bool batch_normalization = false; // after each convolution but those of 1 × 1
  std::uint64_t seed = 1;
  int epochs = 30;
  int batch = 128;                    // [images]
  double learning_rate = 1e-3;        // [1] of Adam in the first epoch
  double final_learning_rate = 1e-5;  // [1] in the last epoch, on a half cosine
  double warmup_epochs = 0;           // the learning rate grows linearly over these
  double weight_decay = 0;            // [1] decoupled (Loshchilov and Hutter, arXiv:1711.05101)
  int folded_epochs = 0;              // the last epochs train with batch normalisation folded into the weights, as the chip holds them
  double noise =
      0.2;  // [1] standard deviation of the noise on weights / max |weights| of their layer
  bool noise_by_column = false;  // max |weights| of each output in place of the whole layer's, as where columns have conductance scales of their own
  int noise_warmup_epochs = 3;  // the noise grows linearly to `noise` over these
  double weight_clip =
      2.0;  // [1] weights stay within ± this many standard deviations of their layer; 0: no limit
  double bias_rows = 1.0;  // [1] biases stay within what so many rows at the full-scale input can add
  int shift = 1;  // [pixels] training images are moved by up to this much in each direction
  bool flip = false;  // half of the training images are mirrored left to right
  int validation_images =
      10000;  // the last ones of the training file, never trained on, choose the epoch
  double selection_noise = 0.1;  // [1] noise under which the epoch is chosen
  int selection_draws = 2;
  int threads = 1;  // part of the result: libtorch sums in another order with another number

  // Text of every option, for metadata and for the key of a checkpoint.
  std::string summary() const;
};

// Throws ConfigError, also for keys that are not known.
TrainingOptions read_training_options(TomlFile& file);
// Layers in order. Throws ConfigError{file} for one that is not understood, or when the last one is
// not dense.
std::vector<Layer> parse_layers(const std::vector<std::string>& layers, const std::string& file);

}  // namespace mho::train
