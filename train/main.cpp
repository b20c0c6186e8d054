// mho-train: trains a network and writes it as ONNX.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "chip/speech/speech_commands.hpp"
#include "core/errors.hpp"
#include "core/progress.hpp"
#include "train/rbm_trainer.hpp"
#include "train/speech_trainer.hpp"
#include "train/trainer.hpp"

namespace {

void print(const mho::train::TrainingResult& result, int epochs, double noise, const std::string& out) {
  fmt::print(
      "{}: epoch {} of {}, validation accuracy {:.2f} %, with {:.0f} % noise on weights {:.2f} %, "
      "{:.0f} s\n",
      out, result.epoch, epochs, 100 * result.validation_accuracy, 100 * noise,
      100 * result.noisy_accuracy, result.seconds);
}

int run_speech(mho::TomlFile& file, const std::string& data, const std::string& out) {
  const mho::train::SpeechOptions options = mho::train::read_speech_options(file);
  const mho::train::TrainingResult result =
      mho::train::train_speech(options, mho::chip::load_speech(data, mho::chip::Split::train),
                               mho::chip::speech_words(data), out);
  print(result, options.epochs, options.selection_noise, out);
  return 0;
}

// Image recovery: a Boltzmann machine, or with `grid` the table of its errors over noise.
int run_rbm(mho::TomlFile& file, const std::string& data, const std::string& out,
            const std::string& grid) {
  const mho::train::RbmOptions options = mho::train::read_rbm_options(file);
  const mho::chip::ImageSet images = mho::chip::load_mnist(data, mho::chip::Split::train);
  if (!grid.empty()) {
    mho::train::noise_grid(options, images, out, grid);
    return 0;
  }
  const mho::train::RbmResult r = mho::train::train_rbm(options, images, out);
  fmt::print(
      "{}: {} epochs; error of {} validation images after recovery in software: flips {:.2f} -> "
      "{:.3f}, bottom third {:.2f} -> {:.3f}; {:.0f} s\n",
      out, options.epochs, options.validation_images, r.initial_flips, r.error_flips,
      r.initial_bottom_third, r.error_bottom_third, r.seconds);
  return 0;
}

int run(int argc, char** argv) {
  CLI::App app(
      "Train a network with noise on its weights and write it as ONNX. Reads training images only.",
      "mho-train");
  std::string config, data, out, grid;
  std::vector<std::string> settings;
  app.add_option("config", config, "options (TOML), e.g. examples/train-mnist.toml")->required();
  app.add_option("--data", data, "folder with the data set of the config")->required();
  app.add_option("--out", out,
                 "ONNX file to write; FILE.checkpoint beside it keeps the state after each epoch")
      ->required();
  app.add_option("--set", settings, "KEY=VALUE, overrides the config");
  app.add_option("--grid", grid,
                 "task rbm: CSV of recovery errors over training noise and test noise");
  CLI11_PARSE(app, argc, argv);

  mho::TomlFile file(config);
  for (const std::string& s : settings) file.set(s);
  const std::string task = file.choice("task", "classification", {"classification", "speech", "rbm"});
  if (task == "rbm") return run_rbm(file, data, out, grid);
  if (!grid.empty()) throw mho::Error("--grid belongs to the task rbm");
  if (task == "speech") return run_speech(file, data, out);
  const mho::train::TrainingOptions options = mho::train::read_training_options(file);
  const mho::train::TrainingResult result =
      mho::train::train_network(options, mho::chip::load_data_set(options.data_set, data, mho::chip::Split::train), out);
  print(result, options.epochs, options.selection_noise, out);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  mho::install_interrupt_handler();
  try {
    return run(argc, argv);
  } catch (const mho::Error& e) {
    fmt::print(stderr, "mho-train: {}\n", e.what());
    return static_cast<int>(e.status());
  } catch (const std::exception& e) {
    fmt::print(stderr, "mho-train: internal error: {}\n", e.what());
    return static_cast<int>(mho::ExitStatus::bug);
  }
}
