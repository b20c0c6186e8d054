// A core with wires, drivers, bent cells and read noise at the speed of a few matrix products.
//
// A floating line is where its cells' currents cancel. With all lines at 0, a cell of an active row lies at ± e_ij, which wires and drivers leave of the read voltage, and carries
// ± I_ij(e_ij). Around that, with x the levels, N_ij = (σ_ij/G_ij)² the cell's noise at one read, and sums over the rows i of a column j:
//   u_lin = V (H x)_j                                    ohmic cells, exact with all wires (array_map.hpp)
//   u     = (g u_lin + Σ q0 x) / (g + Σ q1 |x|)          q0 = I(e) − G e_lin, q1 = I'(e) − G, g = Σ G: one Newton step from the ohmic line
//   var u = (Σ N I(e)² |x| − 2 u Σ N I(e) I'(e) x + u² Σ N G²) / (g + Σ q1 |x|)²
// q0 is added to H, so that a slice of the inputs takes one signed product with 16 bits and one of |x| with 8; noise takes two more with 8 bits. All are whole numbers
// (level_product.hpp): results do not depend on batch, threads or processor. What is left out: curvature in u², and what the curvature of one column does to the others beyond
// e_ij. nonlinear_array.hpp solves all of it; `mho validate solver` prints the distance.
#pragma once
#include <Eigen/Core>
#include <memory>
#include <span>

#include "solver/nonlinear_array.hpp"

namespace mho::solver {

class WiredCore {
 public:
  // law: of the cells, R × C; ohmic_law() leaves curvature out. sigma: R × C [S], standard deviation of a cell's conductance from read to read, white, independent; empty: none.
  // wires: {0, 0, 0} leaves them and the drivers out. v_read [V]. parts: 8-bit digits of the signed product. Throws Error for shapes and values out of range.
  WiredCore(const OddLaw& law, const Eigen::MatrixXd& sigma, const ArrayWires& wires, double v_read, int parts = 2);
  ~WiredCore();
  WiredCore(WiredCore&&) noexcept;

  // Memory that calls use again and again, of one thread.
  class Workspace {
   public:
    Workspace();
    ~Workspace();
    Workspace(Workspace&&) noexcept;

   private:
    friend class WiredCore;
    struct Buffers;
    std::unique_ptr<Buffers> buffers_;
  };

  Eigen::Index rows() const;
  Eigen::Index columns() const;
  // Line of every column and the variance that read noise gives it, C × B [V], [V²]; the variance is 0 without noise. Thread-safe with one workspace a thread. Allocates only
  // when a batch is larger than any before.
  void lines(const LevelMatrix& levels, Workspace& workspace, Eigen::MatrixXf& u, Eigen::MatrixXf& variance) const;
  // Σ_k 2^k u_k with its noise, C × B [V]: what the neuron integrates, over C_sample/C_integ. One level matrix per magnitude bit, the least significant first; the 2^k samples of
  // bit k take the same held line.
  void sum(std::span<const LevelMatrix> levels, const ReadNoiseKey& key, Workspace& workspace, Eigen::MatrixXf& v) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Codes of voltages [V], truncated towards zero and held at ±max_code.
void truncate_codes(const Eigen::MatrixXf& v, double lsb, int max_code, CodeMatrix& codes);

}  // namespace mho::solver
