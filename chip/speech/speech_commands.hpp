// Spoken words as sequences of MFCC, from folders as Google Speech Commands has them (P. Warden, arXiv:1804.03209): WORD/FILE.wav.
#pragma once
#include <string>
#include <vector>

#include "chip/dataset.hpp"
#include "chip/speech/mfcc.hpp"

namespace mho::chip {

// The words of a data set, in alphabetical order; the label of a clip is the index of its word. `folder` holds the words' folders and
// testing_list.txt, or folders train and test with the words' folders in each; or its subfolder speech does. Folders that
// begin with _ are no words.
std::vector<std::string> speech_words(const std::string& folder);

// Clips of one second at 16 kHz as sequences: height frames, width 1, channels coefficients, in `features`. Clips come in the order of
// a hash of WORD/FILE, so that the first ones hold every word; of the training clips those of validation_list.txt come last. Throws
// IoError that names the file when a layout, a list or a file is not as it should be.
ImageSet load_speech(const std::string& folder, Split split, const MfccOptions& options = {});

}  // namespace mho::chip
