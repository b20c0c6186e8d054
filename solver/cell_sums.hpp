// What the cells of a core contribute to their lines, as matrices that are summed over active rows.
//
// Driven line of column j at u, with each cell's current a quartic in u for each level, a − b u + d u² + f u³ + q u⁴, through five points of cell_current (line.hpp):
//   Σ_i I_i(u) = A − B u + D u² + F u³ + Q u⁴,  A = Σ_{+} a⁺ + Σ_{−} a⁻,  B = Σ_i b⁰ + Σ_{+} (b⁺ − b⁰) + Σ_{−} (b⁻ − b⁰),  D likewise; F and Q by the column's mean over its rows, F's odd part by a regression on a's.
// With levels x of −1, 0 and +1 a sum over either level is half of a sum of x and a sum of |x|: odd parts (⁺ − ⁻)/2 go with x, even parts (⁺ + ⁻)/2 with |x|.
// A cell of a shared row does not see all of the read voltage: drivers and wires lose what the row's other cells draw. ê_ij is what is left for cell, transistor and the driver's share
// of the cell's own current, all lines at 0, and e_ij the same for ohmic cells. With H the linear map of drivers to lines (array_map.hpp), which has in it what lines do to each other,
//   A_j = Σ_i x_i [V H_ji B_j + (I(ê_ij) − b⁰ e_ij)] :  exact for ohmic cells, first order in what bends around that; B and D are those of cells at ê.
#pragma once
#include <Eigen/Core>

#include "solver/fast_core.hpp"
#include "solver/neuron_model.hpp"

namespace mho::solver {

// R × C each, divided by the column's slope at inputs of zero.
struct CellSums {
  Eigen::MatrixXd line;                   // [V] odd part of a, with drivers and wires
  Eigen::MatrixXd even;                   // [V] even part of a
  Eigen::MatrixXd slope_odd, slope_even;  // [1] of b, from b⁰
  Eigen::MatrixXd curve_odd, curve_even;  // [1/V] of d, from d⁰
  Eigen::MatrixXd power;                  // [A] current of the cell at ê, not divided: what a driver gives
  Eigen::VectorXd slope, curve;           // [S], [1/V] of inputs of zero: Σ b⁰, Σ d⁰/Σ b⁰
  Eigen::VectorXd cubic, cubic_even;      // [1/V²] Σ f⁰/Σ b⁰, and what an active row adds to it
  Eigen::VectorXd cubic_odd;              // [1/V³] and per volt of the line's sum, by regression of the odd part of f on that of a
  Eigen::VectorXd quartic, quartic_even;  // [1/V³] the same of q
  // With read noise, (σ/G)² of the current: Σ of active rows and x, and of all rows for inputs of zero: var u = (noise|x| − 2 u cross·x + u² still)/slope².
  Eigen::MatrixXd noise, cross;           // [V²], [V]
  Eigen::VectorXd still;                  // [1]
};

// conductance: R × C [S], all > 0. Throws Error for effects out of range.
CellSums cell_sums(const NeuronModel& neuron, const Eigen::MatrixXd& conductance, double v_read, const CoreEffects& effects);

}  // namespace mho::solver
