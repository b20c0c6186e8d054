#include "chip/inference.hpp"

#include "chip/software_engine.hpp"
#include "core/parallel.hpp"

namespace mho::chip {

std::vector<PointChoice> choose_points_on(const Network& network, const ChipConfig& config, const ImageSet& training,
                                          const CoreFactory& make_core, const LineTrim& line_trim, int threads) {
  if (threads == 0) threads = default_threads();
  const std::vector<MatrixSpec>& matrices = network.matrices();
  // Points do not depend on where blocks lie, so the map of a chip without bad rows serves.
  const Mapping mapping = map_network(matrices, config, no_bad_rows(config));
  const auto codes = record_input_codes(network, SoftwareEngine(matrices), training, {.threads = threads});
  return choose_operating_points(matrices, mapping, target_conductances(matrices, mapping, config.mapping), codes, config, make_core,
                                 line_trim, threads);
}

namespace {

ChipInference infer_on(const ChipEngine& engine, const Network& network, std::uint32_t die, const ImageSet& images, const RunOptions& options) {
  ChipInference result;
  result.die = die;
  result.classes = classify(network, engine, images, options);
  result.accuracy = accuracy(result.classes, images);
  result.events = engine.events();
  return result;
}

}  // namespace

ChipInference infer(const Network& network, const ChipConfig& config, const ProgrammedDie& die,
                    std::span<const solver::OperatingPoint> points, const CoreFactory& make_core, const ImageSet& images,
                    const RunOptions& options) {
  return infer_on(ChipEngine(network.matrices(), die.mapping, die.relaxed, points, config, make_core), network, die.die, images, options);
}

ChipInference infer(const Network& network, const ChipConfig& config, const ProgrammedDie& die, const DieCells& cells, const Effects& effects, std::uint64_t seed,
                    std::span<const solver::OperatingPoint> points, const solver::NeuronModel& neuron, const ImageSet& images, const RunOptions& options) {
  const BlockCores make_core = [&](size_t block, const Eigen::MatrixXd& g, const solver::OperatingPoint& point, int bits) {
    return make_effect_core(neuron, effects, g, point, bits, cells.sigma.empty() ? Eigen::MatrixXd() : cells.sigma[block]);
  };
  EngineOptions engine{.adc = effects.adc, .supplies = std::nullopt, .seed = seed, .die = die.die};
  if (effects.shared_supplies) engine.supplies = SupplyLine{effects.supply_source, effects.supply_step};
  return infer_on(ChipEngine(network.matrices(), die.mapping, cells.conductance, points, config, make_core, engine), network, die.die, images, options);
}

}  // namespace mho::chip
