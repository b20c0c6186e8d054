// The array in time: the stepper's order, the exponential of a linear network, charge, settled lines by an independent route, and capacitive dividers.
#include "solver/core_ode.hpp"

#include <doctest/doctest.h>

#include <Eigen/Eigenvalues>
#include <Eigen/SparseLU>
#include <boost/numeric/odeint/integrate/integrate_adaptive.hpp>
#include <cmath>

#include "core/errors.hpp"
#include "solver/line.hpp"
#include "solver/nonlinear_array.hpp"
#include "solver/rosenbrock.hpp"
#include "solver/test_models.hpp"

using namespace mho;
using namespace mho::solver;
using namespace mho::solver::test;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

struct LuFactors {
  Eigen::SparseLU<Eigen::SparseMatrix<double>> lu;
  void factorize(const Eigen::SparseMatrix<double>& m) { lu.compute(m); }
  VectorXd solve(const VectorXd& b) const { return lu.solve(b); }
};

// Kaps' problem (Dekker and Verwer 1984): exact y = (e^−2t, e^−t) for every stiffness; `jacobian` scales what the stepper is told of the soft equation.
struct Kaps {
  double stiffness, jacobian = 1.0;
  Eigen::SparseMatrix<double> m = MatrixXd::Identity(2, 2).sparseView();
  void operator()(const VectorXd& y, VectorXd& f, double) const { f << -(stiffness + 2.0) * y[0] + stiffness * y[1] * y[1], y[0] - y[1] - y[1] * y[1]; }
  const Eigen::SparseMatrix<double>& mass() const { return m; }
  void shifted(const VectorXd& y, double shift, Eigen::SparseMatrix<double>& matrix) const {
    MatrixXd j(2, 2);
    j << -(stiffness + 2.0), 2.0 * stiffness * y[1], jacobian, -jacobian * (1.0 + 2.0 * y[1]);
    matrix = (shift * MatrixXd::Identity(2, 2) - j).sparseView();
  }
};

double kaps_error(const Kaps& system, int steps) {
  LuFactors factors;
  RosenbrockStepper<LuFactors> stepper(factors, 1.0, 0.0);
  VectorXd y = VectorXd::Ones(2);
  for (int n = 0; n < steps; ++n) {
    stepper.step(system, y, 1.0 / steps);
    y = stepper.next();
  }
  return (y - Eigen::Vector2d(std::exp(-2.0), std::exp(-1.0))).norm();
}

CoreNetwork small_network(Index rows, Index columns, std::uint64_t seed) {
  CoreNetwork n;
  n.g = random_cells(rows, columns, seed);
  n.current = sinh_cell;
  n.wires = {0.5, 0.5, 200.0};
  return n;
}

VectorXd at_rest(const CoreOde& core) { return core.held(VectorXd::Zero(core.columns()), VectorXd::Zero(core.rows())); }

VectorXd random_drive(Index rows, std::uint64_t seed) {
  RandomStream random(seed, 0, 0, 1, Purpose::inputs);
  VectorXd v(rows);
  for (double& x : v) x = 0.3 * (static_cast<int>(random.below(3)) - 1);
  return v;
}

}  // namespace

TEST_CASE("the stepper is of order 3 on a stiff nonlinear problem, from mild to very stiff, and with a wrong Jacobian") {
  for (double stiffness : {1.0, 1e6}) {
    const double order = std::log2(kaps_error({stiffness}, 40) / kaps_error({stiffness}, 80));
    CAPTURE(stiffness);
    CHECK(order > 2.8);
    CHECK(order < 3.4);
  }
  CHECK(std::log2(kaps_error({1.0, 0.3}, 80) / kaps_error({1.0, 0.3}, 160)) > 2.8);  // a W-method
}

TEST_CASE("the stepper's coefficients are those of a method of order 3, its embedded one of order 2, L-stable, stable with a Jacobian up to five times too large") {
  const RosenbrockCoefficients& k = ros34pw2();
  // y' = λ y from 1 with z = h λ, and λ/share in place of λ as the Jacobian.
  const auto result = [&](double z, const Eigen::Vector4d& weights, double share = 1.0) {
    const Eigen::Matrix4d left = Eigen::Matrix4d::Identity() * (1.0 / k.gamma - z / share) - z * k.a - k.c;
    return 1.0 + weights.dot(left.lu().solve(Eigen::Vector4d::Constant(z)));
  };
  for (double z : {0.02, -0.02}) {
    CHECK(std::abs(result(z, k.m) - std::exp(z)) < std::pow(std::abs(z), 4));
    CHECK(std::abs(result(z, k.m, 0.5) - std::exp(z)) < 10 * std::pow(std::abs(z), 4));
    CHECK(std::abs(result(z, k.m - k.error) - std::exp(z)) < std::pow(std::abs(z), 3));
  }
  CHECK(std::abs(result(-1e9, k.m)) < 1e-8);
  for (double share : {0.2, 0.4, 0.7, 1.0})
    for (double z = -0.01; z > -1e9; z *= 1.5) CHECK(std::abs(result(z, k.m, share)) < 1.0);
}

