#include "solver/cell_sums.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "core/errors.hpp"
#include "solver/array_map.hpp"
#include "solver/line.hpp"

namespace mho::solver {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;

// Linear map from driver voltages to settled lines (C × R) without wires between cells: one driver of resistance r per row feeds all columns.
MatrixXd map_of_drivers(const MatrixXd& g, double r) {
  const Eigen::VectorXd d = (1.0 + r * g.rowwise().sum().array()).inverse();
  const MatrixXd dg = d.asDiagonal() * g;  // R × C
  MatrixXd a = -r * g.transpose() * dg;
  a.diagonal() += g.colwise().sum().transpose();
  return a.ldlt().solve(dg.transpose());
}

// Driver, cell and transistor in series into a line.
class Path {
 public:
  Path(const NeuronModel& neuron, const CoreEffects& effects)
      : transistor_(effects.ideal_transistors ? TransistorParams{.beta = 0.05, .v_pinch = 5.0, .theta = 0.0} : neuron.transistor), r_(neuron.circuit.r_driver), law_(effects.cell_current) {}
  double current(double g, double drive, double line) const {
    if (!law_) return cell_current(transistor_, r_, g, drive, line);
    // Chord of the cell's current at its voltage; most of the voltage is the cell's, so that this contracts.
    double chord = g, now = 0.0;
    for (int round = 0; round < 60; ++round) {
      const double last = now;
      now = cell_current(transistor_, r_, chord, drive, line);
      const double v = now / chord;
      if (std::abs(now - last) <= 1e-9 * std::abs(now) || v == 0.0) return now;
      chord = law_(g, v) / v;
      if (!(chord > 0.0 && std::isfinite(chord))) throw Error("core: the current of a cell does not rise with its voltage");
    }
    throw NumericalError("core: the current of a cell with its transistor does not converge");
  }

 private:
  TransistorParams transistor_;
  double r_;
  const std::function<double(double, double)>& law_;
};

// Current of a cell into a line at u: a − b u + d u² + f u³ + q u⁴.
struct Quartic {
  double a, b, d, f, q;
};

// ê of a row: v less what the row's driver and wire lose to its cells, each cell's own current through the driver apart. current(j, e): of cell j, whose slope is about g_j [S].
template <class Current>
ArrayXd voltages_of_row(const ArrayXd& g, double v, double r_driver, double r_bl, const Current& current) {
  const Index columns = g.size();
  const double damping = 1.0 / (1.0 + r_driver * g.sum());
  ArrayXd e = ArrayXd::Constant(columns, v), drawn(columns), i(columns);
  for (int round = 0; round < 500; ++round) {
    double sum = 0.0;
    for (Index j = columns; j-- > 0;) drawn[j] = sum += i[j] = current(j, e[j]);
    double b = v - r_driver * drawn[0], moved = 0.0;
    for (Index j = 0; j < columns; ++j) {
      if (j > 0) b -= r_bl * drawn[j];
      const double step = damping * (b + r_driver * i[j] - e[j]);
      e[j] += step;
      moved = std::max(moved, std::abs(step));
    }
    if (moved < 1e-9) return e;
  }
  throw NumericalError("core: the voltages along a bit line do not converge");
}

void check(const CoreEffects& effects, Index rows, Index columns) {
  if (!(effects.r_bl >= 0.0 && effects.r_sl >= 0.0 && std::isfinite(effects.r_bl) && std::isfinite(effects.r_sl))) throw Error("core: wires want a resistance of 0 or more");
  if (!(effects.v_noise >= 0.0 && std::isfinite(effects.v_noise))) throw Error("core: v_noise wants 0 or more volts");
  const MatrixXd& sigma = effects.sigma;
  if (sigma.size() > 0 && (sigma.rows() != rows || sigma.cols() != columns || !(sigma.array() >= 0.0).all() || !sigma.allFinite()))
    throw Error("core: read noise wants one standard deviation of at least 0 for each cell");
}

}  // namespace

