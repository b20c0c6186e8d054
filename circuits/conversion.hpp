// A whole conversion in libngspice with the control loop closed by the host, its waveforms at the ends of phases and its energies.
#pragma once
#include <string>
#include <vector>

#include "circuits/column.hpp"
#include "circuits/spice/session.hpp"

namespace mho::circuits {

// What runs: circuit, sequence, the array (column_part, core_part, …) and what the program is given.
struct ConversionSetup {
  CircuitParams circuit;
  ControlProgram program;
  ArrayPart array;
  ProgramInput input;
  Transistors transistors;
};
ConversionSetup column_setup(const CircuitParams& circuit, const ControlProgram& program, const ColumnInput& input, const Transistors& transistors = {});

// Waveform of the conversion, for pictures, decks and raw files.
struct ConversionWaveform {
  std::vector<double> t, v_out, v_line, v_x, v_l, v_cib, v_q, v_qb;  // [s], [V]
  std::vector<std::string> sources;                                  // moved_sources
  std::vector<std::vector<std::pair<double, double>>> corners;       // [source] (time, V); the first is the start
};

struct ConversionOptions {
  double tolerance = 1e-5;  // [1] reltol; vntol and chgtol follow it
  double dt_max = 2e-9;     // [s]
  double temperature = 27;  // [°C]
  bool fast = false;        // spice::transient_options: a third less time, errors on conversions twice as large at the same tolerance (docs/many_runs.md)
};
std::string ngspice_options(const ConversionOptions& options);

ConversionRecord run_conversion(spice::Session& session, const ConversionSetup& setup, const ConversionOptions& options, ConversionWaveform* waveform = nullptr);
// One column; checks it first.
ConversionRecord run_conversion(spice::Session& session, const CircuitParams& circuit, const ControlProgram& program, const ColumnInput& input,
                                const ConversionOptions& options, ConversionWaveform* waveform = nullptr);

}  // namespace mho::circuits
