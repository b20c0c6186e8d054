// The bench's energies anchored to the chip's two published points by two multipliers, and what stands beside them.
//
// The multipliers, named before any fit, by what is not known of the chip:
//   array side  word lines and input pulses. The chip's select transistor needs 0.9 to 2.2 V on its word line where mho's card needs 2.5 V; pulse width, drivers and read voltage of its
//               energy measurement are not disclosed.
//   neuron      amplifier, switches, comparator and bias. Topology, sizes and current of the chip's amplifier and the settling that its phases allow are not disclosed.
// Each is fitted to the published figures of its own stage at the two points, which the chip's authors measured separately: the one constant that leaves the least squares of the
// logarithm of the two ratios, their geometric mean. Totals alone would not determine the two: both stages grow alike with the bits (condition() says how alike).
// All other precisions are predictions. The digital sum of two phases is not multiplied.
#pragma once
#include <string>
#include <vector>

#include "chip/energy_bench.hpp"

namespace mho::chip {

struct EnergyAnchors {
  double array_side = 1, neuron = 1;                     // [1] multipliers
  double array_side_spread = 0, neuron_spread = 0;       // [1] half the distance of the logarithms of the two ratios: what one constant leaves
  double condition = 0;                                  // [1] of the 2 × 2 system that would take both from totals alone

  EnergyGroups apply(const EnergyGroups& e) const;
  // [J] per operation: error of the fitted energies and what the multipliers leave, added in squares.
  double error(const EnergyBenchCase& c) const;
};
// From the cases with a published point. Throws Error unless there are two of them, with energy in every group.
EnergyAnchors anchor(const std::vector<EnergyBenchCase>& cases);

// A chip that NeuRRAM is usually compared with.
struct PriorChip {
  std::string name, node, size, precision, efficiency, boundary, trust;
};
const std::vector<PriorChip>& prior_chips();

// One core of the chip does `cores` such multiplications at once. CSV, JSON and text hold both columns: from transistors alone and anchored.
Json to_json(const std::vector<EnergyBenchCase>& cases, const EnergyAnchors& anchors, int cores);
std::string energy_bench_csv(const std::vector<EnergyBenchCase>& cases, const EnergyAnchors& anchors, int cores);
std::string energy_bench_table(const std::vector<EnergyBenchCase>& cases, const EnergyAnchors& anchors, int cores);
std::string prior_chips_table();
std::string prior_chips_csv();

}  // namespace mho::chip