CellSums cell_sums(const NeuronModel& neuron, const MatrixXd& conductance, double v_read, const CoreEffects& effects) {
  const Index rows = conductance.rows(), columns = conductance.cols();
  check(effects, rows, columns);
  const double r = neuron.circuit.r_driver, h = 0.5 * v_read;  // [V] lines beyond are rare
  const Path path(neuron, effects);
  const auto quartic = [&](double g, double drive) {
    const auto current = [&](double u) { return path.current(g, drive, u); };
    const double low = current(-h), below = current(-0.5 * h), middle = current(0.0), above = current(0.5 * h), high = current(h);
    const double odd = (low - high) / (2 * h), odd_half = (below - above) / h;                                              // b − f h², b − f h²/4
    const double even = (high - 2 * middle + low) / (2 * h * h), even_half = 2 * (above - 2 * middle + below) / (h * h);  // d + q h², d + q h²/4
    return Quartic{middle, (4 * odd_half - odd) / 3, (4 * even_half - even) / 3, 4 * (odd_half - odd) / (3 * h * h), 4 * (even - even_half) / (3 * h * h)};
  };
  CellSums s;
  for (MatrixXd* m : {&s.line, &s.even, &s.slope_odd, &s.slope_even, &s.curve_odd, &s.curve_even, &s.power}) m->resize(rows, columns);
  MatrixXd still(rows, columns), curve(rows, columns);  // b⁰, d⁰
  for (Eigen::VectorXd* v : {&s.cubic, &s.cubic_even, &s.cubic_odd, &s.quartic, &s.quartic_even}) v->setZero(columns);
  for (Index j = 0; j < columns; ++j)
    for (Index i = 0; i < rows; ++i) {
      const Quartic zero = quartic(conductance(i, j), 0.0);
      still(i, j) = zero.b;
      curve(i, j) = zero.d;
      s.cubic[j] += zero.f;
      s.quartic[j] += zero.q;
    }
  s.slope = still.colwise().sum().transpose();
  s.curve = curve.colwise().sum().transpose().cwiseQuotient(s.slope);

  // ê and what ohmic cells would leave, row by row. Between half and all of the read voltage a cell's current is e (p + q e²).
  MatrixXd drive = MatrixXd::Constant(rows, columns, v_read), ohmic = drive;
  const bool shared = columns > 1 && (r > 0.0 || effects.r_bl > 0.0);
  if (shared)
    for (Index i = 0; i < rows; ++i) {
      ArrayXd p(columns), q(columns);
      for (Index j = 0; j < columns; ++j) {
        const auto chord = [&](double v) { return 0.5 * (path.current(conductance(i, j), v, 0.0) - path.current(conductance(i, j), -v, 0.0)) / v; };
        const double full = chord(v_read), half = chord(0.5 * v_read);
        q[j] = (full - half) / (0.75 * v_read * v_read);
        p[j] = full - q[j] * v_read * v_read;
      }
      const ArrayXd g = still.row(i).transpose().array();
      drive.row(i) = voltages_of_row(g, v_read, r, effects.r_bl, [&](Index j, double e) { return e * (p[j] + q[j] * e * e); }).matrix().transpose();
      ohmic.row(i) = voltages_of_row(g, v_read, r, effects.r_bl, [&](Index j, double e) { return e * g[j]; }).matrix().transpose();
    }

  for (Index j = 0; j < columns; ++j)
    for (Index i = 0; i < rows; ++i) {
      const Quartic up = quartic(conductance(i, j), drive(i, j)), down = quartic(conductance(i, j), -drive(i, j));
      s.power(i, j) = 0.5 * (up.a - down.a);
      s.even(i, j) = 0.5 * (up.a + down.a);
      s.slope_odd(i, j) = 0.5 * (up.b - down.b);
      s.slope_even(i, j) = 0.5 * (up.b + down.b) - still(i, j);
      s.curve_odd(i, j) = 0.5 * (up.d - down.d);
      s.curve_even(i, j) = 0.5 * (up.d + down.d) - curve(i, j);
      s.cubic_even[j] += 0.5 * (up.f + down.f);
      s.cubic_odd[j] += 0.5 * (up.f - down.f) * s.power(i, j);
      s.quartic_even[j] += 0.5 * (up.q + down.q);
    }
  for (const auto& [still_part, even_part] : {std::pair{&s.cubic, &s.cubic_even}, {&s.quartic, &s.quartic_even}}) {
    *even_part = (*even_part - *still_part).cwiseQuotient(s.slope) / static_cast<double>(rows);
    *still_part = still_part->cwiseQuotient(s.slope);
  }
  s.cubic_odd = s.cubic_odd.array() / s.power.colwise().squaredNorm().transpose().array().max(1e-300);  // per ampere, as cubic is per siemens of the slope
  s.line = s.power;
  if (shared || effects.r_sl > 0.0) {
    const MatrixXd cell = still.array() / (1.0 - r * still.array());  // conductance of cell and transistor, without the driver
    const MatrixXd map = effects.r_bl > 0.0 || effects.r_sl > 0.0 ? transfer_map(cell, {effects.r_bl, effects.r_sl, r}) : map_of_drivers(cell, r);
    s.line += v_read * map.transpose() * s.slope.asDiagonal() - still.cwiseProduct(ohmic);
  }
  if (effects.sigma.size() > 0) {
    // A relative change of the cell moves the current by the share of the voltage that lies over the cell.
    const auto law = [&](double g, double v) { return effects.cell_current ? effects.cell_current(g, v) : g * v; };
    MatrixXd relative(rows, columns);
    for (Index n = 0; n < relative.size(); ++n) {
      const double g = conductance.data()[n], e = drive.data()[n];
      relative.data()[n] = std::pow(effects.sigma.data()[n] / g * std::min(1.0, s.power.data()[n] / law(g, e)), 2);
    }
    const MatrixXd slope = s.slope_even + still;
    s.noise = relative.cwiseProduct(s.power.cwiseAbs2());
    s.cross = relative.cwiseProduct(s.power).cwiseProduct(slope);
    s.still = relative.cwiseProduct(still.cwiseAbs2()).colwise().sum().transpose().cwiseQuotient(s.slope.cwiseAbs2());
    const Eigen::VectorXd inverse = s.slope.cwiseAbs2().cwiseInverse();
    s.noise *= inverse.asDiagonal();
    s.cross *= inverse.asDiagonal();
  }
  const Eigen::VectorXd inverse = s.slope.cwiseInverse();
  for (MatrixXd* m : {&s.line, &s.even, &s.slope_odd, &s.slope_even, &s.curve_odd, &s.curve_even}) *m *= inverse.asDiagonal();
  return s;
}

}  // namespace mho::solver
