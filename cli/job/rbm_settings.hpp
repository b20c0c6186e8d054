// The table [rbm] of a job with task = "rbm"; examples/rbm.toml lists every key.
#pragma once
#include "chip/image_recovery.hpp"
#include "chip/rbm_mapping.hpp"
#include "core/toml_file.hpp"

namespace mho::job {

struct RbmSettings {
  chip::RbmLayout layout;
  int cycles = 10;              // [1] Gibbs cycles
  bool sample_visible = false;  // visible units are drawn; else they take their probability, rounded to the code
  bool known_label = false;     // the label is given
  bool stochastic = true;       // hidden units of the chip are sampled with the curve of the stochastic neuron; else with the logistic function
  bool correct_sums = true;     // slope and offset of each unit's sum, fitted on training images on each die
  int weight_bits = 4;          // [1] of the software machine with few bits
  int picture_images = 10;      // [1] in the picture
};

RbmSettings read_rbm_settings(TomlFile& file);
// Of the chip: pulses of netlists/programs/stochastic.toml, or logistic.
chip::HiddenSampler hidden_sampler(const RbmSettings& settings);

}  // namespace mho::job
