// The whole converter around an amplifier of one's own: linearity and energy from one ramp of decrements per polarity, in ngspice.
#pragma once
#include "circuits/amplifier_bench.hpp"
#include "core/cache.hpp"

namespace mho::validation {

// Adds inl, dnl, missing and energy to `figures`. With transistors and corner of the setup, all of the neuron's of the PDK when the environment names one.
// The ramps begin three codes beyond the range. What is not reached counts as missing; without two thresholds INL and DNL are infinite, and so are all when ngspice
// does not get through a ramp. `failure` is then its reason, else empty. Throws NetlistError when ngspice refuses the netlist, ConfigError as with_pdk_models().
void measure_converter(const circuits::AmplifierSetup& setup, const Cache& cache, circuits::AmplifierFigures& figures, std::string& failure);

}  // namespace mho::validation
