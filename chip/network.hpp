// A network as a graph of operators, and how images are pushed through it: integer codes into
// matrices, everything else digital.
//
// Images run in chunks of `images_per_chunk`, whatever the number of threads, so that a result
// never depends on it. docs/networks.md says which ONNX nodes are understood and how bits and clip
// levels are written.
#pragma once
#include <Eigen/Core>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chip/dataset.hpp"
#include "chip/matrix_engine.hpp"
#include "chip/operators/operator.hpp"

namespace mho::chip {

inline constexpr size_t images_per_chunk = 16;

class Network {
 public:
  // Throws ConfigError for whatever the network holds that cannot be run: one line with file, node,
  // operator and what would be right.
  explicit Network(const OnnxModel& model);
  static Network load(const std::string& path);  // read_onnx, then the above

  // Matrices in the order in which they are used; the index is that of MatrixEngine::multiply. Rows
  // of a convolution's matrix are in the order (kernel row, kernel column, input channel).
  const std::vector<MatrixSpec>& matrices() const { return matrices_; }
  // Columns of input codes that one image gives to a matrix: 784 for a convolution with 28 × 28
  // outputs, 1 for a dense layer.
  int positions(size_t matrix) const { return positions_[matrix]; }
  size_t macs_per_image() const;   // Σ positions · K · N
  size_t parameter_count() const;  // weights and biases of all matrices

  const std::string& path() const { return path_; }
  const ValueInfo& input() const { return values_.front(); }
  int classes() const { return values_[output_].channels; }
  const std::vector<std::pair<std::string, std::string>>& metadata() const { return metadata_; }
  std::string metadata(std::string_view key, const std::string& fallback = {}) const;

  // One chunk of images first … first + count − 1; result classes × count. Thread-safe.
  Eigen::MatrixXf run(const MatrixEngine& engine, const ImageSet& images, size_t first,
                      size_t count, const Observer& observe = {}) const;

 private:
  struct Step {
    std::vector<size_t> inputs;  // indices of values
    size_t output;
    std::vector<size_t> finished;  // values whose data no later step reads
    Kernel kernel;                 // empty: the output shares the data of the first input
  };
  void add_step(const OnnxModel& model, const OnnxNode& node, std::map<std::string, size_t>& names,
                std::vector<MatrixUse>& uses);
  void mark_last_uses();

  std::string path_;
  std::vector<std::pair<std::string, std::string>> metadata_;
  std::vector<ValueInfo> values_;  // value 0 is the input image
  std::vector<size_t> storage_;    // for each value, the one that holds its data
  std::vector<Step> steps_;
  std::vector<MatrixSpec> matrices_;
  std::vector<int> positions_;
  size_t output_ = 0;
};

struct RunOptions {
  int threads = 0;        // 0: default_threads()
  bool progress = false;  // on stderr
  std::string title = "images";
  Observer observe = {};  // sees every multiplication
};

// Outputs of the network, classes × images. Throws ConfigError when the images have another size
// than the network's input, or are pixels where it takes features.
Eigen::MatrixXf logits(const Network& network, const MatrixEngine& engine, const ImageSet& images,
                       const RunOptions& options = {});
// The class with the largest output, the lowest one of equals, for each image.
std::vector<int> classify(const Network& network, const MatrixEngine& engine,
                          const ImageSet& images, const RunOptions& options = {});
// Share of images whose class is their label, 0 … 1.
double accuracy(const std::vector<int>& classes, const ImageSet& images);

// Input codes of every matrix on the given images with `engine` multiplying: element m is K ×
// (images · positions), images in order. For choosing operating points (training images) and for
// counting events.
std::vector<InputCodes> record_input_codes(const Network& network, const MatrixEngine& engine,
                                           const ImageSet& images, const RunOptions& options = {});

}  // namespace mho::chip
