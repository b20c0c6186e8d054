// A conversion as a deck that plain ngspice runs without mho: what the host decided is frozen into the waveforms of the control lines.
#pragma once
#include <string>

#include "circuits/conversion.hpp"

namespace mho::circuits {

// Text of a PWL source through `corners` (time [s], level [V]) that starts at 0 V; a ramp that a later one cuts short ends where that begins.
std::string control_pwl(const std::vector<std::pair<double, double>>& corners);

// Self-contained deck of the conversion that gave `record` and `waveform`: subcircuits and model card inlined, control lines as recorded, options, .tran and a
// .control section that prints the integrated voltage v(out) − VREF [V]. Run it with `ngspice -b deck.cir`; it writes no file. Throws Error when the record has no
// sign decision or the waveform no control lines.
std::string export_deck(const CircuitParams& circuit, const ControlProgram& program, const ColumnInput& input, const ConversionOptions& options,
                        const ConversionRecord& record, const ConversionWaveform& waveform);

}  // namespace mho::circuits
