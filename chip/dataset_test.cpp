// Data sets in their official layouts: plain and packed files are the same, and damaged ones end in one line that says what was expected.
#include "chip/dataset.hpp"

#include <doctest/doctest.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>

#include "core/errors.hpp"
#include "core/json_file.hpp"

using namespace mho;
using namespace mho::chip;

namespace {

struct TemporaryFolder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("mho_dataset_test_" + std::to_string(getpid()));
  TemporaryFolder() { std::filesystem::create_directories(path / "mnist"); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
};

std::string word(unsigned x) {
  return {static_cast<char>(x >> 24), static_cast<char>(x >> 16), static_cast<char>(x >> 8),
          static_cast<char>(x)};
}

// `count` images of 3 × 2 pixels: 0, 1, 2, …
std::string images(unsigned count) {
  std::string bytes = word(0x803) + word(count) + word(3) + word(2);
  for (unsigned i = 0; i < count * 6; ++i) bytes += static_cast<char>(i);
  return bytes;
}
std::string labels(unsigned count) {
  std::string bytes = word(0x801) + word(count);
  for (unsigned i = 0; i < count; ++i) bytes += static_cast<char>(i % 10);
  return bytes;
}

void write_packed(const std::string& path, const std::string& bytes) {
  const gzFile file = gzopen(path.c_str(), "wb");
  REQUIRE(gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size())) ==
          static_cast<int>(bytes.size()));
  gzclose(file);
}

void check_refused(const std::string& images_path, const std::string& labels_path,
                   const std::string& named, const std::string& what) {
  try {
    load_image_set(images_path, labels_path);
    FAIL("not refused");
  } catch (const IoError& e) {
    const std::string text = e.what();
    CHECK(e.path == named);
    CHECK(text.find('\n') == std::string::npos);
    CHECK_MESSAGE(text.find(what) != std::string::npos, text);
  }
}

}  // namespace

TEST_CASE("plain and packed files hold the same images") {
  const TemporaryFolder folder;
  write_text_file(folder.file("train-images-idx3-ubyte"), images(4));
  write_packed(folder.file("train-labels-idx1-ubyte.gz"), labels(4));
  write_packed(folder.file("mnist/t10k-images-idx3-ubyte.gz"), images(4));
  write_text_file(folder.file("mnist/t10k-labels-idx1-ubyte"), labels(4));
  const ImageSet train = load_mnist(folder.path, Split::train),
                 test = load_mnist(folder.path, Split::test);
  CHECK(train.size() == 4);
  CHECK(train.height == 3);
  CHECK(train.width == 2);
  CHECK(train.image(2)[1] == 13);
  CHECK(train.labels == std::vector<std::uint8_t>{0, 1, 2, 3});
  CHECK(test.pixels == train.pixels);
  CHECK(test.labels == train.labels);
  const ImageSet part = train.slice(1, 2);
  CHECK(part.size() == 2);
  CHECK(part.image(0)[0] == 6);
  CHECK(train.slice(3, 10).size() == 1);
  CHECK(train.slice(9, 10).size() == 0);
}

TEST_CASE("files that are missing, truncated or of another kind are named") {
  const TemporaryFolder folder;
  const std::string i = folder.file("i"), l = folder.file("l");
  write_text_file(l, labels(4));
  check_refused(i, l, i, "cannot be read: No such file");
  check_refused(folder.path, l, folder.path, "is a folder");
  const std::string good = images(4);
  write_text_file(i, good.substr(0, good.size() - 1));
  check_refused(i, l, i,
                "is truncated: the header says 4 × 3 × 2 images = 24 bytes, the file has 23");
  write_text_file(i, good.substr(0, 9));
  check_refused(i, l, i, "is truncated: it ends inside the header");
  write_text_file(i, good + "x");
  check_refused(i, l, i, "is longer than the 4 × 3 × 2 images");
  write_text_file(i, labels(4));
  check_refused(i, l, i, "begins with 0x00000801 instead of 0x00000803");
  write_text_file(i, word(0x803) + word(0xffffffff) + word(0xffffffff) + word(0xffffffff));
  check_refused(i, l, i, "damaged header");
  write_text_file(i, images(5));
  check_refused(i, l, l, "holds 4 labels, but " + i + " holds 5 images");
  write_packed(i, good);
  const std::string packed = read_text_file(i);
  write_text_file(i, packed.substr(0, packed.size() / 2));
  check_refused(i, l, i, "");
  CHECK_THROWS_AS(load_mnist(folder.path, Split::train), IoError);
  CHECK_THROWS_AS(load_mnist(folder.file("nowhere"), Split::train), IoError);
}

TEST_CASE("the shipped excerpt is there") {
  const std::string folder = MHO_SOURCE_DIR "/examples/data/mnist";
  const ImageSet train = load_mnist(folder, Split::train), test = load_mnist(folder, Split::test);
  CHECK(train.size() == 500);
  CHECK(test.size() == 1000);
  CHECK(train.labels[0] == 5);  // the first digits of the official files
  CHECK(test.labels[0] == 7);
}

TEST_CASE("CIFAR-10: planes of colours become pixels, five files one set, damaged files are named") {
  const TemporaryFolder folder;
  const std::filesystem::path batches = folder.path / "cifar-10-batches-bin";
  std::filesystem::create_directories(batches);
  const auto record = [](char label, char shift) {
    std::string bytes(1, label);
    for (int c = 0; c < 3; ++c)
      for (int p = 0; p < 1024; ++p) bytes += static_cast<char>(p % 64 + 64 * c + shift);
    return bytes;
  };
  for (const char number : {'1', '2', '3', '4', '5'}) {
    const std::string name = (batches / (std::string("data_batch_") + number + ".bin")).string();
    const auto label = static_cast<char>(number - '0');
    if (number == '3') write_packed(name + ".gz", record(label, 3));
    else write_text_file(name, record(label, static_cast<char>(label)) + (number == '5' ? record(9, 0) : ""));
  }
  const ImageSet train = load_data_set(DataSet::cifar10, folder.path, Split::train);
  CHECK(train.labels == std::vector<std::uint8_t>{1, 2, 3, 4, 5, 9});
  CHECK(train.channels == 3);
  CHECK(train.elements() == 3072);
  CHECK(train.pixels.size() == 6 * 3072);
  for (const int p : {0, 33, 1023})
    for (int c = 0; c < 3; ++c) CHECK(int(train.image(2)[3 * p + c]) == p % 64 + 64 * c + 3);
  CHECK(train.slice(5, 1).image(0)[2] == 128);
  CHECK(train.slice(5, 1).channels == 3);

  const auto refused = [&](const std::string& bytes, const std::string& what) {
    const std::string path = (batches / "test_batch.bin").string();
    write_text_file(path, bytes);
    try {
      load_cifar10(folder.path, Split::test);
      FAIL("not refused");
    } catch (const IoError& e) {
      CHECK(e.path == path);
      CHECK_MESSAGE(std::string(e.what()).find(what) != std::string::npos, e.what());
    }
  };
  CHECK_THROWS_AS(load_cifar10(folder.path, Split::test), IoError);
  refused("", "is empty");
  refused(record(1, 0).substr(0, 3000), "record 1 has 3000 of the 3073 bytes");
  refused(record(1, 0) + "x", "record 2 has 1 of the 3073 bytes");
  refused(record(10, 0), "record 1 has the label 10");
}
