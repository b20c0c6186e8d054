#include <algorithm>
#include <cmath>

#include "chip/core_model.hpp"
#include "core/errors.hpp"

namespace mho::chip {
namespace {

class IdealCore final : public CoreModel {
 public:
  IdealCore(const IdealCoreOptions& options, const Eigen::MatrixXd& conductance, const solver::OperatingPoint& point, int bits)
      : total_(conductance.colwise().sum()), point_(point), bits_(bits),
        ratio_(options.capacitor_ratio) {
    // weight(j, i): integrated voltage of column j per level of row i in the least significant bit.
    const Eigen::VectorXd scale = point.v_read * ratio_ * point.pulse_multiplier * total_.cwiseInverse();
    weight_ = (scale.asDiagonal() * conductance.transpose()).cast<float>();
    total_bits_ = static_cast<double>((1 << bits) - 1);
  }

  void integrate(std::span<const solver::LevelMatrix> levels, Eigen::MatrixXf& v, solver::EventCounts* counts) const override {
    MHO_ASSERT(static_cast<int>(levels.size()) == bits_);
    const Eigen::Index batch = levels[0].cols(), rows = weight_.cols(), columns = weight_.rows();
    v.setZero(columns, batch);
    for (Eigen::Index b = 0; b < batch; ++b)
      for (Eigen::Index i = 0; i < rows; ++i) {
        int input = 0;
        for (int k = 0; k < bits_; ++k) input += static_cast<int>(levels[static_cast<size_t>(k)](i, b)) * (1 << k);
        if (input != 0) v.col(b) += static_cast<float>(input) * weight_.col(i);
      }
    v.array() += static_cast<float>(point_.v_center * ratio_ * point_.pulse_multiplier * total_bits_);
    if (!counts) return;
    const double conversions = static_cast<double>(batch);
    counts->wl_pulses += conversions * static_cast<double>(rows) * bits_;
    counts->bit_columns += conversions * static_cast<double>(columns) * bits_;
    counts->samples += conversions * static_cast<double>(columns) * point_.pulse_multiplier * total_bits_;
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

  void decode(const solver::CodeMatrix& codes, Eigen::MatrixXf& sums) const override {
    // [S] per LSB: the line voltage of one LSB times ΣG over the read voltage.
    const Eigen::VectorXf gain = (lsb() / (point_.v_read * ratio_ * point_.pulse_multiplier) * total_).cast<float>();
    const Eigen::VectorXf offset = (-point_.v_center * total_bits_ / point_.v_read * total_).cast<float>();
    sums.resize(codes.rows(), codes.cols());
    for (Eigen::Index b = 0; b < codes.cols(); ++b)
      for (Eigen::Index j = 0; j < codes.rows(); ++j) {
        const float c = static_cast<float>(codes(j, b));
        sums(j, b) = (c - std::copysign(0.5f, c)) * gain[j] + offset[j];
      }
  }

  double lsb() const override { return point_.v_decrement * ratio_; }

 private:
  Eigen::MatrixXf weight_;  // C × R [V]
  Eigen::VectorXd total_;   // ΣG of a column [S]
  solver::OperatingPoint point_;
  int bits_;
  double ratio_, total_bits_ = 1;
};

}  // namespace

CoreFactory ideal_cores(const IdealCoreOptions& options) {
  return [options](const Eigen::MatrixXd& conductance, const solver::OperatingPoint& point, int bits) -> std::unique_ptr<CoreModel> {
    return std::make_unique<IdealCore>(options, conductance, point, bits);
  };
}

}  // namespace mho::chip
