// A conversion as a deck that plain ngspice runs without mho: what the host decided is frozen into the waveforms of the control lines.
#pragma once
#include <string>

#include "circuits/conversion.hpp"

namespace mho::circuits {

// Text of a PWL source through `corners` (time [s], level [V]); a ramp that a later one cuts short ends where that begins.
std::string source_pwl(const std::vector<std::pair<double, double>>& corners);

// Self-contained deck of the run that gave `record` and `waveform`: subcircuits and model card inlined, moved sources as recorded, options, .tran and a
// .control section that prints the integrated voltage v(out) − VREF [V]. Run it with `ngspice -b deck.cir`; it writes no file. Throws Error when the record has no
// decision or the waveform no sources.
std::string export_deck(const ConversionSetup& setup, const ConversionOptions& options, const ConversionRecord& record, const ConversionWaveform& waveform);

// The waveform as a raw file (binary, real) that ngspice's `load` and gaw open: out, line, x, l, cib, q, qb and every moved source, in V over s.
void write_raw(const std::string& path, const ConversionWaveform& waveform, const std::string& title);

}  // namespace mho::circuits
