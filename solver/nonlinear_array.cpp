#include "solver/nonlinear_array.hpp"

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <Eigen/SparseCholesky>
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/errors.hpp"

namespace mho::solver {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::MatrixXf;

constexpr Index lanes = 8;  // inputs that are solved side by side
using Lanes = Eigen::Array<float, lanes, 1>;
using LaneMatrix = Eigen::Array<float, lanes, Eigen::Dynamic>;

}  // namespace

OddLaw fit_odd_law(const MatrixXd& g, const std::function<double(double g, double v)>& current, double v_max) {
  constexpr int points = 24;
  Eigen::MatrixXd powers(points, 3);
  Eigen::VectorXd v(points);
  for (int k = 0; k < points; ++k) {
    v[k] = v_max * (k + 1) / points;
    const double x = v[k] / v_max;
    powers.row(k) << x, x * x * x, std::pow(x, 5);
  }
  const MatrixXd inverse = powers.colPivHouseholderQr().solve(MatrixXd::Identity(points, points));
  OddLaw law{MatrixXf(g.rows(), g.cols()), MatrixXf(g.rows(), g.cols()), MatrixXf(g.rows(), g.cols()), v_max, 0.0};
  Eigen::VectorXd i(points);
  for (Index n = 0; n < g.size(); ++n) {
    for (int k = 0; k < points; ++k) i[k] = current(g.data()[n], v[k]);
    const Eigen::Vector3d c = inverse * i;
    law.misfit = std::max(law.misfit, (powers * c - i).cwiseAbs().maxCoeff() / std::abs(i[points - 1]));
    law.c1.data()[n] = static_cast<float>(c[0] / v_max);
    law.c3.data()[n] = static_cast<float>(c[1] / std::pow(v_max, 3));
    law.c5.data()[n] = static_cast<float>(c[2] / std::pow(v_max, 5));
  }
  return law;
}

OddLaw ohmic_law(const MatrixXd& g) { return {g.cast<float>(), MatrixXf::Zero(g.rows(), g.cols()), MatrixXf::Zero(g.rows(), g.cols()), INFINITY, 0.0}; }

struct NonlinearArray::State {
  OddLaw law;
  float r_bl, r_sl, r_driver;
  Index rows, columns;
  MatrixXf row_gain;   // R: 1/(1 + r_driver Σ_j G_ij)
  MatrixXf balance;    // C × C: inverse of diag(Σ_i G_ij) − Gᵀ diag(r_driver row_gain) G
  MatrixXf damped;     // R × C: row_gain_i G_ij
  struct Buffers {
    LaneMatrix current, p, u, deviation, row_sum, below, step, imbalance;
  };
  void round(const LaneMatrix& v, Buffers& s, Lanes& moved) const;
};

NonlinearArray::NonlinearArray(OddLaw law, const ArrayWires& wires) : state_(std::make_unique<State>()) {
  State& s = *state_;
  const MatrixXd g = law.c1.cast<double>();
  if (g.rows() < 1 || g.cols() < 1) throw Error("array: needs at least one bit line and one source line");
  if (!(g.array() > 0.0).all()) throw Error("array: the slope of a cell's current at 0 V is not positive");
  for (const auto& [name, ohm] : {std::pair{"r_bl", wires.r_bl}, {"r_sl", wires.r_sl}, {"r_driver", wires.r_driver}})
    if (!(ohm >= 0.0 && std::isfinite(ohm))) throw Error(fmt::format("array: {} of {} ohm: wants 0 or more", name, ohm));
  s.law = std::move(law);
  s.r_bl = static_cast<float>(wires.r_bl);
  s.r_sl = static_cast<float>(wires.r_sl);
  s.r_driver = static_cast<float>(wires.r_driver);
  s.rows = g.rows();
  s.columns = g.cols();
  const Eigen::VectorXd gain = (1.0 + wires.r_driver * g.rowwise().sum().array()).inverse();
  const MatrixXd damped = gain.asDiagonal() * g;
  MatrixXd balance = -wires.r_driver * g.transpose() * damped;
  balance.diagonal() += g.colwise().sum().transpose();
  s.row_gain = gain.cast<float>();
  s.damped = damped.cast<float>();
  s.balance = balance.llt().solve(MatrixXd::Identity(s.columns, s.columns)).cast<float>();
}
NonlinearArray::~NonlinearArray() = default;
NonlinearArray::NonlinearArray(NonlinearArray&&) noexcept = default;

