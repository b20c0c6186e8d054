// Energy, latency and efficiency of a network from the events that its inference caused.
//
// Energy of a layer = the fitted energy per event × its events (solver/energy_model.hpp). Latency: a core works through its conversions one after
// another; cores that hold blocks of the same layer work side by side and need not wait for each other between positions, because partial sums
// are added outside; layers follow each other. So latency(layer) = max over cores of Σ core_time of the layer's blocks in that core, and
// latency(image) = Σ latency(layer). Images in a pipeline follow each other at max over cores of Σ core_time of all blocks in that core. One multiply-accumulate counts as two operations; adding biases counts as none.
//
// Errors are the model's rms errors on runs that its fit never saw, taken as fully correlated over events: an upper bound for sums.
#pragma once
#include <array>
#include <span>
#include <string>
#include <vector>

#include "chip/mapping.hpp"
#include "core/json_file.hpp"
#include "solver/energy_model.hpp"

namespace mho::chip {

// Of one layer or of all of them, per image.
struct LayerEstimate {
  std::string name;
  solver::EventCounts counts;         // per image
  solver::EnergyBreakdown energy;     // [J]
  std::array<double, 6> error{};      // [J] by component
  double total_error = 0;             // [J]
  double latency = 0;                 // [s]
  std::size_t cores = 0;              // [1] that hold a block of it

  double operations() const { return 2 * counts.macs; }
  double joule_per_operation() const { return energy.total() / operations(); }     // [J]
  double operations_per_joule() const { return operations() / energy.total(); }    // [1/J] = [1/s/W]; 1e12 is one TOPS/W
  double throughput() const { return operations() / latency; }                     // [1/s] operations
  double energy_delay() const { return energy.total() * latency; }                 // [J s]
};

struct Estimate {
  std::vector<LayerEstimate> layers;  // one per matrix
  LayerEstimate total;                // energy and latency of one image
  // Layers at work on successive images: every core serves one image while the others serve earlier and later ones, so an image leaves each time the busiest core is through with all
  // of its blocks. Energy is the same; a core without work is gated off and takes nothing, at any interval.
  double interval = 0;                // [s] from image to image
  int slowest_core = 0;
  std::size_t slowest_layer = 0;      // the one that keeps this core longest
  double images_per_second() const { return 1 / interval; }
  double power() const { return total.energy.total() / interval; }  // [W] while images follow each other
};

// events: one entry per block of the mapping, over `images` images (ChipEngine::events). images ≥ 1.
Estimate estimate(std::span<const MatrixSpec> matrices, const Mapping& mapping, std::span<const solver::EventCounts> events, size_t images,
                  const solver::EnergyModel& model);

// Counts times a factor, e.g. 1/images.
solver::EventCounts scaled(solver::EventCounts counts, double factor);

Json to_json(const LayerEstimate& layer);
Json to_json(const Estimate& estimate);
std::string estimate_table(const Estimate& estimate);   // text for a terminal
std::string energy_csv(const Estimate& estimate);   // one line per layer and one for the total: energies by component, latency, fJ/op …
std::string events_csv(const Estimate& estimate);   // one line per layer: events per image

}  // namespace mho::chip
