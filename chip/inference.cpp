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

ChipInference infer(const Network& network, const ChipConfig& config, const ProgrammedDie& die,
                    std::span<const solver::OperatingPoint> points, const CoreFactory& make_core, const ImageSet& images,
                    const RunOptions& options) {
  const ChipEngine engine(network.matrices(), die.mapping, die.relaxed, points, config, make_core);
  ChipInference result;
  result.die = die.die;
  result.classes = classify(network, engine, images, options);
  result.accuracy = accuracy(result.classes, images);
  result.events = engine.events();
  return result;
}

}  // namespace mho::chip
