#include <algorithm>
#include <cmath>
#include <vector>

#include "chip/core_model.hpp"
#include "core/errors.hpp"

namespace mho::chip {
namespace {

class IdealCore final : public CoreModel {
 public:
  IdealCore(const IdealCoreOptions& options, const Eigen::MatrixXd& conductance, const solver::OperatingPoint& point, int bits)
      : total_(conductance.colwise().sum()), point_(point), bits_(bits), ratio_(options.capacitor_ratio) {
    const Eigen::VectorXd scale = point.v_read * ratio_ * total_.cwiseInverse();
    weight_ = (scale.asDiagonal() * conductance.transpose()).cast<float>();
    for (int k = 0; k < bits; ++k) {
      bit_weight_.push_back(0);
      for (int n = 0; n < point.pulse_multiplier << k; ++n) bit_weight_.back() += std::pow(options.hold_ratio, n);
      gain_ += bit_weight_.back();
    }
    gain_ /= static_cast<double>((1 << bits) - 1);
  }

  void integrate(std::span<const solver::LevelMatrix> levels, Eigen::MatrixXf& v, solver::EventCounts* counts) const override {
    MHO_ASSERT(static_cast<int>(levels.size()) == bits_);
    const Eigen::Index batch = levels[0].cols(), rows = weight_.cols(), columns = weight_.rows();
    v.setZero(columns, batch);
    for (Eigen::Index b = 0; b < batch; ++b)
      for (Eigen::Index i = 0; i < rows; ++i) {
        double input = 0;
        for (size_t k = 0; k < levels.size(); ++k) input += bit_weight_[k] * levels[k](i, b);
        if (input != 0) v.col(b) += static_cast<float>(input) * weight_.col(i);
      }
    v.array() -= static_cast<float>(point_.v_trim * ratio_ * gain_ * full_scale());
    if (!counts) return;
    const double conversions = static_cast<double>(batch);
    counts->wl_pulses += conversions * static_cast<double>(rows) * bits_;
    counts->bit_columns += conversions * static_cast<double>(columns) * bits_;
    counts->samples += conversions * static_cast<double>(columns) * point_.pulse_multiplier * full_scale();
  }

  void convert(const Eigen::MatrixXf& v, solver::CodeMatrix& codes, solver::EventCounts* counts) const override {
    const float steps_per_volt = static_cast<float>(1.0 / lsb());
    codes.resize(v.rows(), v.cols());
    long long steps = 0;
    for (Eigen::Index j = 0; j < v.size(); ++j) {
      const float magnitude = std::min(std::floor(std::abs(v.data()[j]) * steps_per_volt) + 1.0f, static_cast<float>(point_.max_code));
      const int code = static_cast<int>(magnitude);
      steps += code;
      codes.data()[j] = static_cast<std::int16_t>(v.data()[j] < 0 ? -code : code);
    }
    if (!counts) return;
    counts->conversions += static_cast<double>(v.size());
    counts->compares += static_cast<double>(v.size()) + static_cast<double>(steps);
    counts->decrements += static_cast<double>(steps);
  }

  void decode(std::span<const solver::LevelMatrix>, const solver::CodeMatrix& codes, Eigen::MatrixXf& sums) const override {
    // [S] per LSB: the line voltage of one LSB times ΣG over the read voltage.
    const Eigen::VectorXf gain = (lsb() / (point_.v_read * ratio_ * gain_) * total_).cast<float>();
    const Eigen::VectorXf offset = (point_.v_trim * full_scale() / point_.v_read * total_).cast<float>();
    sums.resize(codes.rows(), codes.cols());
    for (Eigen::Index b = 0; b < codes.cols(); ++b)
      for (Eigen::Index j = 0; j < codes.rows(); ++j) {
        const float c = static_cast<float>(codes(j, b));
        sums(j, b) = (c - std::copysign(0.5f, c)) * gain[j] + offset[j];
      }
  }

  void normalise(std::span<const solver::LevelMatrix>, const Eigen::MatrixXf& v, Eigen::MatrixXf& sums) const override {
    const Eigen::VectorXf gain = (1.0 / (point_.v_read * ratio_ * gain_) * total_).cast<float>();
    sums = gain.asDiagonal() * v;
    sums.colwise() += (point_.v_trim * full_scale() / point_.v_read * total_).cast<float>().eval();
  }

  double lsb() const override { return point_.v_decrement * ratio_; }

 private:
  double full_scale() const { return static_cast<double>((1 << bits_) - 1); }

  Eigen::MatrixXf weight_;          // C × R [V] integrated per level of a row and unit of bit weight
  Eigen::VectorXd total_;           // ΣG of a column [S]
  solver::OperatingPoint point_;
  int bits_;
  double ratio_;
  std::vector<double> bit_weight_;  // [1] by bit, in samples of the full line voltage
  double gain_ = 0;                 // [1] weight per unit of an input code, exact at the full-scale code
};

}  // namespace

CoreFactory ideal_cores(const IdealCoreOptions& options) {
  return [options](const Eigen::MatrixXd& conductance, const solver::OperatingPoint& point, int bits) -> std::unique_ptr<CoreModel> {
    return std::make_unique<IdealCore>(options, conductance, point, bits);
  };
}

}  // namespace mho::chip
