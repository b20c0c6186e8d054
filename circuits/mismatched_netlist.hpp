// Mismatch of the neuron's transistors and capacitors: subcircuits whose instance lines carry what one draw of circuits/mismatch.hpp gives.
#pragma once
#include <cstdint>
#include <string>

#include "circuits/conversion.hpp"
#include "circuits/mismatch.hpp"

namespace mho::circuits {

// Every line "m… d g s b MODEL w=… l=… [m=…]" of `text` with delvto and mulu0 of a draw of its own; other lines as they are. W and L must be numbers with a suffix.
// Throws Error for a transistor line that cannot be read.
std::string mismatched(const std::string& text, const Mismatch& mismatch, RandomStream& stream);

// Die `die` of seed `seed`: amplifier, bias, latch and both capacitors differ; the switches are shared subcircuits and stay as they are. Capacitors have the density
// `farad_per_area` [F/m²].
void apply_mismatch(ConversionSetup& setup, const Mismatch& mismatch, std::uint64_t seed, std::uint32_t die, double farad_per_area = 2e-3);

}  // namespace mho::circuits
