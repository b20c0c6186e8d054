// Training of the speech network is reproducible and resumable, learns, and its network is what the ONNX file says.
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
#include "train/speech_trainer.hpp"

using namespace mho;
using namespace mho::train;

namespace {

struct TemporaryFolder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("mho_speech_training_" + std::to_string(getpid()));
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const { return (path / name).string(); }
};

const std::vector<std::string> words{"down", "left", "up"};

// Sequences whose second channel rises, falls or does neither, in noise; the order of frames matters, their mean does not.
chip::ImageSet ramps(size_t count) {
  constexpr int frames = 12, channels = 4;
  RandomStream random(3, 0, 0, 0, Purpose::test);
  chip::ImageSet set{.channels = channels, .height = frames, .width = 1, .pixels = {}, .labels = {}, .source = "ramps"};
  for (size_t i = 0; i < count; ++i) {
    const auto label = static_cast<std::uint8_t>(random.below(3));
    set.labels.push_back(label);
    for (int t = 0; t < frames; ++t)
      for (int c = 0; c < channels; ++c)
        set.features.push_back(static_cast<float>(100 * c + (c == 1 ? (t - 5.5) * (label - 1.0) : 0.0) + 0.7 * random.normal()));
  }
  return set;
}

SpeechOptions small_options() {
  SpeechOptions o;
  o.cells = 2;
  o.hidden = 8;
  o.epochs = 12;
  o.batch = 20;
  o.learning_rate = 2e-2;
  o.weight_clip = 1.0;
  o.noise = 0.05;
  o.shift = 1;
  o.validation_clips = 60;
  o.selection_draws = 1;
  return o;
}

}  // namespace

TEST_CASE("two runs, and a run stopped and resumed, write the same bytes, chance is beaten") {
  const TemporaryFolder folder;
  const chip::ImageSet clips = ramps(260);
  const SpeechOptions options = small_options();
  const TrainingResult result = train_speech(options, clips, words, folder.file("a.onnx"));
  CHECK(result.validation_accuracy > 0.8);  // chance: 0.33
  train_speech(options, clips, words, folder.file("b.onnx"), 5);
  CHECK_FALSE(std::filesystem::exists(folder.file("b.onnx")));
  train_speech(options, clips, words, folder.file("b.onnx"));
  CHECK(read_text_file(folder.file("a.onnx")) == read_text_file(folder.file("b.onnx")));
  SpeechOptions other = options;
  other.seed = 2;
  other.epochs = 1;
  train_speech(other, clips, words, folder.file("b.onnx"));
  CHECK(read_text_file(folder.file("a.onnx")) != read_text_file(folder.file("b.onnx")));
  const chip::Network network = chip::Network::load(folder.file("a.onnx"));
  CHECK(network.metadata("mho.classes") == "down, left, up");
  // Of the clips that trained it and of those that did not.
  CHECK(chip::accuracy(chip::classify(network, chip::SoftwareEngine(network.matrices()), clips), clips) > 0.8);
}

TEST_CASE("the exported network gives the outputs of the trained one") {
  const chip::ImageSet clips = ramps(50);
  for (const int bits : {4, 6}) {
    SpeechOptions options = small_options();
    options.hidden_bits = bits;
    options.validation_clips = 10;
    const SpeechLstm trained(options, clips.channels, 3);
    const FeatureScale scale = feature_scale(clips);
    const chip::Network network(to_onnx(trained, options, scale, {}, clips, words));
    const Eigen::MatrixXf found = chip::logits(network, chip::SoftwareEngine(network.matrices()), clips);
    torch::Tensor x = torch::from_blob(const_cast<float*>(clips.features.data()), {50, clips.height, clips.channels}).clone();
    x = (x - torch::tensor(scale.mean)) / torch::tensor(scale.deviation);
    const torch::NoGradGuard guard;
    RandomStream unused(1, 0, 0, 0, Purpose::test);
    const torch::Tensor expected = trained.forward(quantize_signed(x, options.input_clip, options.input_bits), 0.0, unused).contiguous();
    const Eigen::Map<const Eigen::MatrixXf> outputs(expected.data_ptr<float>(), 3, 50);
    // Sums in another order may put a value on the other side of a decision; most clips have none such.
    const Eigen::VectorXf differences = (found - outputs).cwiseAbs().colwise().maxCoeff() / outputs.cwiseAbs().maxCoeff();
    CHECK((differences.array() < 1e-5f).count() >= 45);
  }
}

