#include "chip/dataset.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "chip/speech/speech_commands.hpp"
#include "core/errors.hpp"

namespace mho::chip {
namespace {

// Magic numbers: 0x00 0x00, element type 0x08 (unsigned byte), number of dimensions.
constexpr std::uint32_t image_magic = 0x00000803;
constexpr std::uint32_t label_magic = 0x00000801;
constexpr std::uint64_t largest_payload =
    1ull << 31;  // [bytes] a header that asks for more is taken as damaged

struct GzClose {
  void operator()(gzFile file) const { gzclose(file); }
};
using GzHandle = std::unique_ptr<gzFile_s, GzClose>;

// Reads up to `size` bytes; fewer at the end of the file. zlib passes files that are not gzip
// through unchanged.
size_t read_bytes(gzFile file, const std::string& path, std::uint8_t* to, size_t size) {
  size_t done = 0;
  while (done < size) {
    const auto piece = static_cast<unsigned>(std::min<size_t>(size - done, 1u << 24));
    const int got = gzread(file, to + done, piece);
    int code = Z_OK;
    const char* what = gzerror(file, &code);
    if (got < 0 || (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)) {
      throw IoError(path, fmt::format("cannot be unpacked: {}",
                                      code == Z_ERRNO ? std::strerror(errno) : what));
    }
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  return done;
}

struct Idx {
  std::vector<size_t> shape;
  std::vector<std::uint8_t> bytes;
};

std::string shape_text(const std::vector<size_t>& shape) {
  return fmt::format("{}", fmt::join(shape, " × "));
}

Idx read_idx(const std::string& path, std::uint32_t magic, const std::string& kind) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    throw IoError(path, "is a folder, not a file of IDX " + kind);
  const GzHandle file(gzopen(path.c_str(), "rb"));
  if (!file) throw IoError(path, fmt::format("cannot be read: {}", std::strerror(errno)));
  const auto word = [&] {
    std::array<std::uint8_t, 4> b{};
    const size_t got = read_bytes(file.get(), path, b.data(), b.size());
    if (got < b.size())
      throw IoError(path, fmt::format("is truncated: it ends inside the header of IDX {}", kind));
    return std::uint32_t{b[0]} << 24 | std::uint32_t{b[1]} << 16 | std::uint32_t{b[2]} << 8 |
           std::uint32_t{b[3]};
  };
  const std::uint32_t found = word();
  if (found != magic) {
    throw IoError(
        path, fmt::format("is not a file of IDX {}: it begins with 0x{:08x} instead of 0x{:08x}",
                          kind, found, magic));
  }
  Idx idx;
  std::uint64_t size = 1;
  for (std::uint32_t d = 0; d < (magic & 0xff); ++d) {
    idx.shape.push_back(word());
    if (idx.shape.back() == 0)
      throw IoError(path, fmt::format("holds no {}: dimension {} is 0", kind, d + 1));
    size =
        idx.shape.back() > largest_payload / size ? largest_payload + 1 : size * idx.shape.back();
    if (size > largest_payload) {
      throw IoError(path, fmt::format("has a damaged header: {} of {} are more than 2 GiB",
                                      shape_text(idx.shape), kind));
    }
  }
  idx.bytes.resize(size);
  const size_t got = read_bytes(file.get(), path, idx.bytes.data(), idx.bytes.size());
  if (got < size) {
    throw IoError(path,
                  fmt::format("is truncated: the header says {} {} = {} bytes, the file has {}",
                              shape_text(idx.shape), kind, size, got));
  }
  std::uint8_t extra = 0;
  if (read_bytes(file.get(), path, &extra, 1) != 0) {
    throw IoError(path, fmt::format("is longer than the {} {} that its header says",
                                    shape_text(idx.shape), kind));
  }
  return idx;
}

// Throws unless `folder` is one.
void require_folder(const std::string& folder, std::string_view files) {
  std::error_code ignored;
  if (!std::filesystem::is_directory(folder, ignored)) throw IoError(folder, fmt::format("is not a folder; expected one with the {}", files));
}

// The first of folder/name, folder/name.gz and the same in each subfolder that exists.
std::string find_file(const std::string& folder, const std::string& name, std::string_view files, std::span<const char* const> subfolders) {
  const auto in = [&](std::string_view subfolder) -> std::string {
    for (const char* ending : {"", ".gz"}) {
      const std::string path = fmt::format("{}/{}{}{}", folder, subfolder, name, ending);
      std::error_code ignored;
      if (std::filesystem::exists(path, ignored)) return path;
    }
    return {};
  };
  if (std::string path = in(""); !path.empty()) return path;
  for (const char* subfolder : subfolders)
    if (std::string path = in(fmt::format("{}/", subfolder)); !path.empty()) return path;
  throw IoError(folder, fmt::format("holds no {0} or {0}.gz ({1}), nor does its subfolder {2}", name, files, fmt::join(subfolders, " or ")));
}

constexpr size_t cifar_side = 32, cifar_channels = 3, cifar_plane = cifar_side * cifar_side;
constexpr size_t cifar_record = 1 + cifar_channels * cifar_plane;  // [bytes]
constexpr int cifar_classes = 10;

// Appends the records of one file; planes of colours become pixels.
void add_cifar_file(const std::string& path, ImageSet& set) {
  const GzHandle file(gzopen(path.c_str(), "rb"));
  if (!file) throw IoError(path, fmt::format("cannot be read: {}", std::strerror(errno)));
  std::array<std::uint8_t, cifar_record> record{};
  for (size_t count = 0;; ++count) {
    const size_t got = read_bytes(file.get(), path, record.data(), record.size());
    if (got == 0 && count == 0) throw IoError(path, "is empty");
    if (got == 0) return;
    if (got < record.size())
      throw IoError(path, fmt::format("is truncated: record {} has {} of the {} bytes of a CIFAR-10 record", count + 1, got, record.size()));
    if (record[0] >= cifar_classes)
      throw IoError(path, fmt::format("is not of CIFAR-10's binary version: record {} has the label {}", count + 1, record[0]));
    set.labels.push_back(record[0]);
    const size_t at = set.pixels.size();
    set.pixels.resize(at + cifar_channels * cifar_plane);
    for (size_t c = 0; c < cifar_channels; ++c)
      for (size_t p = 0; p < cifar_plane; ++p) set.pixels[at + p * cifar_channels + c] = record[1 + c * cifar_plane + p];
  }
}

}  // namespace

ImageSet ImageSet::slice(size_t first, size_t count) const {
  first = std::min(first, size());
  count = std::min(count, size() - first);
  ImageSet part{.channels = channels, .height = height, .width = width, .pixels = {}, .labels = {}, .source = source};
  if (!pixels.empty()) part.pixels.assign(image(first), image(first + count));
  if (!features.empty()) part.features.assign(sequence(first), sequence(first + count));
  part.labels.assign(labels.data() + first, labels.data() + first + count);
  return part;
}

ImageSet load_image_set(const std::string& images_path, const std::string& labels_path) {
  Idx images = read_idx(images_path, image_magic, "images");
  Idx labels = read_idx(labels_path, label_magic, "labels");
  if (images.shape[0] != labels.shape[0]) {
    throw IoError(labels_path, fmt::format("holds {} labels, but {} holds {} images",
                                           labels.shape[0], images_path, images.shape[0]));
  }
  if (images.shape[1] > 4096 || images.shape[2] > 4096) {
    throw IoError(images_path, fmt::format("has images of {} × {} pixels, more than 4096 × 4096",
                                           images.shape[1], images.shape[2]));
  }
  ImageSet set;
  set.height = static_cast<int>(images.shape[1]);
  set.width = static_cast<int>(images.shape[2]);
  set.pixels = std::move(images.bytes);
  set.labels = std::move(labels.bytes);
  set.source = images_path;
  return set;
}

ImageSet load_mnist(const std::string& folder, Split split) {
  constexpr std::string_view files = "IDX files of MNIST";
  constexpr std::array<const char*, 1> subfolders{"mnist"};
  require_folder(folder, files);
  const char* prefix = split == Split::train ? "train" : "t10k";
  const std::string images = find_file(folder, fmt::format("{}-images-idx3-ubyte", prefix), files, subfolders);
  return load_image_set(images, find_file(folder, fmt::format("{}-labels-idx1-ubyte", prefix), files, subfolders));
}

ImageSet load_cifar10(const std::string& folder, Split split) {
  constexpr std::string_view files = "binary version of CIFAR-10";
  constexpr std::array<const char*, 3> subfolders{"cifar-10-batches-bin", "cifar10", "cifar10/cifar-10-batches-bin"};
  require_folder(folder, files);
  std::vector<std::string> names{"test_batch.bin"};
  if (split == Split::train) names = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "data_batch_4.bin", "data_batch_5.bin"};
  ImageSet set{.channels = cifar_channels, .height = cifar_side, .width = cifar_side, .pixels = {}, .labels = {}, .source = {}};
  for (const std::string& name : names) {
    const std::string path = find_file(folder, name, files, subfolders);
    if (set.source.empty()) set.source = path;
    add_cifar_file(path, set);
  }
  return set;
}

DataSet data_set(std::string_view name) {
  const auto found = std::find(data_set_names.begin(), data_set_names.end(), name);
  MHO_ASSERT(found != data_set_names.end());
  return static_cast<DataSet>(found - data_set_names.begin());
}

ImageSet load_data_set(DataSet set, const std::string& folder, Split split) {
  switch (set) {
    case DataSet::cifar10:
      return load_cifar10(folder, split);
    case DataSet::speech:
      return load_speech(folder, split);
    default:
      return load_mnist(folder, split);
  }
}

}  // namespace mho::chip
