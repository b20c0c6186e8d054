// Labelled images in the official layouts of their data sets: MNIST (IDX files; Y. LeCun, C. Cortes, yann.lecun.com/exdb/mnist)
// and CIFAR-10 (binary version; A. Krizhevsky, cs.toronto.edu/~kriz/cifar.html), plain or gzip. Spoken words are chip/speech.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mho::chip {

struct ImageSet {
  int channels = 1;                  // 1: grey, 3: red, green, blue
  int height = 0, width = 0;         // [pixels]
  std::vector<std::uint8_t> pixels;  // size() × height × width × channels, row by row, the channels of a pixel side by side
  std::vector<float> features = {};  // instead of pixels, in the same layout: sequences of height frames, width 1. One of the two is filled
  std::vector<std::uint8_t> labels;  // size()
  std::string source;                // file of the images, for messages and manifests

  size_t size() const { return labels.size(); }
  size_t elements() const { return static_cast<size_t>(channels) * static_cast<size_t>(height) * static_cast<size_t>(width); }  // of one image
  const std::uint8_t* image(size_t i) const { return pixels.data() + i * elements(); }
  const float* sequence(size_t i) const { return features.data() + i * elements(); }
  // Images first … first + count − 1, fewer when the set ends before.
  ImageSet slice(size_t first, size_t count) const;
};

enum class Split { train, test };

// Reads one file of images and the file of their labels. Throws IoError when a file is missing, is
// not IDX of the expected kind or is truncated, or when the two counts differ: one line that names
// the file, what was expected and what was found.
ImageSet load_image_set(const std::string& images_path, const std::string& labels_path);

// Reads {train,t10k}-images-idx3-ubyte and -labels-idx1-ubyte, each with or without .gz, from
// `folder` or from folder/mnist.
ImageSet load_mnist(const std::string& folder, Split split);

// Reads records of one byte of label and 32 × 32 bytes of red, green and blue each, as many as a file holds: data_batch_1.bin … data_batch_5.bin, or
// test_batch.bin, each with or without .gz, from `folder` or its subfolder cifar-10-batches-bin, cifar10 or cifar10/cifar-10-batches-bin. Throws IoError
// when a file is missing, empty or not a whole number of records, or holds a label above 9.
ImageSet load_cifar10(const std::string& folder, Split split);

// The data sets that a job names in data.set.
enum class DataSet { mnist, cifar10, speech };
inline constexpr std::array<std::string_view, 3> data_set_names{"mnist", "cifar10", "speech"};
DataSet data_set(std::string_view name);  // of one of these names
ImageSet load_data_set(DataSet set, const std::string& folder, Split split);

}  // namespace mho::chip
