// What the cells of a core contribute to their lines, as matrices that are summed over active rows.
//
// Driven line of column j at u, with each cell's current a parabola in u for each level, a − b u + d u², through three points of cell_current (line.hpp):
//   Σ_i I_i(u) = A − B u + D u²,  A = Σ_{+} a⁺ + Σ_{−} a⁻,  B = Σ_i b⁰ + Σ_{+} (b⁺ − b⁰) + Σ_{−} (b⁻ − b⁰),  D likewise.
// With levels x of −1, 0 and +1 a sum over either level is half of a sum of x and a sum of |x|: odd parts (⁺ − ⁻)/2 go with x, even parts (⁺ + ⁻)/2 with |x|.
// Shared row drivers add V times the difference of two linear maps of the levels, with and without sharing, to A/B.
#pragma once
#include <Eigen/Core>

#include "solver/neuron_model.hpp"

namespace mho::solver {

// R × C each, divided by the column's slope at inputs of zero.
struct CellSums {
  Eigen::MatrixXd line;                   // [V] odd part of a, and the shared drivers
  Eigen::MatrixXd even;                   // [V] even part of a
  Eigen::MatrixXd slope_odd, slope_even;  // [1] of b, from b⁰
  Eigen::MatrixXd curve_odd, curve_even;  // [1/V] of d, from d⁰
  Eigen::MatrixXd power;                  // [A] odd part of a, not divided: what a driver gives
  Eigen::VectorXd slope, curve;           // [S], [1/V] of inputs of zero: Σ b⁰, Σ d⁰/Σ b⁰
};

// conductance: R × C [S], all > 0.
CellSums cell_sums(const NeuronModel& neuron, const Eigen::MatrixXd& conductance, double v_read);

}  // namespace mho::solver
