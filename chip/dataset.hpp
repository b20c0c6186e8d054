// Labelled grey images in the IDX format of the MNIST data base (Y. LeCun, C. Cortes,
// yann.lecun.com/exdb/mnist), plain or gzip.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mho::chip {

struct ImageSet {
  int height = 0, width = 0;         // [pixels]
  std::vector<std::uint8_t> pixels;  // size() × height × width, row by row; 0 background, 255 ink
  std::vector<std::uint8_t> labels;  // size()
  std::string source;                // file of the images, for messages and manifests

  size_t size() const { return labels.size(); }
  const std::uint8_t* image(size_t i) const {
    return pixels.data() + i * static_cast<size_t>(height) * static_cast<size_t>(width);
  }
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

}  // namespace mho::chip
