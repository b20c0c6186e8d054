#include "solver/cell_sums.hpp"

#include <Eigen/Cholesky>

#include "solver/line.hpp"

namespace mho::solver {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;

// Linear map from driver voltages to settled lines (C × R). shared: one driver of resistance r per row feeds all columns; otherwise each cell has its own.
MatrixXd settled_map(const MatrixXd& g, double r, bool shared) {
  if (!shared) {
    const MatrixXd own = g.array() / (1.0 + r * g.array());
    const Eigen::VectorXd total = own.colwise().sum();
    return total.cwiseInverse().asDiagonal() * own.transpose();
  }
  const Eigen::VectorXd d = (1.0 + r * g.rowwise().sum().array()).inverse();
  const MatrixXd dg = d.asDiagonal() * g;  // R × C
  MatrixXd a = -r * g.transpose() * dg;
  a.diagonal() += g.colwise().sum().transpose();
  return a.ldlt().solve(dg.transpose());
}

// Current of a cell into a line at u: a − b u + d u².
struct Parabola {
  double a, b, d;
};
Parabola cell_parabola(const TransistorParams& transistor, double r, double g, double drive) {
  constexpr double h = 0.15;  // [V] lines beyond are rare
  const double low = cell_current(transistor, r, g, drive, -h), middle = cell_current(transistor, r, g, drive, 0.0), high = cell_current(transistor, r, g, drive, h);
  return {middle, (low - high) / (2 * h), (high - 2 * middle + low) / (2 * h * h)};
}

}  // namespace

CellSums cell_sums(const NeuronModel& neuron, const MatrixXd& conductance, double v_read) {
  const Index rows = conductance.rows(), columns = conductance.cols();
  CellSums s;
  for (MatrixXd* m : {&s.line, &s.even, &s.slope_odd, &s.slope_even, &s.curve_odd, &s.curve_even, &s.power}) m->resize(rows, columns);
  s.slope.setZero(columns);
  s.curve.setZero(columns);
  MatrixXd cell(rows, columns);  // conductance of cell and transistor, without the driver
  const double r = neuron.circuit.r_driver;
  for (Index j = 0; j < columns; ++j) {
    for (Index i = 0; i < rows; ++i) {
      const auto at = [&](double drive) { return cell_parabola(neuron.transistor, r, conductance(i, j), drive); };
      const Parabola up = at(v_read), down = at(-v_read), zero = at(0.0);
      s.slope[j] += zero.b;
      s.curve[j] += zero.d;
      s.power(i, j) = 0.5 * (up.a - down.a);
      s.even(i, j) = 0.5 * (up.a + down.a);
      s.slope_odd(i, j) = 0.5 * (up.b - down.b);
      s.slope_even(i, j) = 0.5 * (up.b + down.b) - zero.b;
      s.curve_odd(i, j) = 0.5 * (up.d - down.d);
      s.curve_even(i, j) = 0.5 * (up.d + down.d) - zero.d;
      const double chord = s.power(i, j) / v_read;
      cell(i, j) = chord / (1.0 - r * chord);
    }
    for (MatrixXd* m : {&s.even, &s.slope_odd, &s.slope_even, &s.curve_odd, &s.curve_even}) m->col(j) /= s.slope[j];
    s.line.col(j) = s.power.col(j) / s.slope[j];
    s.curve[j] /= s.slope[j];
  }
  if (columns > 1) s.line += v_read * (settled_map(cell, r, true) - settled_map(cell, r, false)).transpose();
  return s;
}

}  // namespace mho::solver
