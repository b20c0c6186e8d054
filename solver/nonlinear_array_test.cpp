// Lines of arrays with cells that are not ohmic: against Newton on the whole network, against the linear map, and by what passive networks must do.
#include "solver/nonlinear_array.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "solver/test_models.hpp"

using namespace mho;
using namespace mho::solver;
using namespace mho::solver::test;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::MatrixXf;

namespace {

LevelMatrix random_levels(Index rows, Index batch, std::uint64_t seed) {
  RandomStream random(seed, 0, 0, 1, Purpose::inputs);
  LevelMatrix levels(rows, batch);
  for (Index n = 0; n < levels.size(); ++n) levels.data()[n] = static_cast<std::int8_t>(static_cast<int>(random.below(3)) - 1);
  return levels;
}

}  // namespace

TEST_CASE("lines are those of Newton on the whole network with the sinh law") {
  const MatrixXd g = random_cells(9, 7, 1);
  const LevelMatrix levels = random_levels(9, 5, 2);
  for (const ArrayWires& wires : {ArrayWires{0.5, 0.5, 200.0}, ArrayWires{100.0, 50.0, 2000.0}}) {
    const OddLaw law = fit_odd_law(g, sinh_current, 0.5);
    CHECK(law.misfit < 1e-3);
    MatrixXf lines;
    NonlinearArray(law, wires).solve(levels, 0.3, 1e-7, lines);
    for (Index b = 0; b < levels.cols(); ++b) {
      const Eigen::VectorXd exact = nonlinear_lines_nodal(g, sinh_cell, wires, 0.3 * levels.col(b).cast<double>());
      for (Index j = 0; j < 7; ++j) CHECK(lines(j, b) == doctest::Approx(exact[j]).scale(0.1).epsilon(2e-4));
    }
  }
}

TEST_CASE("ohmic cells give the linear map, also where drivers take half of the voltage") {
  const MatrixXd g = random_cells(48, 40, 3);
  const LevelMatrix levels = random_levels(48, 19, 4);
  for (const ArrayWires& wires : {ArrayWires{0.0, 0.0, 0.0}, ArrayWires{0.5, 0.5, 200.0}, ArrayWires{5.0, 3.0, 1500.0}}) {
    MatrixXf lines;
    NonlinearArray(ohmic_law(g), wires).solve(levels, 0.3, 1e-7, lines);
    const MatrixXd exact = 0.3 * transfer_map(g, wires) * levels.cast<double>();
    CHECK((lines.cast<double>() - exact).cwiseAbs().maxCoeff() < 3e-6);
  }
}

TEST_CASE("lines change sign with their inputs, lie between them, and do not depend on the batch") {
  const MatrixXd g = random_cells(20, 11, 5);
  const LevelMatrix levels = random_levels(20, 13, 6);
  const NonlinearArray array(fit_odd_law(g, sinh_current, 0.5), {0.5, 0.5, 1000.0});
  MatrixXf lines, negated, one;
  array.solve(levels, 0.3, 1e-6, lines);
  array.solve(-levels, 0.3, 1e-6, negated);
  CHECK(lines == -negated);
  CHECK(lines.cwiseAbs().maxCoeff() < 0.3f);
  for (Index b = 0; b < levels.cols(); ++b) {
    array.solve(levels.col(b), 0.3, 1e-6, one);
    CHECK(one == lines.col(b));
  }
}

TEST_CASE("an array that does not converge and one that is none are errors") {
  const MatrixXd g = random_cells(4, 4, 7);
  CHECK_THROWS_WITH_AS(NonlinearArray(ohmic_law(g), {0.5, -1.0, 200.0}), doctest::Contains("r_sl of -1 ohm"), Error);
  CHECK_THROWS_WITH_AS(NonlinearArray(ohmic_law(-g), {}), doctest::Contains("not positive"), Error);
  MatrixXf lines;
  CHECK_THROWS_WITH_AS(NonlinearArray(ohmic_law(g), {1e6, 1e6, 200.0}).solve(random_levels(4, 1, 8), 0.3, 1e-7, lines), doctest::Contains("did not settle"), NumericalError);
}
