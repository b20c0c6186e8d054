// A network's matrices multiplied by the mapped, programmed cores.
//
// For each block of a matrix: input codes become driver levels bit by bit (block_levels.hpp), the core integrates and converts them, and the
// code is normalised by ΣG into Σ x_i·G_ij. The sums of the row segments are added digitally in their order and scaled to weights by
// w_max/(full-scale conductance difference).
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "chip/core_model.hpp"
#include "chip/exact_sum.hpp"
#include "chip/mapping.hpp"

namespace mho::chip {

// A common supply of the cores that work on a matrix at the same time (solver/supply_drop.hpp).
struct SupplyLine {
  double source = 0, step = 0;  // [ohm] before the first core, from core to core
};

struct EngineOptions {
  bool adc = true;                      // off: normalisation takes the integrated voltages; what the ADC does is counted all the same
  std::optional<SupplyLine> supplies;   // none: each core has its own
  std::uint64_t seed = 1;               // of read noise …
  std::uint32_t die = 0;                // … and its die
};

// The core of a block: programmed conductances and its operating point are those of the block.
using BlockCores = std::function<std::unique_ptr<CoreModel>(size_t block, const Eigen::MatrixXd& conductance, const solver::OperatingPoint& point, int bits)>;

class ChipEngine final : public MatrixEngine {
 public:
  // conductance: one matrix per block of the mapping, physical_rows × outputs [S]. points: one per matrix of the network.
  // `matrices` and `mapping` are copied.
  ChipEngine(std::span<const MatrixSpec> matrices, const Mapping& mapping, std::span<const Eigen::MatrixXf> conductance,
             std::span<const solver::OperatingPoint> points, const ChipConfig& config, const CoreFactory& make_core);

  ChipEngine(std::span<const MatrixSpec> matrices, const Mapping& mapping, std::span<const Eigen::MatrixXf> conductance,
             std::span<const solver::OperatingPoint> points, const ChipConfig& config, const BlockCores& make_core, const EngineOptions& options);

  void multiply(size_t matrix, const InputCodes& codes, Eigen::MatrixXf& out) const override;
  // Reads by image: the numbers of noise are those of seed, die, block, call of the matrix within the image, image and position (columns of a call are image by image).
  std::unique_ptr<MatrixEngine> at_images(size_t first, size_t count) const override;
  // The same with the number of the first column and of the call, for the above.
  void multiply_inputs(size_t matrix, const InputCodes& codes, std::uint32_t first_input, std::uint32_t call, Eigen::MatrixXf& out) const;

  const Mapping& mapping() const { return mapping_; }
  // Events since construction or reset_events(), one entry per block of the mapping. The same for any number of threads as long as the
  // calls are the same. macs counts weights, not bias rows.
  std::vector<solver::EventCounts> events() const;
  void reset_events();

 private:
  // Blocks of a matrix in different cores, which work at the same time.
  void multiply_blocks(std::span<const size_t> blocks, const InputCodes& codes, std::uint32_t first_input, std::uint32_t call, Eigen::MatrixXf& out) const;

  std::vector<MatrixSpec> specs_;                   // of the network
  Mapping mapping_;
  EngineOptions options_;
  std::vector<std::vector<std::vector<size_t>>> rounds_;  // by matrix: blocks that work at the same time, one round after another
  std::vector<std::unique_ptr<CoreModel>> cores_;   // by block
  std::vector<Eigen::VectorXf> scale_;              // [weight × input / (S × code)] by block and output
  mutable std::mutex mutex_;
  mutable std::vector<EventLedger> ledgers_;        // by block
};

}  // namespace mho::chip
