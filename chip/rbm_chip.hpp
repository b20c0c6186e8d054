// A Boltzmann machine on programmed cores: both products from the same cells (chip/rbm_mapping.hpp).
//
// A product from hidden to visible units is that of the core as calibrated, rows in and columns out. One from visible to hidden units takes the transposed cells: columns are driven and
// rows settle (`mho validate modes --only directions`: backward products equal forward ones of the transposed matrix). Sums of the blocks are added digitally.
#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "chip/chip_engine.hpp"
#include "chip/die.hpp"
#include "chip/image_recovery.hpp"
#include "chip/operating_point.hpp"
#include "chip/rbm_mapping.hpp"

namespace mho::chip {

// Digital correction of the sums of one direction, by unit: a becomes slope · a + offset. Row drivers give less to rows that carry more current, and cells deviate from their targets; what of that
// is the same for all inputs is taken out here, as the chip's users do (slope and intercept by column, Wan et al. 2022).
struct SumCorrection {
  Eigen::VectorXf slope, offset;  // empty: none
  void apply(Eigen::MatrixXf& log_odds) const;
};
// Least squares of `expected` on `measured`, units × N. A unit whose measured sums do not vary keeps slope 1.
SumCorrection fit_correction(const Eigen::MatrixXf& measured, const Eigen::MatrixXf& expected);

class RbmChip final : public RbmMachine {
 public:
  // conductance: one matrix per block of mapping.cells [S]. points: visible → hidden, hidden → visible.
  RbmChip(const RbmMapping& mapping, std::span<const Eigen::MatrixXf> conductance, std::span<const solver::OperatingPoint> points, const ChipConfig& config,
          const CoreFactory& make_core);
  Eigen::Index visible() const override { return static_cast<Eigen::Index>(order_.size()); }
  Eigen::Index hidden() const override { return hidden_; }
  void to_hidden(const InputCodes& visible, Eigen::MatrixXf& log_odds) const override;
  void to_visible(const InputCodes& hidden, Eigen::MatrixXf& log_odds) const override;

  void correct(SumCorrection to_hidden, SumCorrection to_visible) { to_hidden_ = std::move(to_hidden), to_visible_ = std::move(to_visible); }

  // Events by block of mapping.directions. A weight counts as one multiply-accumulate though two lines of its pair convert; word line pulses are those of the rows, which are the outputs
  // on the way to the hidden units.
  std::vector<solver::EventCounts> events() const;

 private:
  std::vector<int> order_;
  Eigen::Index hidden_;
  ChipEngine engine_;
  SumCorrection to_hidden_, to_visible_;
};

// Bad rows, map and programmed cells of a die, or all that from `cache`.
struct RbmDie {
  ProgrammedDie cells;  // its mapping is mapping.cells
  RbmMapping mapping;
};
CacheKey rbm_die_key(const Rbm& rbm, const RbmLayout& layout, const ChipConfig& config, std::uint64_t seed, std::uint32_t die);
RbmDie program_rbm_die(const Rbm& rbm, const RbmLayout& layout, const ChipConfig& config, std::uint64_t seed, std::uint32_t die, int threads, const Cache& cache, bool show_progress = false);

// Points of both directions for all dies, on target conductances, from training images with their labels and the hidden units that the software machine samples for them.
std::vector<PointChoice> choose_rbm_points(const Rbm& rbm, const RbmLayout& layout, const ChipConfig& config, const ImageSet& training, const HiddenSampler& sampler, std::uint64_t seed,
                                           const CoreFactory& make_core, const LineTrim& line_trim = {}, int threads = 1);

}  // namespace mho::chip