// Currents at the nodes that the last currents give, then the ends of the lines that balance them. moved: largest step of a floating line in each lane [V].
void NonlinearArray::State::round(const LaneMatrix& v, Buffers& s, Lanes& moved) const {
  s.below.setZero();      // Σ_(k<i) I_kj of the last round
  s.deviation.setZero();  // s_ij − u_j
  Eigen::Map<LaneMatrix> total(s.imbalance.data(), lanes, columns);
  LaneMatrix& total_before = s.step;  // Σ_i I_ij of the last round
  total_before = total;
  total.setZero();
  for (Index i = 0; i < rows; ++i) {
    float* row = s.current.data() + i * columns * lanes;
    // Σ_(k≥m) I_ik, and on the way the wire's drop from the driver to each node.
    Lanes sum = Lanes::Zero();
    for (Index j = columns; j-- > 0;) {
      sum += Eigen::Map<const Lanes>(row + j * lanes);
      s.row_sum.col(j) = sum;
    }
    Lanes b = s.p.col(i), drawn = Lanes::Zero();
    for (Index j = 0; j < columns; ++j) {
      Eigen::Map<Lanes> cell(row + j * lanes);
      if (j > 0) b -= r_bl * s.row_sum.col(j);
      const Lanes w = b - s.u.col(j) - s.deviation.col(j), square = w * w;
      s.below.col(j) += cell;
      s.deviation.col(j) += r_sl * (total_before.col(j) - s.below.col(j));  // of the next row's node
      const Lanes now = w * (law.c1(i, j) + square * (law.c3(i, j) + square * law.c5(i, j)));
      cell = now;
      total.col(j) += now;
      drawn += now;
    }
    s.row_sum.col(columns) = drawn;
    // ρ_i = V_i − r T_i − p_i; what it leaves after the row's own conductance.
    s.p.col(i + rows) = row_gain(i, 0) * (v.col(i) - r_driver * drawn - s.p.col(i));
  }
  // Newton: Δu from the imbalance and what the rows' steps add, Δp from ρ and Δu.
  s.step = total;
  for (Index i = 0; i < rows; ++i) {
    const Lanes rho = s.p.col(i + rows);
    for (Index j = 0; j < columns; ++j) s.step.col(j) += law.c1(i, j) * rho;
  }
  moved.setZero();
  Lanes spoiled = Lanes::Zero();  // NAN once a lane has diverged, which max() would hide
  for (Index j = 0; j < columns; ++j) {
    Lanes du = Lanes::Zero();
    for (Index k = 0; k < columns; ++k) du += balance(k, j) * s.step.col(k);
    s.below.col(j) = du;
    s.u.col(j) += du;
    moved = moved.max(du.abs());
    spoiled += 0.0f * du;
  }
  for (Index i = 0; i < rows; ++i) {
    Lanes dp = s.p.col(i + rows);
    for (Index j = 0; j < columns; ++j) dp += r_driver * damped(i, j) * s.below.col(j);
    s.p.col(i) += dp;
    moved = moved.max(dp.abs());
    spoiled += 0.0f * dp;
  }
  moved += spoiled;
}

