// What the chip asks of one mapped matrix in one core, and where it comes from: the calibrated neuron or the closed form.
#pragma once
#include <Eigen/Core>
#include <functional>
#include <memory>
#include <span>

#include "solver/fast_core.hpp"

namespace mho::chip {

// Shapes and meaning as in solver::FastCore: R rows, C columns, B inputs of a batch. Immutable and thread-safe; a column of a result depends
// on its own column of the input only.
class CoreModel {
 public:
  virtual ~CoreModel() = default;
  virtual void integrate(std::span<const solver::LevelMatrix> levels, Eigen::MatrixXf& v_integrated,
                         solver::EventCounts* counts = nullptr) const = 0;
  virtual void convert(const Eigen::MatrixXf& v_integrated, solver::CodeMatrix& codes, solver::EventCounts* counts = nullptr) const = 0;
  virtual void decode(std::span<const solver::LevelMatrix> levels, const solver::CodeMatrix& codes, Eigen::MatrixXf& sums) const = 0;
  virtual double lsb() const = 0;  // [V] before the ADC
  // One read with the noise of `key` and what supplies that cores share leave (solver::FastCore::integrate); a core without either is integrated.
  virtual void read(std::span<const solver::LevelMatrix> levels, Eigen::MatrixXf& v_integrated, solver::EventCounts* counts, const solver::ReadNoiseKey& key,
                    std::span<const solver::SupplyMatrix> supplies) const;
  // decode() from integrated voltages, as with an ADC of endless range and resolution. Throws Error where a core has no such form.
  virtual void normalise(std::span<const solver::LevelMatrix> levels, const Eigen::MatrixXf& v_integrated, Eigen::MatrixXf& sums) const;
  virtual const solver::FastCore* lines() const { return nullptr; }  // the core as a load of supplies, if it is one
};

// conductance: R × C [S]; bits: magnitude bits of an input.
using CoreFactory =
    std::function<std::unique_ptr<CoreModel>(const Eigen::MatrixXd& conductance, const solver::OperatingPoint& point, int bits)>;

// Cores with the calibrated neuron (solver::FastCore). `neuron` must outlive the factory.
CoreFactory calibrated_cores(const solver::NeuronModel& neuron);

// Cores without circuit errors: each bit's line settles to v_read·Σ x_i G_ij / Σ G_ij and is read against v_trim, and the ADC's steps are equal. What is left are
// errors of conductance, the resolution of the ADC and, with hold_ratio < 1, the bit weights: bit k counts as the sum of hold_ratio^n over its
// pulse_multiplier·2^k samples n, because each sample takes charge from the held line. Counts events but no energy and no time.
struct IdealCoreOptions {
  double capacitor_ratio = 17.0 / 104.0;  // [1] C_sample/C_integ (Wan et al. 2022, Methods)
  double hold_ratio = 1.0;                // [1] of the line voltage that a sample leaves, C_line/(C_line + C_sample); 1: weights are 2^k
};
CoreFactory ideal_cores(const IdealCoreOptions& options = {});

}  // namespace mho::chip
