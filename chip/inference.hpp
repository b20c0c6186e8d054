// The whole way from a network and images to classes and events on a programmed chip, in two calls.
#pragma once
#include <cstdint>
#include <vector>

#include "chip/chip_engine.hpp"
#include "chip/die.hpp"
#include "chip/effects.hpp"
#include "chip/network.hpp"
#include "chip/operating_point.hpp"

namespace mho::chip {

// Operating points for all dies: chosen on target conductances and on the activations that the network has in software on `training` images.
// Labels are not read.
std::vector<PointChoice> choose_points_on(const Network& network, const ChipConfig& config, const ImageSet& training,
                                          const CoreFactory& make_core, const LineTrim& line_trim = {}, int threads = 0);

struct ChipInference {
  std::uint32_t die = 0;
  std::vector<int> classes;                   // of each image
  double accuracy = 0;                        // [1]
  std::vector<solver::EventCounts> events;    // by block of the die's mapping, over all images
};

// Runs `images` on the die's conductances at the time of use (ProgrammedDie::relaxed).
ChipInference infer(const Network& network, const ChipConfig& config, const ProgrammedDie& die,
                    std::span<const solver::OperatingPoint> points, const CoreFactory& make_core, const ImageSet& images,
                    const RunOptions& options = {});

// The same with cells as `effects` left them (cells_of()) and cores of these effects. `neuron` is that of a calibration, or any where effects.neuron and those of lines are off.
ChipInference infer(const Network& network, const ChipConfig& config, const ProgrammedDie& die, const DieCells& cells, const Effects& effects, std::uint64_t seed,
                    std::span<const solver::OperatingPoint> points, const solver::NeuronModel& neuron, const ImageSet& images, const RunOptions& options = {});

}  // namespace mho::chip
