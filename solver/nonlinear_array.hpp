// Settled lines of an array whose cells are not ohmic, with all its wires and drivers: every cell at its own voltage.
//
// Cell (i, j) carries I_ij = c1 w + c3 w³ + c5 w⁵, w its voltage from bit line node b_ij to source line node s_ij. Given the currents, the nodes follow from sums along the lines
//   b_ij = V_i − r_driver Σ_k I_ik − r_bl Σ_(m=1..j) Σ_(k≥m) I_ik,      s_ij = u_j + r_sl Σ_(m=1..i) Σ_(k≥m) I_kj,      Σ_i I_ij = 0
// and the currents from the nodes. Each round takes a Newton step for the bit lines' driven ends p_i and the floating lines u_j, at the small-signal conductance and without the
// wires between cells, then new currents at every node; wires and curvature converge with the rounds. The fixed point is that of the whole network.
#pragma once
#include <Eigen/Core>
#include <functional>
#include <memory>
#include <utility>

#include "solver/array_map.hpp"
#include "solver/fast_core.hpp"

namespace mho::solver {

// Odd polynomials of degree 5 for the cells of an array, R × C each [A/V, A/V³, A/V⁵].
struct OddLaw {
  Eigen::MatrixXf c1, c3, c5;
  double v_max = 0.0;   // [V] range of the fit
  double misfit = 0.0;  // [1] largest error of the current over that range, relative to the cell's current at v_max
};
// Fitted to current(g, v) [A] of every cell at |v| ≤ v_max; g: R × C [S].
OddLaw fit_odd_law(const Eigen::MatrixXd& g, const std::function<double(double g, double v)>& current, double v_max);
OddLaw ohmic_law(const Eigen::MatrixXd& g);

class NonlinearArray {
 public:
  // Throws Error as transfer_map().
  NonlinearArray(OddLaw law, const ArrayWires& wires);
  ~NonlinearArray();
  NonlinearArray(NonlinearArray&&) noexcept;

  // u, C × B [V]: the floating lines when driver i lies at v_read · levels(i, b) (R × B). `tolerance` [V]: largest step of the last round. An input's lines do not depend on
  // the others of the batch. Returns the largest number of rounds. Throws NumericalError when an input does not converge in 200 rounds. Thread-safe.
  int solve(const LevelMatrix& levels, double v_read, double tolerance, Eigen::MatrixXf& lines) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The same lines [V], C, by Newton on all 2 R C nodes with sparse Cholesky factors: the independent route. current(g, v): current [A] and slope [S] of a cell. drive: R [V].
// All resistances more than 0. Throws Error for shapes, NumericalError without convergence.
Eigen::VectorXd nonlinear_lines_nodal(const Eigen::MatrixXd& g, const std::function<std::pair<double, double>(double g, double v)>& current, const ArrayWires& wires,
                                      const Eigen::VectorXd& drive);

}  // namespace mho::solver
