// A network's matrices multiplied by the mapped, programmed cores.
//
// For each block of a matrix: input codes become driver levels bit by bit (block_levels.hpp), the core integrates and converts them, and the
// code is normalised by ΣG into Σ x_i·G_ij. The sums of the row segments are added digitally in their order and scaled to weights by
// w_max/(full-scale conductance difference).
#pragma once
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "chip/core_model.hpp"
#include "chip/exact_sum.hpp"
#include "chip/mapping.hpp"

namespace mho::chip {

class ChipEngine final : public MatrixEngine {
 public:
  // conductance: one matrix per block of the mapping, physical_rows × outputs [S]. points: one per matrix of the network.
  // `matrices` and `mapping` are copied.
  ChipEngine(std::span<const MatrixSpec> matrices, const Mapping& mapping, std::span<const Eigen::MatrixXf> conductance,
             std::span<const solver::OperatingPoint> points, const ChipConfig& config, const CoreFactory& make_core);

  void multiply(size_t matrix, const InputCodes& codes, Eigen::MatrixXf& out) const override;

  const Mapping& mapping() const { return mapping_; }
  // Events since construction or reset_events(), one entry per block of the mapping. The same for any number of threads as long as the
  // calls are the same. macs counts weights, not bias rows.
  std::vector<solver::EventCounts> events() const;
  void reset_events();

 private:
  void multiply_block(size_t block, const InputCodes& codes, Eigen::MatrixXf& out) const;

  std::vector<MatrixSpec> specs_;                   // of the network
  Mapping mapping_;
  std::vector<std::unique_ptr<CoreModel>> cores_;   // by block
  std::vector<float> scale_;                        // [weight × input / (S × code)] by block
  mutable std::mutex mutex_;
  mutable std::vector<EventLedger> ledgers_;        // by block
};

}  // namespace mho::chip
