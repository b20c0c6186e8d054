// Training is reproducible and resumable, learns, and its network is what the ONNX file says.
#include <torch/torch.h>
#undef CHECK  // glog's, which comes with libtorch
#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>

#include "chip/network.hpp"
#include "chip/software_engine.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "train/checkpoint.hpp"
#include "train/export_onnx.hpp"
#include "train/quantized_cnn.hpp"
#include "train/trainer.hpp"

using namespace mho;
using namespace mho::train;

namespace {

struct TemporaryFolder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("mho_train_test_" + std::to_string(getpid()));
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
};

TrainingOptions small_options() {
  TrainingOptions o;
  o.layers = {"conv 4", "pool", "conv 8", "pool", "dense 10"};
  o.epochs = 3;
  o.batch = 32;
  o.learning_rate = 5e-3;
  o.noise = 0.1;
  o.validation_images = 100;
  return o;
}

chip::ImageSet shipped_training_images() {
  return chip::load_mnist(MHO_SOURCE_DIR "/examples/data", chip::Split::train);
}

}  // namespace

TEST_CASE("two runs, and a run stopped and resumed, write the same bytes, chance is beaten") {
  const TemporaryFolder folder;
  const chip::ImageSet images = shipped_training_images();
  const TrainingOptions options = small_options();
  const TrainingResult result = train_network(options, images, folder.file("a.onnx"));
  CHECK(result.validation_accuracy > 0.5);  // chance: 0.1
  train_network(options, images, folder.file("b.onnx"));
  CHECK(read_text_file(folder.file("a.onnx")) == read_text_file(folder.file("b.onnx")));

  train_network(options, images, folder.file("c.onnx"), 1);
  CHECK_FALSE(std::filesystem::exists(folder.file("c.onnx")));
  CHECK(std::filesystem::exists(folder.file("c.onnx.checkpoint")));
  train_network(options, images, folder.file("c.onnx"));
  CHECK(read_text_file(folder.file("a.onnx")) == read_text_file(folder.file("c.onnx")));

  // A checkpoint of other options is not continued.
  TrainingOptions other = options;
  other.seed = 2;
  train_network(other, images, folder.file("c.onnx"));
  CHECK(read_text_file(folder.file("a.onnx")) != read_text_file(folder.file("c.onnx")));
}

TEST_CASE("the exported network gives the outputs of the trained one") {
  const chip::ImageSet images = shipped_training_images().slice(0, 40);
  TrainingOptions options = small_options();
  SUBCASE("one layer after another") {}
  SUBCASE("residual, normalised and folded") {
    options.layers = {"conv 4", "block 4", "block 8 /2", "average", "dense 10"};
    options.batch_normalization = true;
  }
  QuantizedCnn trained(options, 1, 28, 28);
  trained.fold();
  const chip::Network network(to_onnx(trained, options, {}, images));
  const Eigen::MatrixXf found =
      chip::logits(network, chip::SoftwareEngine(network.matrices()), images);

  torch::Tensor input = torch::empty({40, 1, 28, 28});
  for (size_t i = 0; i < images.pixels.size(); ++i) {
    input.data_ptr<float>()[i] =
        static_cast<float>(std::nearbyint(images.pixels[i] / 255.0 * 7.0) / 7.0);
  }
  const torch::NoGradGuard guard;
  RandomStream unused(1, 0, 0, 0, Purpose::test);
  const torch::Tensor expected = trained.forward(input, 0.0, unused).contiguous();
  const Eigen::Map<const Eigen::MatrixXf> outputs(expected.data_ptr<float>(), 10, 40);
  // Sums in another order may put an activation on the other side of a decision; nearly all images
  // have none such.
  const Eigen::VectorXf differences =
      (found - outputs).cwiseAbs().colwise().maxCoeff() / outputs.cwiseAbs().maxCoeff();
  CHECK((differences.array() < 1e-5f).count() >= 36);
}