TEST_CASE("the signed quantiser rounds to multiples of limit / 7 and passes gradients inside of the limits") {
  torch::Tensor x = torch::tensor({-3.0f, -0.9f, -0.1f, 0.2f, 0.45f, 1.5f}).set_requires_grad(true);
  const torch::Tensor y = quantize_signed(x, 1.0, 4);
  const float expected[] = {-7, -6, -1, 1, 3, 7};
  for (int i = 0; i < 6; ++i) CHECK(y[i].item<float>() * 7 == doctest::Approx(expected[i]).epsilon(1e-6));
  y.sum().backward();
  const float gradient[] = {0, 1, 1, 1, 1, 0};
  for (int i = 0; i < 6; ++i) CHECK(x.grad()[i].item<float>() == gradient[i]);
}

TEST_CASE("features are scaled to mean 0 and deviation 1") {
  const chip::ImageSet clips = ramps(100);
  const FeatureScale scale = feature_scale(clips);
  REQUIRE(scale.mean.size() == 4);
  // 1200 frames of deviation 0.7 around 100 c: 4 standard errors.
  for (const size_t c : {0u, 2u, 3u}) {
    CHECK(std::abs(double(scale.mean[c]) - 100.0 * double(c)) < 4 * 0.7 / std::sqrt(1200.0));
    CHECK(std::abs(double(scale.deviation[c]) - 0.7) < 4 * 0.7 / std::sqrt(2400.0));
  }
}

TEST_CASE("weights and biases stay within their limits") {
  SpeechLstm network(small_options(), 4, 3);
  {
    const torch::NoGradGuard guard;
    network.hidden_weights.mul_(100);
    network.input_bias.fill_(50);
  }
  network.limit_parameters(0.3);
  CHECK(network.hidden_weights.abs().max().item<double>() == doctest::Approx(0.3).epsilon(1e-6));
  CHECK(network.input_bias.max().item<double>() <= network.input_weights.abs().max().item<double>() * network.input_clip * 1.0001);
}

TEST_CASE("noise on weights has the deviation of each cell's largest weight") {
  SpeechOptions options = small_options();
  SpeechLstm network(options, 4, 3);
  const torch::NoGradGuard guard;
  // A cell without recurrent and input weights but one, whose outputs are its biases' noise through the dense layer's: only that they differ by draw.
  const torch::Tensor x = torch::zeros({1, 5, 4});
  RandomStream one(1, 0, 0, 0, Purpose::test), again(1, 0, 0, 0, Purpose::test), two(2, 0, 0, 0, Purpose::test);
  const torch::Tensor a = network.forward(x, 0.2, one), b = network.forward(x, 0.2, again), c = network.forward(x, 0.2, two);
  CHECK(a.equal(b));
  CHECK_FALSE(a.equal(c));
  // With nothing but the output layer's weights: Σ over cells of h · noise + noise of its bias at full scale 1.
  network.input_weights.zero_();
  network.hidden_weights.zero_();
  network.input_bias.zero_();
  double sum = 0;
  constexpr int draws = 400;
  for (std::uint64_t d = 0; d < draws; ++d) {
    RandomStream random(10 + d, 0, 0, 0, Purpose::test);
    sum += network.forward(x, 0.2, random).square().mean().item<double>();
  }
  const double expected = (network.output_weights.abs().amax({1, 2}) * 0.2).square().sum().item<double>();
  CHECK(sum / draws == doctest::Approx(expected).epsilon(4 * std::sqrt(2.0 / (3 * draws))));  // 4 standard errors
}

TEST_CASE("wrong options end in one line") {
  const auto read = [](const std::string& text) {
    TomlFile file = TomlFile::from_text(text, "t.toml");
    file.text("task", "");
    return read_speech_options(file);
  };
  CHECK(read("task = \"speech\"\n[network]\ncells = 3\n").cells == 3);
  CHECK_THROWS_AS(read("[network]\nhidden_bits = 1\n"), ConfigError);
  CHECK_THROWS_AS(read("[training]\nnoice = 0.1\n"), ConfigError);
  const TemporaryFolder folder;
  CHECK_THROWS_AS(train_speech(small_options(), ramps(60), words, folder.file("x.onnx")), ConfigError);
  write_text_file(folder.file("x.onnx.checkpoint"), "damaged");
  CHECK_THROWS_AS(train_speech(small_options(), ramps(80), words, folder.file("x.onnx")), IoError);
}
