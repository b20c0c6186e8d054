// Contrastive divergence (Hinton, Neural Computation 14, 1771 (2002)) with noise on the weights.
//
// In each batch the chain runs on W + noise · N(0, 1): v₀ → h₀ → v₁ → … → v_k, and W moves by the mean of v₀ p(h|v₀)ᵀ − v_k p(h|v_k)ᵀ with momentum and decay. A bias gets the
// noise of the weights that share it on the chip, 2 (visible) and 4 (hidden) times that of one.
#pragma once
#include <string>

#include "chip/dataset.hpp"
#include "chip/rbm.hpp"
#include "train/rbm_options.hpp"

namespace mho::train {

struct RbmResult {
  double error_flips = 0, error_bottom_third = 0;  // [1] of the validation images after recovery, mean ‖·‖₂
  double initial_flips = 0, initial_bottom_third = 0;
  double seconds = 0;
};

// Trains on `images` (a training file) and writes `out` as ONNX. After each epoch the state goes to out + ".checkpoint"; a checkpoint of the same options and images is
// continued and gives the same weights as a run without a stop. Throws ConfigError, IoError, Interrupted. epochs_now > 0: stops after that many epochs, with
// the checkpoint but without `out` unless they were the last.
RbmResult train_rbm(const RbmOptions& options, const chip::ImageSet& images, const std::string& out, int epochs_now = 0);

// One machine for each training noise (files out + ".noiseX"), each recovered from flips with each test noise on its weights; `draws` draws. Writes a CSV of mean errors on
// validation images.
void noise_grid(const RbmOptions& options, const chip::ImageSet& images, const std::string& out, const std::string& csv);

}  // namespace mho::train
