// The training loop of the speech network: seeded, resumable, choosing its epoch on clips it never trains on.
#pragma once
#include <string>
#include <vector>

#include "chip/dataset.hpp"
#include "chip/onnx_model.hpp"
#include "train/speech_lstm.hpp"
#include "train/trainer.hpp"

namespace mho::train {

// Mean and standard deviation of each coefficient over all frames, which the ONNX file subtracts and divides by.
struct FeatureScale {
  std::vector<float> mean, deviation;
};
FeatureScale feature_scale(const chip::ImageSet& clips);

// Trains on `clips` (training clips; the last validation_clips only validate) of `words` and writes `out` as ONNX. Checkpoints, errors and
// epochs_now as in train_network.
TrainingResult train_speech(const SpeechOptions& options, const chip::ImageSet& clips, const std::vector<std::string>& words,
                            const std::string& out, int epochs_now = 0);

// The nodes of docs/networks.md, "Sequences".
chip::OnnxModel to_onnx(const SpeechLstm& network, const SpeechOptions& options, const FeatureScale& scale, const TrainingResult& result,
                        const chip::ImageSet& clips, const std::vector<std::string>& words);

}  // namespace mho::train
