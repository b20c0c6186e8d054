// Training of a Boltzmann machine is reproducible and resumable, stays within its limits, and learns to recover images.
#include <torch/torch.h>
#undef CHECK  // glog's, which comes with libtorch
#include "train/rbm_trainer.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "chip/rbm.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"

using namespace mho;
using namespace mho::train;

namespace {

struct TemporaryFolder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("mho_rbm_trainer_test_" + std::to_string(getpid()));
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
};

RbmOptions small_options() {
  RbmOptions o;
  o.hidden = 40, o.epochs = 4, o.steps = 1, o.learning_rate = 0.05, o.noise = 0.1, o.validation_images = 50;
  return o;
}

chip::ImageSet training_images() { return chip::load_mnist(MHO_SOURCE_DIR "/examples/data", chip::Split::train); }

}  // namespace

TEST_CASE("two runs, and a run stopped and resumed, write the same bytes; images come back closer") {
  const TemporaryFolder folder;
  const chip::ImageSet images = training_images();
  const RbmOptions options = small_options();
  const RbmResult result = train_rbm(options, images, folder.file("a.onnx"));
  CHECK(result.error_flips < 0.8 * result.initial_flips);
  train_rbm(options, images, folder.file("b.onnx"));
  CHECK(read_text_file(folder.file("a.onnx")) == read_text_file(folder.file("b.onnx")));
  train_rbm(options, images, folder.file("c.onnx"), 1);
  CHECK_FALSE(std::filesystem::exists(folder.file("c.onnx")));
  train_rbm(options, images, folder.file("c.onnx"));
  CHECK(read_text_file(folder.file("a.onnx")) == read_text_file(folder.file("c.onnx")));
  RbmOptions other = options;
  other.seed = 2;
  train_rbm(other, images, folder.file("c.onnx"));
  CHECK(read_text_file(folder.file("a.onnx")) != read_text_file(folder.file("c.onnx")));
}

TEST_CASE("weights and biases stay within what the cells can hold") {
  const TemporaryFolder folder;
  RbmOptions options = small_options();
  options.weight_limit = 0.05, options.learning_rate = 0.5, options.epochs = 1;
  train_rbm(options, training_images(), folder.file("a.onnx"));
  const chip::Rbm rbm = chip::read_rbm(folder.file("a.onnx"));
  CHECK(rbm.weights.cwiseAbs().maxCoeff() == 0.05f);  // reached, not passed
  CHECK(rbm.visible_bias.cwiseAbs().maxCoeff() <= 0.2f);
  CHECK(rbm.hidden_bias.cwiseAbs().maxCoeff() <= 0.8f);
}

TEST_CASE("options: unknown keys and noise levels that are none end in one line; too few images too") {
  TomlFile unknown = TomlFile::from_text("task = \"rbm\"\n[training]\nepoch = 3\n", "t.toml");
  CHECK_THROWS_AS(read_rbm_options(unknown), ConfigError);
  TomlFile level = TomlFile::from_text("[grid]\ntest_noise = [\"much\"]\n", "t.toml");
  CHECK_THROWS_WITH_AS(read_rbm_options(level), doctest::Contains("'much' is not a noise level"), ConfigError);
  RbmOptions options = small_options();
  options.validation_images = 500;
  CHECK_THROWS_WITH_AS(train_rbm(options, training_images(), "unused.onnx"), doctest::Contains("500 are set aside for validation"), ConfigError);
}
