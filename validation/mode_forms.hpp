// The ODE form and the fast form of every mode against ngspice: the part modes of `mho validate solver`.
#pragma once
#include "validation/modes.hpp"

namespace mho::validation {

// Fits the neuron of mode_circuit() to columns of five programs and holds both forms against ngspice on columns and programs that the fit did not see: integrated voltage before
// the first decision, codes, time. A mode misses its limit when the integrated voltage errs by more than 0.12 LSB rms, when a code differs although no decision of ngspice was
// within that distance of its threshold, or when the ODE form is less than 300 times as fast as ngspice.
Section validate_mode_forms(const ModeSettings& settings);

}  // namespace mho::validation
