// ONNX files: what is written is read again, and damaged files end in one line.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <limits>

#include "chip/network.hpp"
#include "chip/onnx_builder.hpp"
#include "chip/onnx_reader.hpp"
#include "chip/onnx_writer.hpp"
#include "chip/software_engine.hpp"
#include "core/json_file.hpp"

using namespace mho;
using namespace mho::chip;

namespace {

struct TemporaryFolder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("mho_onnx_test_" + std::to_string(getpid()));
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
};

OnnxModel model_with_everything() {
  OnnxBuilder b(9, 8, 3);
  b.conv(1, 3, {3, 3}, {1, 1}, {1, 1, 1, 1})
      .quantize(2.0f, 3)
      .pool({2, 2}, {2, 2}, {0, 0, 0, 0}, true);
  b.node("Reshape", {b.add(OnnxTensor::of_integers(ElementType::int64, {2}, {-1, 60}))})
      .dense(60, 4);
  b.model.nodes.back().attributes["beta"] = 0.5f;
  b.model.metadata = {{"mho.input", "pixel / 255"}, {"mho.training", "none"}};
  return b.model;
}

std::string read_error(const std::string& path) {
  try {
    read_onnx(path);
  } catch (const ConfigError& e) {
    CHECK(std::string(e.what()).find('\n') == std::string::npos);
    CHECK(std::string(e.what()).find(path) == 0);
    return e.what();
  }
  return {};
}

}  // namespace

TEST_CASE("a model written and read again is the same, and runs the same") {
  const TemporaryFolder folder;
  const OnnxModel model = model_with_everything();
  write_onnx(model, folder.file("a.onnx"));
  const OnnxModel again = read_onnx(folder.file("a.onnx"));
  CHECK(again.constants == model.constants);
  CHECK(again.metadata == model.metadata);
  CHECK(again.inputs[0].shape == model.inputs[0].shape);
  REQUIRE(again.nodes.size() == model.nodes.size());
  for (size_t i = 0; i < model.nodes.size(); ++i) {
    CHECK(again.nodes[i].name == model.nodes[i].name);
    CHECK(again.nodes[i].type == model.nodes[i].type);
    CHECK(again.nodes[i].inputs == model.nodes[i].inputs);
    CHECK(again.nodes[i].attributes == model.nodes[i].attributes);
  }
  const Network before(model), after(again);
  const ImageSet images = random_images(9, 8, 6, 1);
  CHECK(logits(before, SoftwareEngine(before.matrices()), images) ==
        logits(after, SoftwareEngine(after.matrices()), images));
  write_onnx(again, folder.file("b.onnx"));
  CHECK(read_text_file(folder.file("a.onnx")) == read_text_file(folder.file("b.onnx")));
}

TEST_CASE("a truncated file is refused, wherever it ends before the metadata") {
  const TemporaryFolder folder;
  OnnxModel model = model_with_everything();
  model.metadata.clear();
  write_onnx(model, folder.file("a.onnx"));
  const std::string bytes = read_text_file(folder.file("a.onnx"));
  for (size_t length = 0; length < bytes.size(); length += 7) {
    write_text_file(folder.file("cut.onnx"), std::string_view(bytes).substr(0, length));
    CHECK_FALSE(read_error(folder.file("cut.onnx")).empty());
  }
}

TEST_CASE("a file with damaged bytes is refused or read, but never crashes") {
  const TemporaryFolder folder;
  write_onnx(model_with_everything(), folder.file("a.onnx"));
  const std::string bytes = read_text_file(folder.file("a.onnx"));
  RandomStream random(5, 0, 0, 0, Purpose::test);
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    std::string damaged = bytes;
    damaged[random.below(static_cast<std::uint32_t>(bytes.size()))] =
        static_cast<char>(random.below(256));
    write_text_file(folder.file("d.onnx"), damaged);
    try {
      const Network network = Network::load(folder.file("d.onnx"));
      const ImageSet images = random_images(network.input().height, network.input().width, 1, 1);
      if (network.input().elements() < 1000)
        logits(network, SoftwareEngine(network.matrices()), images, {.threads = 1});
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(refused > 20);
}

TEST_CASE("other damage is named") {
  const TemporaryFolder folder;
  CHECK_THROWS_AS(read_onnx(folder.file("absent.onnx")), IoError);
  write_text_file(folder.file("text.onnx"), "this is not protobuf");
  CHECK(read_error(folder.file("text.onnx")).find("not an ONNX model") != std::string::npos);

  OnnxModel nan = model_with_everything();
  const std::string name = nan.nodes.back().inputs[1];
  nan.constants.at(name).floats[5] = std::numeric_limits<float>::quiet_NaN();
  write_onnx(nan, folder.file("nan.onnx"));
  CHECK(read_error(folder.file("nan.onnx"))
            .find("tensor '" + name + "': element 5 is nan; every value must be finite") !=
        std::string::npos);

  OnnxModel old = model_with_everything();
  old.opset = 7;
  write_onnx(old, folder.file("old.onnx"));
  CHECK(read_error(folder.file("old.onnx")).find("operator set 7; expected 9 or later") !=
        std::string::npos);

  CHECK_THROWS_AS(write_onnx(old, folder.file("no/such/folder/x.onnx")), IoError);
}
