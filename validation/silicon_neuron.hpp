// Spread of the neuron's gain at the chip's capacitors, from ngspice.
#pragma once
#include "validation/silicon.hpp"

namespace mho::validation {

struct NeuronReport {
  NeuronSpread spread;
  std::string text;
  Json json;
};
NeuronReport neuron_report(const SiliconSettings& settings);

}  // namespace mho::validation