TEST_CASE("folding batch normalisation does not change what a network computes; a resumed run folds where the other did") {
  TrainingOptions options = small_options();
  options.layers = {"conv 4", "block 4", "block 8 /2", "average", "dense 10"};
  options.batch_normalization = true;
  options.folded_epochs = 1;
  options.flip = true;
  options.bias_rows = 4;
  options.shift = 0;
  QuantizedCnn network(options, 1, 28, 28);
  // conv, two and three matrices of the blocks, dense; a code after conv, inside and after each block, after the average.
  CHECK(network.matrices.size() == 7);
  CHECK(network.clips.size() == 6);
  CHECK(network.matrices[5].weights.size(2) == 1);
  RandomStream random(1, 0, 0, 0, Purpose::test);
  const torch::NoGradGuard guard;
  for (Matrix& m : network.matrices) {
    if (!m.normalised()) continue;
    m.mean.fill_(0.3);
    m.variance.fill_(2.5);
    m.gain.fill_(1.2);
    m.bias.fill_(0.2);
  }
  const torch::Tensor images = torch::arange(5 * 28 * 28).reshape({5, 1, 28, 28}).remainder(8).div(7.0);
  const torch::Tensor before = network.forward(images, 0.0, random);
  network.fold();
  CHECK_FALSE(network.normalised());
  const torch::Tensor after = network.forward(images, 0.0, random);
  CHECK((before - after).abs().max().item<double>() <= 1e-4 * before.abs().max().item<double>());

  const TemporaryFolder folder;
  const chip::ImageSet set = shipped_training_images();
  torch::AutoGradMode on(true);
  options.epochs = 2;
  const auto bytes_of = [&](const std::string& name) { return read_text_file(folder.file(name)); };
  train_network(options, set, folder.file("a.onnx"));
  train_network(options, set, folder.file("b.onnx"), 1);
  train_network(options, set, folder.file("b.onnx"));
  CHECK(bytes_of("a.onnx") == bytes_of("b.onnx"));
}

TEST_CASE("the quantiser rounds to multiples of clip / 7 and passes gradients as PACT does") {
  torch::Tensor x = torch::tensor({-1.0f, 0.1f, 1.0f, 2.9f, 3.5f, 8.0f}).set_requires_grad(true);
  torch::Tensor clip = torch::tensor(3.0f).set_requires_grad(true);
  const torch::Tensor y = quantize_activation(x, clip, 3);
  const float lsb = 3.0f / 7;
  const float expected[] = {0, 0, 2 * lsb, 3, 3, 3};
  for (int i = 0; i < 6; ++i) CHECK(y[i].item<float>() == doctest::Approx(expected[i]).scale(1e-30));
  y.sum().backward();
  const float gradient[] = {0, 1, 1, 1, 0, 0};
  for (int i = 0; i < 6; ++i) CHECK(x.grad()[i].item<float>() == gradient[i]);
  CHECK(clip.grad().item<float>() == 2);
}

TEST_CASE("weights and biases stay within their limits") {
  QuantizedCnn network(small_options(), 1, 28, 28);
  {
    const torch::NoGradGuard guard;
    network.matrices[1].bias.fill_(100.0);
  }
  network.limit_parameters(1.5, 1.0);
  const double most = network.matrices[1].weights.abs().max().item<double>();
  CHECK(most <= 1.5 * network.matrices[1].weights.std().item<double>() *
                    1.5);  // clipping shrinks the deviation a little
  CHECK(network.matrices[1].bias.abs().max().item<double>() <=
        most * network.clips[0].item<double>() * 1.0001);
}

