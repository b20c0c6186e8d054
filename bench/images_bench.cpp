// The shipped network on 16 test images, one thread: software, ideal cores and calibrated cores, each on target conductances.
#include <fmt/format.h>

#include "bench/setup.hpp"
#include "chip/inference.hpp"
#include "chip/software_engine.hpp"
#include "core/data_path.hpp"
#include "solver/phase_map.hpp"

namespace mho::bench {
namespace {

constexpr size_t image_count = 16, training_count = 32;

struct Job {
  chip::Network network = chip::Network::load(data_path("examples/mnist-cnn7.onnx"));
  chip::ImageSet images = chip::load_mnist(data_path("examples/data/mnist"), chip::Split::test).slice(0, image_count);
  chip::ImageSet training = chip::load_mnist(data_path("examples/data/mnist"), chip::Split::train).slice(0, training_count);
  chip::ChipConfig config = chip::load_chip_config(data_path("examples/chips/neurram.toml"));
  chip::SoftwareEngine software{network.matrices()};
  std::vector<int> expected = chip::classify(network, software, images, {.threads = 1});
};

const Job& job() {
  static const Job only;
  return only;
}

void run(benchmark::State& state, const chip::MatrixEngine& engine) {
  const std::vector<int> classes = chip::classify(job().network, engine, job().images, {.threads = 1});
  size_t equal = 0;
  for (size_t i = 0; i < image_count; ++i) equal += classes[i] == job().expected[i];
  state.counters["as_software"] = static_cast<double>(equal) / image_count;
  if (equal + 2 < image_count) return state.SkipWithError("more than two of 16 images fall into another class than in software");
  for (auto _ : state) benchmark::DoNotOptimize(chip::classify(job().network, engine, job().images, {.threads = 1}));
  state.counters["images/s"] = benchmark::Counter(image_count, benchmark::Counter::kIsIterationInvariantRate);
}

chip::ChipEngine chip_engine(const chip::CoreFactory& cores, const chip::LineTrim& trim) {
  const Job& j = job();
  const auto& matrices = j.network.matrices();
  const chip::Mapping mapping = chip::map_network(matrices, j.config, chip::no_bad_rows(j.config));
  const auto points = chip::points_of(chip::choose_points_on(j.network, j.config, j.training, cores, trim, 1));
  return {matrices, mapping, chip::target_conductances(matrices, mapping, j.config.mapping), points, j.config, cores};
}

void BM_Images_per_second_software(benchmark::State& state) { run(state, job().software); }
void BM_Images_per_second_ideal(benchmark::State& state) {
  static const chip::ChipEngine engine = chip_engine(chip::ideal_cores(), {});
  run(state, engine);
}
void BM_Images_per_second_calibrated(benchmark::State& state) {
  const solver::NeuronModel* model = calibrated_neuron(state);
  if (!model) return;
  static const chip::ChipEngine engine =
      chip_engine(chip::calibrated_cores(*model), [model](Eigen::Index rows) { return solver::line_trim(*model, rows); });
  run(state, engine);
}
BENCHMARK(BM_Images_per_second_software)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Images_per_second_ideal)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_Images_per_second_calibrated)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace mho::bench
