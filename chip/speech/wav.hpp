// Sound from WAV files: 16-bit PCM (IBM and Microsoft, Multimedia Programming Interface and Data Specifications 1.0, 1991).
#pragma once
#include <string>
#include <vector>

namespace mho::chip {

struct Sound {
  int sample_rate = 0;         // [Hz]
  std::vector<float> samples;  // [1] −1 … 1, the mean of the channels
};

// Throws IoError when the file cannot be read, is not 16-bit PCM, is truncated or holds no samples.
Sound read_wav(const std::string& path);

}  // namespace mho::chip