TEST_CASE("noise and limits by column follow each output's own weights") {
  TrainingOptions options = small_options();
  options.noise_by_column = true;
  options.layers = {"dense 2"};
  QuantizedCnn network(options, 1, 28, 28);
  const torch::NoGradGuard guard;
  network.matrices[0].weights[1].mul_(0.01);
  const torch::Tensor images = torch::ones({1, 1, 28, 28});
  RandomStream random(3, 0, 0, 0, Purpose::test);
  const torch::Tensor clean = network.forward(images, 0.0, random);
  double square[2] = {0, 0};
  constexpr int draws = 400;
  for (int d = 0; d < draws; ++d) {
    const torch::Tensor moved = network.forward(images, 0.1, random) - clean;
    for (int j = 0; j < 2; ++j) square[j] += std::pow(moved[0][j].item<double>(), 2) / draws;
  }
  // 784 inputs of 1 and the bias: variance 785 σ², σ = 0.1 max |w|; the variance of 400 draws is known within 7 %, four standard errors are 28 %.
  for (int j = 0; j < 2; ++j) {
    const double sigma = 0.1 * network.matrices[0].weights[j].abs().max().item<double>();
    CHECK(square[j] == doctest::Approx(785 * sigma * sigma).scale(1e-30).epsilon(0.28));
  }
  network.matrices[0].bias.fill_(1e3);
  network.limit_parameters(1.5, 2.0);
  for (int j = 0; j < 2; ++j) {
    const double most = network.matrices[0].weights[j].abs().max().item<double>();
    CHECK(most <= 1.5 * 1.5 * network.matrices[0].weights[j].std().item<double>());
    CHECK(network.matrices[0].bias[j].item<double>() == doctest::Approx(2 * most).scale(1e-30));
  }
}

TEST_CASE("wrong options and damaged checkpoints end in one line") {
  const auto read = [](const std::string& text) {
    TomlFile file = TomlFile::from_text(text, "t.toml");
    return read_training_options(file);
  };
  CHECK(read("[network]\nlayers = [\"conv 8\", \"pool\", \"dense 10\"]\n").layers.size() == 3);
  CHECK_THROWS_AS(read("[network]\nlayers = [\"conv 8\", \"pool\"]\n"), ConfigError);
  CHECK(read("[network]\nlayers = [\"conv 8 /2\", \"block 8 /2\", \"average\", \"dense 10\"]\n").layers.size() == 4);
  CHECK_THROWS_AS(read("[network]\nlayers = [\"conv 8 /0\", \"dense 10\"]\n"), ConfigError);
  CHECK_THROWS_AS(read("[network]\nlayers = [\"block 8\", \"dense 10\"]\n"), ConfigError);
  CHECK_THROWS_AS(read("[network]\nlayers = [\"conv 8\", \"average\", \"conv 8\", \"dense 10\"]\n"), ConfigError);
  CHECK_THROWS_AS(read("[network]\nlayers = [\"convolution 8\", \"dense 10\"]\n"), ConfigError);
  CHECK_THROWS_AS(read("[network]\nlayers = [\"conv 8x\", \"dense 10\"]\n"), ConfigError);
  CHECK_THROWS_AS(read("[network]\nlayers = [\"dense 10\", \"conv 3\", \"dense 10\"]\n"),
                  ConfigError);
  CHECK_THROWS_AS(read("[network]\nlayers = [\"dense 10\"]\n[training]\nnoice = 0.1\n"),
                  ConfigError);
  CHECK_THROWS_AS(read("[network]\nlayers = [\"dense 10\"]\n[training]\nnoise = 2\n"), ConfigError);
  const TemporaryFolder folder;
  TrainingOptions many = small_options();
  many.validation_images = 500;
  CHECK_THROWS_AS(train_network(many, shipped_training_images(), folder.file("x.onnx")),
                  ConfigError);
  write_text_file(folder.file("plain"), "a file, not a folder");
  CHECK_THROWS_AS(
      train_network(small_options(), shipped_training_images(), folder.file("plain/x.onnx")),
      IoError);
  write_text_file(folder.file("x.onnx.checkpoint"), "damaged");
  CHECK_THROWS_AS(train_network(small_options(), shipped_training_images(), folder.file("x.onnx")),
                  IoError);
}
