// Three forms of one core on the same inputs: every node followed in time (solver/core_ode.hpp), settled lines with every cell at its own voltage (nonlinear_array.hpp), a few
// products (wired_core.hpp). A part of `mho validate solver`, on its reference core.
#pragma once
#include "validation/solver_forms.hpp"

namespace mho::validation {

// Distance of the two faster forms from the one in time at the end of the word line pulse, and their rates; what time, transistors, coupling and a shared supply change, each alone;
// the time form's own convergence with its tolerance.
Section validate_ode_form(const SolverFormSettings& settings);

}  // namespace mho::validation
