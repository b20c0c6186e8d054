// mho-software-accuracy: accuracy of a network in software, as it is and with noise on its weights.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>

#include "chip/network.hpp"
#include "chip/software_engine.hpp"
#include "core/errors.hpp"
#include "core/progress.hpp"
#include "core/statistics.hpp"

namespace {

using namespace mho;
using namespace mho::chip;

void print_matrices(const Network& network) {
  fmt::print("{:<10}{:>11}{:>11}{:>12}{:>14}{:>15}{:>22}\n", "matrix", "K × N", "positions",
             "input bits", "full scale", "max |weight|", "rms / max of weights");
  for (size_t m = 0; m < network.matrices().size(); ++m) {
    const MatrixSpec& spec = network.matrices()[m];
    const float most = spec.weights.cwiseAbs().maxCoeff();
    const int magnitude_bits = spec.input_bits - (spec.input_signed ? 1 : 0);
    fmt::print("{:<10}{:>10}{:>11}{:>12}{:>14.3f}{:>15.3f}{:>22.3f}\n", spec.name,
               fmt::format("{}×{}", spec.weights.rows(), spec.weights.cols()), network.positions(m),
               spec.input_bits, spec.input_lsb * static_cast<float>((1 << magnitude_bits) - 1),
               most,
               spec.weights.norm() / std::sqrt(static_cast<float>(spec.weights.size())) / most);
  }
}

int run(int argc, char** argv) {
  CLI::App app("Accuracy of a network in software on labelled images.", "mho-software-accuracy");
  std::string path, data, set = "mnist", split = "test";
  std::vector<double> noise;
  int draws = 10, threads = 0;
  std::uint64_t seed = 1;
  app.add_option("network", path, "ONNX file")->required();
  app.add_option("--data", data, "folder with the data set")->required();
  app.add_option("--set", set, "data set: mnist, cifar10 or speech")->check(CLI::IsMember(data_set_names));
  app.add_option("--split", split, "train or test")->check(CLI::IsMember({"train", "test"}));
  app.add_option("--noise", noise,
                 "standard deviations of noise on weights / max |weights| of their layer");
  app.add_option("--draws", draws, "draws of noise at each level")->check(CLI::Range(1, 1000));
  app.add_option("--seed", seed, "of the noise");
  app.add_option("--threads", threads, "0: all processors");
  CLI11_PARSE(app, argc, argv);

  const Network network = Network::load(path);
  const ImageSet images = load_data_set(data_set(set), data, split == "train" ? Split::train : Split::test);
  const auto score = [&](const std::vector<MatrixSpec>& matrices) {
    return accuracy(classify(network, SoftwareEngine(matrices), images, {.threads = threads}),
                    images);
  };
  fmt::print("{}: {} matrices, {} weights and biases, {} MAC per image\n", path,
             network.matrices().size(), network.parameter_count(), network.macs_per_image());
  print_matrices(network);
  const auto start = std::chrono::steady_clock::now();
  const double clean = score(network.matrices());
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("accuracy {:.2f} % on {} images of {} ({:.2f} s)\n", 100 * clean, images.size(),
             images.source, seconds);
  for (const double level : noise) {
    std::vector<double> scores;
    for (int draw = 0; draw < draws; ++draw)
      scores.push_back(100 * score(with_weight_noise(network.matrices(), level, seed,
                                                     static_cast<std::uint32_t>(draw))));
    fmt::print(
        "with {:.3g} % noise on weights: mean {:.2f} %, lowest {:.2f} %, highest {:.2f} % of {} "
        "draws\n",
        100 * level, mean(scores), quantile(scores, 0), quantile(scores, 1), draws);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  install_interrupt_handler();
  try {
    return run(argc, argv);
  } catch (const Error& e) {
    fmt::print(stderr, "mho-software-accuracy: {}\n", e.what());
    return static_cast<int>(e.status());
  } catch (const std::exception& e) {
    fmt::print(stderr, "mho-software-accuracy: internal error: {}\n", e.what());
    return static_cast<int>(ExitStatus::bug);
  }
}