TEST_CASE("controlled by odeint, the error of the stiff problem follows the tolerance") {
  LuFactors factors;
  const Kaps system{1e4};
  for (double tolerance : {1e-4, 1e-6, 1e-8}) {
    RosenbrockStepper<LuFactors> stepper(factors, tolerance, 0.0);
    VectorXd y = VectorXd::Ones(2);
    boost::numeric::odeint::integrate_adaptive(std::ref(stepper), std::cref(system), y, 0.0, 1.0, 1e-3);
    CHECK((y - Eigen::Vector2d(std::exp(-2.0), std::exp(-1.0))).norm() < 10 * tolerance);
  }
}

TEST_CASE("a linear network follows the exponential of its matrix") {
  CoreNetwork n = small_network(3, 4, 1);
  n.current = nullptr;
  n.c_couple = 0.1e-15;
  n.c_line = 5e-15;
  n.c_driver = 1e-15;
  const VectorXd drive = random_drive(3, 2);
  // The same network written down again: node (i, j) of bit lines first, then of source lines.
  const auto bl = [](Index i, Index j) { return i * 4 + j; };
  const auto sl = [](Index i, Index j) { return 12 + i * 4 + j; };
  MatrixXd c = MatrixXd::Zero(24, 24), g = MatrixXd::Zero(24, 24);
  VectorXd source = VectorXd::Zero(24);
  const auto add = [](MatrixXd& m, Index a, Index b, double x) {
    m(a, a) += x;
    m(b, b) += x;
    m(a, b) -= x;
    m(b, a) -= x;
  };
  for (Index i = 0; i < 3; ++i)
    for (Index j = 0; j < 4; ++j) {
      c(bl(i, j), bl(i, j)) += n.c_cell;
      c(sl(i, j), sl(i, j)) += n.c_cell;
      add(g, bl(i, j), sl(i, j), n.g(i, j));
      if (j > 0) add(g, bl(i, j - 1), bl(i, j), 1 / n.wires.r_bl);
      if (i > 0) add(g, sl(i - 1, j), sl(i, j), 1 / n.wires.r_sl);
      if (i > 0) add(c, bl(i - 1, j), bl(i, j), n.c_couple);
      if (j > 0) add(c, sl(i, j - 1), sl(i, j), n.c_couple);
      if (i == 0) c(sl(0, j), sl(0, j)) += n.c_line;
      if (j == 0) {
        c(bl(i, 0), bl(i, 0)) += n.c_driver;
        g(bl(i, 0), bl(i, 0)) += 1 / n.wires.r_driver;
        source[bl(i, 0)] += drive[i] / n.wires.r_driver;
      }
    }
  const VectorXd settled = g.ldlt().solve(source);
  const Eigen::GeneralizedSelfAdjointEigenSolver<MatrixXd> modes(g, c);  // vectors: Vᵀ C V = 1
  CoreOde core(n);
  VectorXd y = at_rest(core);
  double t = 0.0;
  for (double span : {1e-15, 1e-13, 1e-11, 5e-11, 1e-9}) {
    core.advance(y, {drive, {}}, true, span, 1e-8);
    t += span;
    const VectorXd decayed = modes.eigenvectors() * (-t * modes.eigenvalues().array()).exp().matrix().asDiagonal() * modes.eigenvectors().transpose() * c * (-settled);
    CAPTURE(t);
    CHECK((y - settled - decayed).cwiseAbs().maxCoeff() < 3e-7);  // a step's error is 1e-8, and they add up
  }
}

TEST_CASE("held lines keep their charge, also while their drivers move and neighbours couple") {
  for (bool transistors : {false, true}) {
    CoreNetwork n = small_network(6, 5, 3);
    n.c_couple = 0.3e-15;
    if (transistors) n.transistor = TransistorParams{};
    CoreOde core(n);
    VectorXd y = at_rest(core);
    core.advance(y, {random_drive(6, 4), {}}, true, 1e-9, 1e-6);
    const VectorXd before = core.line_charges(y), lines = core.lines(y);
    CHECK(lines.cwiseAbs().maxCoeff() > 0.01);
    core.advance(y, {random_drive(6, 5), {}}, false, 20e-9, 1e-6);
    CHECK((core.line_charges(y) - before).cwiseAbs().maxCoeff() < 1e-10 * before.cwiseAbs().maxCoeff());
    CHECK((core.lines(y) - lines).cwiseAbs().maxCoeff() < 1e-3);  // only what the wires had not yet evened out
  }
}

TEST_CASE("settled lines are those of Newton on the whole network") {
  CoreNetwork n = small_network(12, 9, 6);
  n.c_couple = 0.1e-15;
  CoreOde core(n);
  const VectorXd drive = random_drive(12, 7), exact = nonlinear_lines_nodal(n.g, sinh_cell, n.wires, drive);
  VectorXd y = core.held(VectorXd::Constant(9, -0.1), drive);
  core.advance(y, {drive, {}}, true, 1e-7, 1e-7);
  CHECK((core.lines(y) - exact).cwiseAbs().maxCoeff() < 1e-6);
}

