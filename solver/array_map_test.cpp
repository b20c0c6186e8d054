// The array as a linear map: against a nodal solution, and by what passive networks must do.
#include "solver/array_map.hpp"

#include <doctest/doctest.h>

#include "core/errors.hpp"
#include "solver/test_models.hpp"

using namespace mho;
using namespace mho::solver;
using namespace mho::solver::test;
using Eigen::Index;
using Eigen::MatrixXd;

namespace {

double relative(const MatrixXd& a, const MatrixXd& b) { return (a - b).norm() / b.norm(); }

}  // namespace

TEST_CASE("the map is that of a nodal solution") {
  for (const auto& [rows, columns] : {std::pair<Index, Index>{1, 1}, {1, 7}, {7, 1}, {16, 16}, {12, 33}, {40, 9}})
    for (const ArrayWires& wires : {ArrayWires{0.5, 0.5, 200.0}, ArrayWires{2.0, 0.1, 1000.0}, ArrayWires{50.0, 500.0, 1.0}}) {
      CAPTURE(rows);
      CAPTURE(columns);
      const MatrixXd g = random_cells(rows, columns, 3);
      // A cell beside a wire loses digits in the diagonal of the nodal matrix: 2 S and 20 uS leave 1e-11 of the cell.
      CHECK(relative(transfer_map(g, wires), transfer_map_nodal(g, wires)) < 1e-10);
    }
}

TEST_CASE("a floating line lies between its drivers, however long the wires and however far apart the cells") {
  MatrixXd g = random_cells(24, 20, 5);
  g.col(3) *= 1e-6;
  g.row(7) *= 1e3;
  const MatrixXd h = transfer_map(g, {5.0, 20.0, 1e4});
  CHECK(h.minCoeff() >= 0.0);
  for (Index j = 0; j < h.rows(); ++j) CHECK(h.row(j).sum() == doctest::Approx(1.0).epsilon(1e-12));
}

TEST_CASE("without wires a line is the mean of its inputs weighted with the conductances, drivers included or not") {
  const MatrixXd g = random_cells(9, 5, 7);
  const MatrixXd h = transfer_map(g, {0.0, 0.0, 0.0});
  for (Index j = 0; j < 5; ++j)
    for (Index i = 0; i < 9; ++i) CHECK(h(j, i) == doctest::Approx(g(i, j) / g.col(j).sum()).epsilon(1e-13));
  // One column behind drivers: cells in series with them.
  const MatrixXd one = transfer_map(g.leftCols(1), {0.0, 0.0, 1e5});
  const Eigen::ArrayXd series = g.col(0).array() / (1.0 + 1e5 * g.col(0).array());
  for (Index i = 0; i < 9; ++i) CHECK(one(0, i) == doctest::Approx(series[i] / series.sum()).epsilon(1e-13));
}

TEST_CASE("short wires come continuously from none") {
  const MatrixXd g = random_cells(32, 24, 9);
  const MatrixXd none = transfer_map(g, {0.0, 0.0, 200.0});
  const double at_1 = (transfer_map(g, {1e-3, 1e-3, 200.0}) - none).norm(), at_2 = (transfer_map(g, {2e-3, 2e-3, 200.0}) - none).norm();
  CHECK(at_2 / at_1 == doctest::Approx(2.0).epsilon(1e-3));
}

TEST_CASE("what is no array is refused by name") {
  MatrixXd g = random_cells(2, 2, 1);
  CHECK_THROWS_WITH_AS(transfer_map(MatrixXd(0, 3), {}), doctest::Contains("at least one"), Error);
  CHECK_THROWS_WITH_AS(transfer_map(g, {-1.0, 0.0, 200.0}), doctest::Contains("r_bl of -1 ohm"), Error);
  g(1, 0) = 0.0;
  CHECK_THROWS_WITH_AS(transfer_map(g, {}), doctest::Contains("cell (1, 0) is 0 S"), Error);
}
