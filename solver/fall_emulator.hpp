// What the falling word lines do to the lines of a block, as a regression on sums over the active rows. Fitted to the ODE of word_line_fall.hpp on random inputs of the
// very block; the misfit is kept. Features of column j: 1, V, V², N₊, N₋, P, M, t₁, t₂ and products, where N± count rows at ±1, P and M sum
// s = G/(G + 40 µS) over them, t₁ and t₂ sum s and s² over all rows, and V is the driven line.
#pragma once
#include <Eigen/Core>

#include "solver/fast_core.hpp"
#include "solver/fast_kernel.hpp"
#include "solver/neuron_model.hpp"

namespace mho::solver {

class FallEmulator {
 public:
  static constexpr int feature_count = 20;
  FallEmulator() = default;
  // conductance: R × C [S].
  FallEmulator(const NeuronModel& model, const Eigen::MatrixXd& conductance, const OperatingPoint& point);
  // s of each cell, R × C.
  const Eigen::MatrixXf& share() const { return share_; }
  // Held minus driven voltage [V] of column `column`: v driven line, n and p counts and sums over rows at +1 and −1.
  double step(Eigen::Index column, double v, double n_up, double n_down, double p_up, double p_down) const;
  // The same as the polynomial that the vectorised form evaluates, from sums of s over rows: what belongs to columns, and to one input of n_up and n_down active rows.
  void tabulate(kernel::Columns& columns) const;
  kernel::Activity activity(int n_up, int n_down) const;
  double misfit() const { return misfit_; }  // [V] rms on the inputs that it was fitted to

 private:
  void features(Eigen::Index column, double v, double n_up, double n_down, double p_up, double p_down, double* out) const;
  Eigen::MatrixXf share_;
  Eigen::VectorXd t1_, t2_;
  Eigen::Matrix<double, feature_count, 1> weight_ = Eigen::Matrix<double, feature_count, 1>::Zero();
  double scale_ = 1.0, misfit_ = 0.0;
};

}  // namespace mho::solver
