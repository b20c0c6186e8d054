// What stands between the drive and the cell, and the cell voltage that follows.
#pragma once
#include <limits>
#include <optional>
#include <variant>

#include "devices/models.hpp"
#include "devices/select_transistor.hpp"
#include "devices/thick_transistor.hpp"

namespace mho::devices {

// Level 1, or the compact form of the circuits rung's thick-oxide transistor.
using AnyTransistor = std::variant<SelectTransistor, ThickTransistor>;

// A series resistance, a compliance of the SET polarity, and the select transistor of a 1T1R cell; any of them may be absent.
// With a transistor the resistance must be 0: SET raises the bit line over a grounded source, RESET the source line with
// the cell at the source (select_transistor.hpp).
struct Load {
  double r_series = 0.0;                                          // [ohm]
  double compliance = std::numeric_limits<double>::infinity();    // [A] largest current when the drive is positive
  std::optional<AnyTransistor> transistor;
  double v_wl_set = 3.0, v_wl_reset = 3.0;                        // [V] word line while the drive is positive, negative
};

// Cell voltage and its derivatives, with the cell's evaluation there.
struct LoadedCell {
  double v = 0.0;         // [V] across the cell, sign of the drive
  double dv_ddrive = 0.0; // [1] ∂v/∂(drive) at constant state
  State dv_dx;            // [V/state] ∂v/∂x at constant drive
  Evaluation cell;
  bool in_compliance = false;
  bool solved = true;     // F(v) = 0 within 1e-12·max(1 V, |drive|), or the bracket has shrunk to neighbouring numbers
};

// Solves F(v) = |I(v, x)| − I_load(v) = 0 for |v| in [0, |drive|] by Newton inside a shrinking bracket, bisecting
// where a step would leave it. I_load falls with v and I rises, so the root is unique. `guess` [V] starts it.
LoadedCell solve_load(const AnyMemristor& model, const Load& load, double drive, const State& x, double guess);

// Throws Error for a negative resistance, a compliance that is not positive, or a resistance beside a transistor.
void check(const Load& load);

}  // namespace mho::devices
