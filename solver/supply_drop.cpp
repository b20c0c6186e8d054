#include "solver/supply_drop.hpp"

#include <fmt/format.h>

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <algorithm>

#include "core/errors.hpp"

namespace mho::solver {

// Bit line i: (V_i − p_i)/r = Σ_j G_ij (p_i − u_j), line j: u_j = Σ_i G_ij p_i/ΣG_j. So (1 + r (D − G T⁻¹ Gᵀ)) p = V with D and T the sums of G over rows and columns.
SupplyLoad::SupplyLoad(const Eigen::MatrixXd& g, double r_driver) {
  if (g.size() == 0 || !(g.minCoeff() > 0.0)) throw Error("supply drop: conductances must be more than 0");
  if (!(r_driver > 0.0)) throw Error(fmt::format("supply drop: r_driver is {} ohm, must be more than 0", r_driver));
  const Eigen::VectorXd total = g.colwise().sum().transpose();
  Eigen::MatrixXd system = -r_driver * g * total.cwiseInverse().asDiagonal() * g.transpose();
  system.diagonal() += r_driver * g.rowwise().sum();
  // Y = (1 − (1 + S)⁻¹)/r = (1 + S)⁻¹ S/r: no difference of nearly equal numbers.
  Eigen::MatrixXd shifted = system;
  shifted.diagonal().array() += 1.0;
  admittance_ = shifted.ldlt().solve(system) / r_driver;
}

std::vector<Eigen::Matrix2d> SupplyLoad::ports(const LevelMatrix& levels) const {
  MHO_ASSERT(levels.rows() == admittance_.rows());
  const Eigen::MatrixXd up = (levels.array() > 0).cast<double>(), down = (levels.array() < 0).cast<double>();
  const Eigen::MatrixXd of_up = admittance_ * up, of_down = admittance_ * down;
  std::vector<Eigen::Matrix2d> ports(static_cast<size_t>(levels.cols()));
  for (Eigen::Index b = 0; b < levels.cols(); ++b)
    ports[static_cast<size_t>(b)] << up.col(b).dot(of_up.col(b)), up.col(b).dot(of_down.col(b)), down.col(b).dot(of_up.col(b)), down.col(b).dot(of_down.col(b));
  return ports;
}

// From the far end: seen from core k on, the line is Y_k = M_k + (Y_(k+1)⁻¹ + step)⁻¹, written (1 + step Y)⁻¹ Y because Y may be singular.
std::vector<Eigen::Vector2d> supplies_left(std::span<const Eigen::Matrix2d> ports, double source, double step) {
  const Eigen::Matrix2d one = Eigen::Matrix2d::Identity();
  std::vector<Eigen::Matrix2d> seen(ports.begin(), ports.end());
  for (size_t k = seen.size(); k-- > 1;) seen[k - 1] += (one + step * seen[k]).inverse() * seen[k];
  std::vector<Eigen::Vector2d> left;
  Eigen::Vector2d v{1.0, -1.0};
  for (size_t k = 0; k < seen.size(); ++k) {
    v = (one + (k == 0 ? source : step) * seen[k]).inverse() * v;
    left.push_back(v);
  }
  return left;
}

std::vector<std::vector<SupplyMatrix>> supplies_of_cores(std::span<const FastCore* const> cores, std::span<const std::vector<LevelMatrix>> levels, double source, double step) {
  if (cores.empty() || cores.size() != levels.size()) throw Error("supply drop: wants levels for each of the cores");
  const size_t bits = levels[0].size();
  const Eigen::Index inputs = bits > 0 ? levels[0][0].cols() : 0;
  for (const std::vector<LevelMatrix>& of_core : levels)
    for (size_t k = 0; k < std::max(bits, of_core.size()); ++k)
      if (k >= bits || k >= of_core.size() || of_core[k].cols() != inputs) throw Error("supply drop: cores on one line want as many bits and inputs as each other");
  std::vector<std::vector<SupplyMatrix>> supplies(cores.size(), std::vector<SupplyMatrix>(bits, SupplyMatrix(2, inputs)));
  std::vector<std::vector<Eigen::Matrix2d>> ports(cores.size());
  std::vector<Eigen::Matrix2d> along(cores.size());
  FastCore::Workspace workspace;
  for (size_t k = 0; k < bits; ++k) {
    for (size_t c = 0; c < cores.size(); ++c) cores[c]->supply_ports(levels[c][k], workspace, ports[c]);
    for (Eigen::Index b = 0; b < inputs; ++b) {
      for (size_t c = 0; c < cores.size(); ++c) along[c] = ports[c][static_cast<size_t>(b)];
      const std::vector<Eigen::Vector2d> left = supplies_left(along, source, step);
      for (size_t c = 0; c < cores.size(); ++c) supplies[c][k].col(b) = left[c].cast<float>();
    }
  }
  return supplies;
}

}  // namespace mho::solver