TEST_CASE("settled lines behind transistors carry no current") {
  CoreNetwork n = small_network(10, 3, 8);
  n.current = nullptr;
  n.wires = {1e-3, 1e-3, 200.0};  // rows that share a driver: weak cells, so that the lines do not load each other
  n.g *= 1e-3;
  n.transistor = TransistorParams{.beta = 4e-7, .v_pinch = 0.6, .theta = 0.2};
  CoreOde core(n);
  const VectorXd drive = random_drive(10, 9);
  VectorXd y = at_rest(core);
  core.advance(y, {drive, {}}, true, 1e-4, 1e-8);
  for (Index j = 0; j < 3; ++j) {
    double sum = 0.0, slope = 0.0, each = 0.0;
    for (Index i = 0; i < 10; ++i) {
      sum += cell_current(*n.transistor, 200.0, n.g(i, j), drive[i], core.lines(y)[j], &each);
      slope += each;
    }
    CHECK(std::abs(sum / slope) < 2e-6);  // [V] of the line
  }
}

TEST_CASE("a line that floats follows its neighbour as their capacitances divide") {
  CoreNetwork n = small_network(8, 2, 10);
  n.g.col(1).setConstant(1e-15);
  n.c_couple = 2e-15;
  n.c_line = 30e-15;
  CoreOde core(n);
  VectorXd y = at_rest(core);
  core.advance(y, {VectorXd::Constant(8, 0.3), {}}, true, 2e-8, 1e-7);
  const double own = 8 * n.c_cell + n.c_line, coupled = 8 * n.c_couple;
  CHECK(core.lines(y)[0] == doctest::Approx(0.3).epsilon(1e-4));
  CHECK(core.lines(y)[1] == doctest::Approx(0.3 * coupled / (coupled + own)).epsilon(1e-4));
}

TEST_CASE("a shared supply gives what its drivers draw") {
  // One column, all inputs from one of two supplies: each stands for a driver of r_supply with its rows behind it.
  CoreNetwork n = small_network(4, 1, 11);
  n.current = nullptr;
  n.g.setConstant(1e-3);  // so that supplies sag
  n.r_supply = 500.0;
  CoreOde core(n);
  const VectorXd drive = (VectorXd(4) << 0.3, 0.3, 0.3, -0.3).finished();
  VectorXd y = at_rest(core);
  core.advance(y, {drive, {}}, true, 1e-8, 1e-8);
  const double cell = 1000.0 + 200.0, up = 500.0 + cell / 3, down = 500.0 + cell;  // wires of 1.5 ohm in all left out
  CHECK(core.lines(y)[0] == doctest::Approx(0.3 * (1 / up - 1 / down) / (1 / up + 1 / down)).epsilon(2e-3));
  // The same by groups given, and with a supply for each driver: 500 ohm more in each.
  VectorXd z = at_rest(core);
  core.advance(z, {drive, {0, 0, 0, 1}}, true, 1e-8, 1e-8);
  CHECK((y - z).cwiseAbs().maxCoeff() < 1e-12);
  VectorXd own = at_rest(core);
  core.advance(own, {drive, {0, 1, 2, 3}}, true, 1e-8, 1e-8);
  n.r_supply = 0.0;
  n.wires.r_driver += 500.0;
  CoreOde same(n);
  VectorXd w = at_rest(same);
  same.advance(w, {drive, {}}, true, 1e-8, 1e-8);
  CHECK((own - w).cwiseAbs().maxCoeff() < 1e-6);
}

TEST_CASE("what is no network or no drive is refused") {
  CoreNetwork n = small_network(3, 3, 12);
  n.wires.r_sl = 0.0;
  CHECK_THROWS_WITH_AS(CoreOde{n}, doctest::Contains("r_sl is 0"), Error);
  n.wires.r_sl = 0.5;
  n.r_supply = 10.0;
  CoreOde core(n);
  VectorXd y = at_rest(core);
  CHECK_THROWS_WITH_AS(core.advance(y, {VectorXd::Zero(2), {}}, true, 1e-9, 1e-6), doctest::Contains("2 driver voltages for 3 bit lines"), Error);
  CHECK_THROWS_WITH_AS(core.advance(y, {random_drive(3, 1), {0, 7, 0}}, true, 1e-9, 1e-6), doctest::Contains("no supply 7"), Error);
  CHECK_THROWS_WITH_AS(core.advance(y, {(VectorXd(3) << 0.3, 0.0, 0.0).finished(), {0, 0, 1}}, true, 1e-9, 1e-6), doctest::Contains("supply 0 would be"), Error);
  VectorXd wrong = VectorXd::Zero(4);
  CHECK_THROWS_WITH_AS(core.advance(wrong, {VectorXd::Zero(3), {}}, true, 1e-9, 1e-6), doctest::Contains("4 nodes for 18"), Error);
}
