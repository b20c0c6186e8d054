#include "chip/speech/speech_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <sstream>

#include "chip/speech/resample.hpp"
#include "chip/speech/wav.hpp"
#include "core/cache.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "core/parallel.hpp"

namespace mho::chip {
namespace {

namespace fs = std::filesystem;

constexpr size_t most_words = 256;  // labels are bytes

std::vector<std::string> entries(const fs::path& folder, bool folders) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name[0] == '_' || name[0] == '.' || entry.is_directory() != folders) continue;
    if (folders || entry.path().extension() == ".wav") names.push_back(name);
  }
  if (error) throw IoError(folder.string(), "cannot be read: " + error.message());
  std::sort(names.begin(), names.end());
  return names;
}

// Where the words' folders are: one folder with lists, or one for each split.
struct Layout {
  fs::path root;
  bool has_lists;
};

Layout find_layout(const std::string& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) throw IoError(folder, "is not a folder; expected one with spoken words");
  for (const fs::path& root : {fs::path(folder), fs::path(folder) / "speech"}) {
    if (fs::exists(root / "testing_list.txt", ignored)) return {root, true};
    if (fs::is_directory(root / "train", ignored) && fs::is_directory(root / "test", ignored)) return {root, false};
  }
  throw IoError(folder, "holds no spoken words: neither testing_list.txt nor folders train and test, nor does its subfolder speech");
}

std::set<std::string> read_list(const fs::path& path) {
  std::set<std::string> names;
  std::istringstream lines(read_text_file(path.string()));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) names.insert(line);
  }
  if (names.empty()) throw IoError(path.string(), "names no files");
  return names;
}

std::vector<std::string> words_of(const Layout& layout) {
  std::set<std::string> words;
  for (const char* part : layout.has_lists ? std::vector<const char*>{""} : std::vector<const char*>{"train", "test"})
    for (std::string& word : entries(layout.root / part, true)) words.insert(std::move(word));
  if (words.empty() || words.size() > most_words)
    throw IoError(layout.root.string(), fmt::format("holds folders of {} words; expected 1 to {}", words.size(), most_words));
  return {words.begin(), words.end()};
}

struct ClipFile {
  bool validation;
  std::string order;  // hash of the name
  fs::path path;
  std::uint8_t label;
};

std::vector<ClipFile> find_clips(const Layout& layout, Split split) {
  std::set<std::string> test, validation;
  if (layout.has_lists) {
    test = read_list(layout.root / "testing_list.txt");
    if (fs::exists(layout.root / "validation_list.txt")) validation = read_list(layout.root / "validation_list.txt");
  }
  const fs::path root = layout.has_lists ? layout.root : layout.root / (split == Split::train ? "train" : "test");
  const std::vector<std::string> words = words_of(layout);
  std::vector<ClipFile> clips;
  for (size_t w = 0; w < words.size(); ++w) {
    if (!fs::is_directory(root / words[w])) continue;
    for (const std::string& file : entries(root / words[w], false)) {
      const std::string name = words[w] + "/" + file;
      if (layout.has_lists && test.contains(name) != (split == Split::test)) continue;
      clips.push_back({validation.contains(name), CacheKey("clip").add("name", name).hex(), root / words[w] / file, static_cast<std::uint8_t>(w)});
    }
  }
  if (clips.empty()) throw IoError(root.string(), fmt::format("holds no WAV files of the {} words", split == Split::train ? "training" : "test"));
  std::sort(clips.begin(), clips.end(),
            [](const ClipFile& a, const ClipFile& b) { return std::tie(a.validation, a.order, a.path) < std::tie(b.validation, b.order, b.path); });
  return clips;
}

}  // namespace

std::vector<std::string> speech_words(const std::string& folder) { return words_of(find_layout(folder)); }

ImageSet load_speech(const std::string& folder, Split split, const MfccOptions& options) {
  const Layout layout = find_layout(folder);
  const std::vector<ClipFile> clips = find_clips(layout, split);
  const Mfcc mfcc(options);
  ImageSet set{.channels = options.coefficients, .height = options.frames, .width = 1, .pixels = {}, .labels = {}, .source = layout.root.string()};
  for (const ClipFile& clip : clips) set.labels.push_back(clip.label);
  set.features.resize(set.size() * set.elements());
  parallel_for(clips.size(), default_threads(), [&](size_t i) {
    const Sound sound = read_wav(clips[i].path.string());
    const std::vector<float> samples = resample(sound.samples, sound.sample_rate, options.sample_rate);
    const Eigen::MatrixXf features = mfcc(fit_length(samples, options.samples()));
    std::copy_n(features.data(), features.size(), set.features.begin() + static_cast<std::ptrdiff_t>(i * set.elements()));
  });
  return set;
}

}  // namespace mho::chip
