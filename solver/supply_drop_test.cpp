#include "solver/supply_drop.hpp"

#include <doctest/doctest.h>

#include <Eigen/LU>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "solver/array_map.hpp"
#include "solver/random_core.hpp"

using namespace mho;
using namespace mho::solver;

namespace {

// Currents and voltages of a whole network of cores on one pair of supply lines by its nodal matrix: supplies p_k, m_k of each core, its bit lines and source lines.
struct Network {
  std::vector<Eigen::MatrixXd> g;
  std::vector<LevelMatrix> levels;  // one column each
  double r_driver, source, step;

  std::vector<Eigen::Vector2d> supplies(Eigen::MatrixXd* lines) const {
    Eigen::Index nodes = 0;
    std::vector<Eigen::Index> first;
    for (const auto& of_core : g) first.push_back(nodes), nodes += 2 + of_core.rows() + of_core.cols();
    Eigen::MatrixXd a = Eigen::MatrixXd::Zero(nodes, nodes);
    Eigen::VectorXd i = Eigen::VectorXd::Zero(nodes);
    const auto between = [&](Eigen::Index x, Eigen::Index y, double c) { a(x, x) += c, a(y, y) += c, a(x, y) -= c, a(y, x) -= c; };
    for (size_t k = 0; k < g.size(); ++k) {
      const Eigen::Index p = first[k], m = p + 1, bit = p + 2, line = bit + g[k].rows();
      if (k == 0) {
        a(p, p) += 1.0 / source, a(m, m) += 1.0 / source, i[p] += 1.0 / source, i[m] -= 1.0 / source;
      } else {
        between(first[k - 1], p, 1.0 / step), between(first[k - 1] + 1, m, 1.0 / step);
      }
      for (Eigen::Index r = 0; r < g[k].rows(); ++r) {
        const int level = levels[k](r, 0);
        if (level == 0) a(bit + r, bit + r) += 1.0 / r_driver;
        else between(level > 0 ? p : m, bit + r, 1.0 / r_driver);
        for (Eigen::Index j = 0; j < g[k].cols(); ++j) between(bit + r, line + j, g[k](r, j));
      }
    }
    const Eigen::VectorXd v = a.fullPivLu().solve(i);
    std::vector<Eigen::Vector2d> found;
    for (size_t k = 0; k < g.size(); ++k) {
      found.push_back(v.segment<2>(first[k]));
      if (lines) lines->col(static_cast<Eigen::Index>(k)) = v.segment(first[k] + 2 + g[k].rows(), g[k].cols());
    }
    return found;
  }
};

LevelMatrix random_levels(std::uint32_t number, Eigen::Index rows) {
  RandomStream random(5, 0, 0, number, Purpose::test);
  LevelMatrix x(rows, 1);
  for (auto& level : x.reshaped()) level = static_cast<std::int8_t>(static_cast<int>(random.below(3)) - 1);
  return x;
}

}  // namespace

TEST_CASE("supplies along a line of cores, and the lines that they leave, are those of the whole network") {
  Network net{{}, {}, 200.0, 3.0, 2.0};
  for (std::uint32_t k = 0; k < 3; ++k) net.g.push_back(differential_cells(k + 1, 24, 6)), net.levels.push_back(random_levels(k, 24));
  std::vector<Eigen::Matrix2d> ports;
  for (size_t k = 0; k < net.g.size(); ++k) ports.push_back(SupplyLoad(net.g[k], net.r_driver).ports(net.levels[k]).front());
  Eigen::MatrixXd lines(6, 3);
  const auto expected = net.supplies(&lines), left = supplies_left(ports, net.source, net.step);
  for (size_t k = 0; k < left.size(); ++k) {
    CHECK((left[k] - expected[k]).norm() < 1e-12);
    // The lines follow the supplies that are left.
    Eigen::VectorXd drive(24);
    for (Eigen::Index r = 0; r < 24; ++r) drive[r] = net.levels[k](r, 0) > 0 ? left[k][0] : net.levels[k](r, 0) < 0 ? left[k][1] : 0.0;
    CHECK((transfer_map(net.g[k], {0.0, 0.0, net.r_driver}) * drive - lines.col(static_cast<Eigen::Index>(k))).norm() < 1e-10);
  }
}

TEST_CASE("a core's load is reciprocal and takes power from its supplies, without active rows it draws nothing, and further cores are left less") {
  const Eigen::MatrixXd g = differential_cells(9, 32, 8);
  const SupplyLoad load(g, 300.0);
  LevelMatrix x(32, 2);
  x.col(0) = random_levels(3, 32);
  x.col(1).setZero();
  const auto ports = load.ports(x);
  CHECK(ports[0](0, 1) == doctest::Approx(ports[0](1, 0)).epsilon(1e-9).scale(1e-30));
  CHECK(ports[0].determinant() > 0.0);
  CHECK(ports[1].norm() == 0.0);
  const std::vector<Eigen::Matrix2d> row(4, ports[0]);
  const auto left = supplies_left(row, 5.0, 5.0);
  for (size_t k = 1; k < left.size(); ++k) CHECK(left[k][0] < left[k - 1][0]);
  CHECK(supplies_left(std::vector<Eigen::Matrix2d>(2, ports[1]), 5.0, 5.0).back() == Eigen::Vector2d(1.0, -1.0));
}

TEST_CASE("values that are none") {
  CHECK_THROWS_AS(SupplyLoad(Eigen::MatrixXd::Zero(2, 2), 100.0), Error);
  CHECK_THROWS_AS(SupplyLoad(Eigen::MatrixXd::Ones(2, 2), 0.0), Error);
}
