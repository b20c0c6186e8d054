// The drop of the supplies that feed the row drivers of cores along a common line.
//
// Rows of level +1 hang on one supply, rows of −1 on another, rows of 0 on the centre, which is stiff. With floating source lines and ohmic cells the currents of the drivers are
//   I = Y V,   Y = (1 − P)/r_driver,   P: R × R, from driver voltages to those of the bit lines,
// so that a core is a load of two ports, M_ab = Σ_(i of sign a) Σ_(k of sign b) Y_ik. Its lines follow the two supplies that are left linearly.
#pragma once
#include <Eigen/Core>
#include <span>
#include <vector>

#include "solver/fast_core.hpp"

namespace mho::solver {

class SupplyLoad {
 public:
  // g: R × C [S], all positive; r_driver [ohm], more than 0. Throws Error for values out of range. Memory and time of a dense R × R factorisation.
  SupplyLoad(const Eigen::MatrixXd& g, double r_driver);
  // [S] of each input (R × B): currents out of the positive and the negative supply per volt of each.
  std::vector<Eigen::Matrix2d> ports(const LevelMatrix& levels) const;

 private:
  Eigen::MatrixXd admittance_;  // [S] Y
};

// What is left of unit supplies (+1, −1) at each of the cores along a line whose source is behind `source` [ohm], with `step` [ohm] more from core to core on each supply.
std::vector<Eigen::Vector2d> supplies_left(std::span<const Eigen::Matrix2d> ports, double source, double step);

// The same for vectorised cores that take their inputs at the same time: [core][bit] for FastCore::integrate(). levels: [core][bit], of as many bits and inputs for all cores; a core
// without work has levels of zero. Loads are those of ohmic cells, bent ones by their chords at the read voltage. Throws Error for shapes that differ.
std::vector<std::vector<SupplyMatrix>> supplies_of_cores(std::span<const FastCore* const> cores, std::span<const std::vector<LevelMatrix>> levels, double source, double step);

}  // namespace mho::solver
