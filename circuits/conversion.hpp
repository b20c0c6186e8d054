// A whole conversion in libngspice with the control loop closed by the host, its waveforms at the ends of phases and its energies.
#pragma once
#include <string>
#include <vector>

#include "circuits/column.hpp"
#include "circuits/spice/session.hpp"

namespace mho::circuits {

// Waveform of the conversion, for pictures and for exported decks.
struct ConversionWaveform {
  std::vector<double> t, v_out, v_line, v_x;          // [s], [V]
  std::vector<std::vector<std::pair<double, double>>> control;  // [signal] corner points (time, level in V)
};

struct ConversionOptions {
  double tolerance = 1e-5;  // [1] reltol; vntol and chgtol follow it
  double dt_max = 2e-9;     // [s]
};
std::string ngspice_options(const ConversionOptions& options);

ConversionRecord run_conversion(spice::Session& session, const CircuitParams& circuit, const ControlProgram& program, const ColumnInput& input,
                                const ConversionOptions& options, ConversionWaveform* waveform = nullptr);

}  // namespace mho::circuits
