// The array with the resistance of its wires and drivers as one linear map.
//
// Cells G_ij [S] stand between node (i, j) of bit line i and node (i, j) of source line j. Along a line, neighbouring nodes are r apart: r_bl on bit lines, r_sl on
// source lines. Bit line i is driven through r_driver at its node j = 0, source line j floats and is read at its node i = 0 (as circuits/core_array.hpp), so that
//   V_out = H V_in,   H: C × R,   every row of H adds up to 1: a floating line lies between its drivers.
//
// Elimination, without differences of nearly equal numbers (wires conduct 10^5 times better than cells):
//   source line j alone, seen from its nodes on the bit lines:   S_j = D − D N D,  N = (L + D)^−1,  D = diag(G_j), L the line's Laplacian. N from the conductances
//                                                                looking up and down the line, which are sums of positive numbers
//   everything from slice j on, seen from slice j:               Y_j = S_j + Y_(j+1) (I + r_bl Y_(j+1))^−1
//   voltages of a slice from those of the slice before:          x_j = (I + r_bl Y_j)^−1 x_(j−1),  with r_driver for slice 0
//   output:                                                      V_j = (N D)_(0, ·) x_j
#pragma once
#include <Eigen/Core>

namespace mho::solver {

struct ArrayWires {
  double r_bl = 0.0;        // [ohm] bit line, per cell
  double r_sl = 0.0;        // [ohm] source line, per cell
  double r_driver = 200.0;  // [ohm] of each bit line
};

// H, C × R. g: R × C [S], all positive. O(C R³). Throws Error for shapes and values out of range.
Eigen::MatrixXd transfer_map(const Eigen::MatrixXd& g, const ArrayWires& wires);

// The same by one sparse Cholesky factorisation of all 2 R C nodes and a solve for each row: the independent route.
Eigen::MatrixXd transfer_map_nodal(const Eigen::MatrixXd& g, const ArrayWires& wires);

}  // namespace mho::solver
