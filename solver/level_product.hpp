// Products Mᵀ l and Mᵀ |l| of a nonnegative matrix with inputs of levels −1, 0 and +1, exact in the digits that M is rounded to.
//
// Shapes: M is R × C, the levels are R × B, sums are C × B. Each column of M is rounded to whole multiples of a step of its own,
//   M_ij ≈ step_j · n_ij,  step_j = max_i M_ij / (2^(8·parts) − 1),  |M_ij − step_j n_ij| ≤ step_j / 2,
// and n is kept as one or two unsigned 8-bit digits. Sums of n · l are whole numbers in 32 bits, so that a result depends on nothing but its
// column and its input: neither on the batch around it nor on threads or the instructions of the processor. Only then it becomes a float:
//   sum_jb = float(Σ_i n_ij l_ib) · step_j.
// Off Σ_i M_ij l_ib it is by at most step_j / 2 per active row, and by 2^-23 of itself: the product's rounding, and that of the whole number
// where it has more than 24 bits (two digits and more than 256 rows). Steps of powers of two would leave up to half of the digits' range unused.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <vector>

#include "solver/fast_core.hpp"

namespace mho::solver {

// Levels of a batch in the order in which the products read them: four rows of an input in one word, rows filled up with zeros.
class PackedLevels {
 public:
  PackedLevels() = default;
  explicit PackedLevels(const Eigen::Ref<const LevelMatrix>& levels) { pack(levels); }
  // levels: R × B of −1, 0, +1; Error for others. Allocates only when the batch is larger than any before.
  void pack(const Eigen::Ref<const LevelMatrix>& levels);
  Eigen::Index rows() const { return rows_; }
  Eigen::Index inputs() const { return inputs_; }
  Eigen::Index words() const { return words_; }  // of one input
  const std::int8_t* input(Eigen::Index b) const { return packed_.data() + 4 * words_ * b; }

 private:
  Eigen::Index rows_ = 0, inputs_ = 0, words_ = 0;
  std::vector<std::int8_t> packed_;
};

// How sums are formed; all give the same bits. `best` is the first that the processor has.
enum class Kernel { best, avx512_vnni, avx2, plain };
bool has_kernel(Kernel kernel);

class LevelProduct {
 public:
  // m: R × C, any unit. Error for entries that are negative, not finite, or so large or small that floats cannot hold the sums or the step;
  // for `parts` other than 1 or 2; for more rows than 32 bits can sum (32768 with two parts); for a kernel that the processor lacks.
  LevelProduct(const Eigen::MatrixXd& m, int parts, Kernel kernel = Kernel::best);

  Eigen::Index rows() const { return rows_; }
  Eigen::Index columns() const { return columns_; }
  int parts() const { return parts_; }
  double step(Eigen::Index column) const { return static_cast<double>(step_[static_cast<size_t>(column)]); }  // [unit of m] 0 for a column of zeros
  Eigen::MatrixXd rounded() const;  // step_j n_ij [unit of m], R × C: the matrix that the sums belong to

  // Sums of the unit of m, C × B. Thread-safe; an output that has this size is written in place. Error if the levels have other rows than m.
  void signed_sums(const PackedLevels& levels, Eigen::MatrixXf& out) const;   // Mᵀ l
  void active_sums(const PackedLevels& levels, Eigen::MatrixXf& out) const;   // Mᵀ |l|
  // Both in one pass over the matrix, which pays for few inputs; many take as long as two calls. Two different outputs.
  void sums(const PackedLevels& levels, Eigen::MatrixXf& signed_out, Eigen::MatrixXf& active_out) const;
  // The same into memory for C × B numbers, column-major; what is nullptr is left out.
  void sums(const PackedLevels& levels, float* signed_out, float* active_out) const;

 private:
  struct alignas(64) Line {
    std::uint8_t digit[64];  // 16 columns × 4 rows
  };
  struct Job;
  struct Kernels;
  Eigen::Index block_columns() const { return 64 / parts_; }

  Eigen::Index rows_ = 0, columns_ = 0, words_ = 0;
  int parts_ = 1;
  std::vector<Line> digits_;  // by block of 64 digit columns, by four rows, by 16 columns; of two parts the higher one first
  std::vector<float> step_;   // filled up with zeros to whole blocks
  void (*multiply_)(const Job&) = nullptr;
};

}  // namespace mho::solver
