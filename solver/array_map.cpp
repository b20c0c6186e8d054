#include "solver/array_map.hpp"

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <Eigen/SparseCholesky>
#include <cmath>
#include <vector>

#include "core/errors.hpp"

namespace mho::solver {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

void check(const MatrixXd& g, const ArrayWires& wires) {
  if (g.rows() < 1 || g.cols() < 1) throw Error("array: needs at least one bit line and one source line");
  for (Index j = 0; j < g.cols(); ++j)
    for (Index i = 0; i < g.rows(); ++i)
      if (!(g(i, j) > 0.0 && std::isfinite(g(i, j)))) throw Error(fmt::format("array: the conductance of cell ({}, {}) is {} S: wants more than 0", i, j, g(i, j)));
  for (const auto& [name, ohm] : {std::pair{"r_bl", wires.r_bl}, {"r_sl", wires.r_sl}, {"r_driver", wires.r_driver}})
    if (!(ohm >= 0.0 && std::isfinite(ohm))) throw Error(fmt::format("array: {} of {} ohm: wants 0 or more", name, ohm));
}

// Conductance c behind the resistance r.
double behind(double c, double r) { return c / (1.0 + r * c); }

// One source line with its cells: what it is between the nodes of a slice, and what its output takes of them.
struct SourceLine {
  MatrixXd admittance;  // S_j, R × R [S]
  VectorXd output;      // (N D)_(0, ·), R [1]
};
void eliminate(const VectorXd& g, double r, SourceLine& line) {
  const Index n = g.size();
  VectorXd up(n), down(n), impedance(n), step(n);  // [S] looking away from node i, [ohm] of node i, [1] from node i − 1 to i when driven from above
  up[0] = down[n - 1] = 0.0;
  for (Index i = 1; i < n; ++i) up[i] = behind(g[i - 1] + up[i - 1], r);
  for (Index i = n - 1; i > 0; --i) {
    down[i - 1] = behind(g[i] + down[i], r);
    step[i] = 1.0 / (1.0 + r * (g[i] + down[i]));
  }
  impedance = (g + up + down).cwiseInverse();
  line.admittance.resize(n, n);
  line.output.resize(n);
  for (Index i = 0; i < n; ++i) {
    line.admittance(i, i) = g[i] * (up[i] + down[i]) * impedance[i];
    double v = impedance[i];  // [ohm] node k for a current into node i
    if (i == 0) line.output[0] = v * g[0];
    for (Index k = i + 1; k < n; ++k) {
      v *= step[k];
      line.admittance(k, i) = line.admittance(i, k) = -g[i] * v * g[k];
      if (i == 0) line.output[k] = v * g[k];
    }
  }
}

}  // namespace

MatrixXd transfer_map(const MatrixXd& g, const ArrayWires& wires) {
  check(g, wires);
  const Index rows = g.rows(), columns = g.cols();
  // Side by side, so that one solve moves both on: Y_j, and behind it what each output takes of the voltages of slice j.
  MatrixXd y_and_outputs(rows, rows + columns), f(rows, rows);
  y_and_outputs.leftCols(rows).setZero();
  SourceLine line;
  Eigen::LLT<MatrixXd> cholesky(rows);
  const auto through = [&](double r, Index outputs) {
    if (r == 0.0) return;
    f = r * y_and_outputs.leftCols(rows);
    f.diagonal().array() += 1.0;
    cholesky.compute(f);
    auto moved = y_and_outputs.leftCols(rows + outputs);
    cholesky.solveInPlace(moved);
  };
  Index outputs = 0;
  for (Index j = columns; j-- > 0;) {
    if (outputs > 0) through(wires.r_bl, outputs);
    eliminate(g.col(j), wires.r_sl, line);
    y_and_outputs.leftCols(rows) += line.admittance;
    y_and_outputs.col(rows + outputs++) = line.output;
  }
  through(wires.r_driver, outputs);
  return y_and_outputs.rightCols(columns).rowwise().reverse().transpose();
}

MatrixXd transfer_map_nodal(const MatrixXd& g, const ArrayWires& wires) {
  check(g, wires);
  if (!(wires.r_bl > 0.0 && wires.r_sl > 0.0 && wires.r_driver > 0.0)) throw Error("array: the nodal solution wants wires and drivers with resistance");
  const Index rows = g.rows(), columns = g.cols(), cells = rows * columns;
  std::vector<Eigen::Triplet<double>> entries;
  const auto connect = [&](Index a, Index b, double siemens) {
    entries.emplace_back(a, a, siemens);
    entries.emplace_back(b, b, siemens);
    entries.emplace_back(std::max(a, b), std::min(a, b), -siemens);
  };
  const auto bl = [&](Index i, Index j) { return i * columns + j; };
  const auto sl = [&](Index i, Index j) { return cells + i * columns + j; };
  for (Index i = 0; i < rows; ++i) {
    entries.emplace_back(bl(i, 0), bl(i, 0), 1.0 / wires.r_driver);
    for (Index j = 0; j < columns; ++j) {
      connect(bl(i, j), sl(i, j), g(i, j));
      if (j > 0) connect(bl(i, j - 1), bl(i, j), 1.0 / wires.r_bl);
      if (i > 0) connect(sl(i - 1, j), sl(i, j), 1.0 / wires.r_sl);
    }
  }
  Eigen::SparseMatrix<double> matrix(2 * cells, 2 * cells);
  matrix.setFromTriplets(entries.begin(), entries.end());
  const Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>, Eigen::Lower> solver(matrix);
  if (solver.info() != Eigen::Success) throw NumericalError("array: the nodal matrix has no Cholesky factors");
  MatrixXd h(columns, rows);
  VectorXd current = VectorXd::Zero(2 * cells), v;
  for (Index i = 0; i < rows; ++i) {
    current[bl(i, 0)] = 1.0 / wires.r_driver;
    v = solver.solve(current);
    v += solver.solve(current - matrix.selfadjointView<Eigen::Lower>() * v);  // one step of refinement
    current[bl(i, 0)] = 0.0;
    for (Index j = 0; j < columns; ++j) h(j, i) = v[sl(0, j)];
  }
  return h;
}

}  // namespace mho::solver