int NonlinearArray::solve(const LevelMatrix& levels, double v_read, double tolerance, Eigen::MatrixXf& lines) const {
  const State& s = *state_;
  MHO_ASSERT(levels.rows() == s.rows);
  constexpr int most = 200;
  lines.resize(s.columns, levels.cols());
  State::Buffers buffers{LaneMatrix(lanes, s.rows * s.columns), LaneMatrix(lanes, 2 * s.rows), LaneMatrix(lanes, s.columns), LaneMatrix(lanes, s.columns),
                         LaneMatrix(lanes, s.columns + 1), LaneMatrix(lanes, s.columns), LaneMatrix(lanes, s.columns), LaneMatrix(lanes, s.columns)};
  LaneMatrix v(lanes, s.rows);
  int rounds = 0;
  for (Index first = 0; first < levels.cols(); first += lanes) {
    const Index count = std::min(lanes, levels.cols() - first);
    for (Index i = 0; i < s.rows; ++i)
      for (Index l = 0; l < lanes; ++l) v(l, i) = l < count ? static_cast<float>(v_read * levels(i, first + l)) : 0.0f;
    buffers.current.setZero();
    buffers.p.leftCols(s.rows) = v;
    buffers.u.setZero();
    buffers.imbalance.setZero();
    std::array<bool, lanes> done{};
    int round = 0;
    for (Index open = count; open > 0; ++round) {
      if (round == most) throw NumericalError(fmt::format("array: the lines of input {} did not settle within {} V in {} rounds", first, tolerance, most));
      Lanes moved;
      s.round(v, buffers, moved);
      // The first rounds have no drop of the wires in them yet.
      for (Index l = 0; l < count; ++l)
        if (!done[static_cast<size_t>(l)] && round > 1 && moved[l] <= static_cast<float>(tolerance)) {
          done[static_cast<size_t>(l)] = true;
          --open;
          lines.col(first + l) = buffers.u.row(l).matrix().transpose();
        }
    }
    rounds = std::max(rounds, round);
  }
  return rounds;
}

Eigen::VectorXd nonlinear_lines_nodal(const MatrixXd& g, const std::function<std::pair<double, double>(double g, double v)>& current, const ArrayWires& wires,
                                      const Eigen::VectorXd& drive) {
  const Index rows = g.rows(), columns = g.cols(), cells = rows * columns;
  if (cells == 0 || drive.size() != rows) throw Error("array: wants one driver for each bit line");
  if (!(wires.r_bl > 0.0 && wires.r_sl > 0.0 && wires.r_driver > 0.0)) throw Error("array: the nodal solution wants wires and drivers with resistance");
  const auto bl = [&](Index i, Index j) { return i * columns + j; };
  const auto sl = [&](Index i, Index j) { return cells + i * columns + j; };
  Eigen::VectorXd x = Eigen::VectorXd::Zero(2 * cells), f(2 * cells);
  std::vector<Eigen::Triplet<double>> entries;
  Eigen::SparseMatrix<double> jacobian(2 * cells, 2 * cells);
  Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>, Eigen::Lower> solver;
  for (int round = 0; round < 60; ++round) {
    f.setZero();
    entries.clear();
    const auto branch = [&](Index a, Index b, double ampere, double siemens) {
      f[a] += ampere;
      f[b] -= ampere;
      entries.emplace_back(a, a, siemens);
      entries.emplace_back(b, b, siemens);
      entries.emplace_back(std::max(a, b), std::min(a, b), -siemens);
    };
    for (Index i = 0; i < rows; ++i) {
      f[bl(i, 0)] += (x[bl(i, 0)] - drive[i]) / wires.r_driver;
      entries.emplace_back(bl(i, 0), bl(i, 0), 1.0 / wires.r_driver);
      for (Index j = 0; j < columns; ++j) {
        const auto [ampere, siemens] = current(g(i, j), x[bl(i, j)] - x[sl(i, j)]);
        branch(bl(i, j), sl(i, j), ampere, siemens);
        if (j > 0) branch(bl(i, j - 1), bl(i, j), (x[bl(i, j - 1)] - x[bl(i, j)]) / wires.r_bl, 1.0 / wires.r_bl);
        if (i > 0) branch(sl(i - 1, j), sl(i, j), (x[sl(i - 1, j)] - x[sl(i, j)]) / wires.r_sl, 1.0 / wires.r_sl);
      }
    }
    jacobian.setFromTriplets(entries.begin(), entries.end());
    if (round == 0) solver.analyzePattern(jacobian);
    solver.factorize(jacobian);
    if (solver.info() != Eigen::Success) throw NumericalError("array: the nodal matrix has no Cholesky factors");
    const Eigen::VectorXd step = solver.solve(f);
    x -= step;
    if (step.cwiseAbs().maxCoeff() < 1e-11) {
      Eigen::VectorXd lines(columns);
      for (Index j = 0; j < columns; ++j) lines[j] = x[sl(0, j)];
      return lines;
    }
  }
  throw NumericalError("array: Newton on all nodes does not converge");
}

}  // namespace mho::solver
