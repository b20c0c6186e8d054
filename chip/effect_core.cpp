// Cores with the effects that are switched on.
#include <algorithm>
#include <cmath>

#include "chip/effects.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"
#include "devices/read_nonlinearity.hpp"

namespace mho::chip {
namespace {

solver::FastCore::Workspace& workspace() {
  thread_local solver::FastCore::Workspace memory;
  return memory;
}

solver::NeuronModel neuron_of(solver::NeuronModel neuron, const Effects& effects) {
  if (!effects.drivers) neuron.circuit.r_driver = 0.0;
  return neuron;
}

// Noise of the samples of a conversion and of one decision [V rms].
double circuit_noise(const Effects& effects, const solver::OperatingPoint& point, int bits) {
  if (!effects.circuit_noise) return 0.0;
  const double samples = point.pulse_multiplier * static_cast<double>((1 << bits) - 1);
  return std::hypot(effects.sample_noise * std::sqrt(samples), effects.decision_noise);
}

solver::CoreEffects core_effects(const Effects& effects, const Eigen::MatrixXd& sigma, double v_noise) {
  solver::CoreEffects of;
  if (effects.wires) of.r_bl = effects.r_bl, of.r_sl = effects.r_sl;
  if (effects.bent_cells)
    of.cell_current = [](double g, double v) { return devices::read_current(devices::SinhRead{}, g, v).current; };
  of.sigma = sigma;
  of.v_noise = v_noise;
  of.ideal_transistors = !effects.transistors;
  return of;
}

// The fitted circuit. integrate() is that of the same core without noise, so that it is the same for operating points, pictures and reads.
class CircuitCore final : public CoreModel {
 public:
  CircuitCore(const solver::NeuronModel& neuron, const Effects& effects, const Eigen::MatrixXd& g, const solver::OperatingPoint& point, int bits, const Eigen::MatrixXd& sigma)
      : core_(neuron_of(neuron, effects), g, point, bits, core_effects(effects, sigma, circuit_noise(effects, point, bits))) {}
  void integrate(std::span<const solver::LevelMatrix> levels, Eigen::MatrixXf& v, solver::EventCounts* counts) const override { core_.integrate(levels, workspace(), v, counts); }
  void read(std::span<const solver::LevelMatrix> levels, Eigen::MatrixXf& v, solver::EventCounts* counts, const solver::ReadNoiseKey& key,
            std::span<const solver::SupplyMatrix> supplies) const override {
    core_.integrate(levels, workspace(), v, counts, key, supplies);
  }
  void convert(const Eigen::MatrixXf& v, solver::CodeMatrix& codes, solver::EventCounts* counts) const override { core_.convert(v, codes, counts); }
  void decode(std::span<const solver::LevelMatrix> levels, const solver::CodeMatrix& codes, Eigen::MatrixXf& sums) const override { core_.decode(levels, codes, sums); }
  void normalise(std::span<const solver::LevelMatrix> levels, const Eigen::MatrixXf& v, Eigen::MatrixXf& sums) const override { core_.normalise(levels, v, sums); }
  const solver::FastCore* lines() const override { return &core_; }
  double lsb() const override { return core_.lsb(); }

 private:
  solver::FastCore core_;
};

void add_noise(Eigen::MatrixXf& v, const Eigen::MatrixXf* variance, double v_noise, const solver::ReadNoiseKey& key) {
  for (Eigen::Index b = 0; b < v.cols(); ++b) {
    RandomStream random(key.seed, key.die, key.core, key.first_input + static_cast<std::uint32_t>(b), Purpose::read_noise);
    for (Eigen::Index j = 0; j < v.rows(); ++j) {
      const double of_line = variance ? static_cast<double>((*variance)(j, b)) : 0.0;
      v(j, b) += static_cast<float>(std::sqrt(of_line + v_noise * v_noise) * random.normal());
    }
  }
}

// Settled lines, or lines as computed by hand, on ideal capacitors: v = Σ_k M 2^k C_sample/C_integ u_k. Steps of the ADC are equal, and each column's straight line through known
// inputs is its normalisation.
class SettledCore final : public CoreModel {
 public:
  SettledCore(const solver::NeuronModel& neuron, const Effects& effects, const Eigen::MatrixXd& g, const solver::OperatingPoint& point, int bits, const Eigen::MatrixXd& sigma)
      : lines_(neuron_of(neuron, effects), g, point, bits, core_effects(effects, sigma, 0.0)),
        ratio_(neuron.circuit.c_sample / neuron.circuit.c_integ), v_noise_(circuit_noise(effects, point, bits)), point_(point), read_noise_(sigma.size() > 0) {
    calibrate(g);
  }
  void integrate(std::span<const solver::LevelMatrix> levels, Eigen::MatrixXf& v, solver::EventCounts* counts) const override { sum(levels, v, counts, nullptr, {}); }
  void read(std::span<const solver::LevelMatrix> levels, Eigen::MatrixXf& v, solver::EventCounts* counts, const solver::ReadNoiseKey& key,
            std::span<const solver::SupplyMatrix> supplies) const override {
    Eigen::MatrixXf variance;
    sum(levels, v, counts, read_noise_ ? &variance : nullptr, supplies);
    if (read_noise_ || v_noise_ > 0) add_noise(v, read_noise_ ? &variance : nullptr, v_noise_, key);
  }
  void convert(const Eigen::MatrixXf& v, solver::CodeMatrix& codes, solver::EventCounts* counts) const override {
    codes.resize(v.rows(), v.cols());
    double steps = 0;
    for (Eigen::Index n = 0; n < v.size(); ++n) {
      const float magnitude = std::min(std::floor(std::abs(v.data()[n]) / static_cast<float>(lsb())) + 1.0f, static_cast<float>(point_.max_code));
      codes.data()[n] = static_cast<std::int16_t>(std::copysign(magnitude, v.data()[n]));
      steps += static_cast<double>(magnitude);
    }
    if (!counts) return;
    counts->conversions += static_cast<double>(v.size());
    counts->compares += static_cast<double>(v.size()) + steps;
    counts->decrements += steps;
  }
  void decode(std::span<const solver::LevelMatrix> levels, const solver::CodeMatrix& codes, Eigen::MatrixXf& sums) const override {
    const Eigen::MatrixXf v = codes.unaryExpr([step = static_cast<float>(lsb())](std::int16_t c) {
      const float code = static_cast<float>(c);
      return (code - std::copysign(0.5f, code)) * step;
    });
    normalise(levels, v, sums);
  }
  void normalise(std::span<const solver::LevelMatrix>, const Eigen::MatrixXf& v, Eigen::MatrixXf& sums) const override {
    sums = gain_.asDiagonal() * v;
    sums.colwise() += offset_;
  }
  const solver::FastCore* lines() const override { return &lines_; }
  double lsb() const override { return point_.v_decrement * ratio_; }

 private:
  void sum(std::span<const solver::LevelMatrix> levels, Eigen::MatrixXf& v, solver::EventCounts* counts, Eigen::MatrixXf* variance, std::span<const solver::SupplyMatrix> supplies) const {
    MHO_ASSERT(static_cast<int>(levels.size()) == lines_.bits());
    Eigen::MatrixXf line, of_line;
    v.setZero(lines_.columns(), levels[0].cols());
    if (variance) variance->setZero(lines_.columns(), levels[0].cols());
    for (size_t k = 0; k < levels.size(); ++k) {
      lines_.settled_lines(levels[k], workspace(), line, variance ? &of_line : nullptr, supplies.empty() ? nullptr : &supplies[k]);
      const auto weight = static_cast<float>(ratio_ * point_.pulse_multiplier * std::exp2(static_cast<double>(k)));
      v += weight * line;
      if (variance) *variance += weight * weight * of_line;
    }
    if (!counts) return;
    const double n = static_cast<double>(levels[0].cols()), columns = static_cast<double>(lines_.columns());
    counts->wl_pulses += n * static_cast<double>(lines_.rows()) * lines_.bits();
    counts->bit_columns += n * columns * lines_.bits();
    counts->samples += n * columns * point_.pulse_multiplier * ((1 << lines_.bits()) - 1);
  }

  void calibrate(const Eigen::MatrixXd& g) {
    constexpr Eigen::Index inputs = 192;
    std::vector<solver::LevelMatrix> levels(static_cast<size_t>(lines_.bits()), solver::LevelMatrix(g.rows(), inputs));
    Eigen::MatrixXf codes(g.rows(), inputs), v;
    for (Eigen::Index b = 0; b < inputs; ++b) {
      RandomStream random(3, 0, 0, static_cast<std::uint32_t>(b), Purpose::calibration_plan);
      const double density = random.uniform();
      for (Eigen::Index i = 0; i < g.rows(); ++i) {
        int code = random.uniform() < density ? static_cast<int>(random.below(1u << lines_.bits())) : 0;
        if (i % 2 == 1) code = -static_cast<int>(codes(i - 1, b));
        codes(i, b) = static_cast<float>(code);
        for (size_t k = 0; k < levels.size(); ++k) levels[k](i, b) = static_cast<std::int8_t>((std::abs(code) >> k & 1) * (code < 0 ? -1 : 1));
      }
    }
    sum(levels, v, nullptr, nullptr, {});
    const Eigen::MatrixXd exact = g.transpose() * codes.cast<double>(), seen = v.cast<double>();
    gain_.resize(g.cols());
    offset_.resize(g.cols());
    for (Eigen::Index j = 0; j < g.cols(); ++j) {
      const Eigen::ArrayXd e = exact.row(j).array() - exact.row(j).mean(), s = seen.row(j).array() - seen.row(j).mean();
      const double slope = (e * s).sum() / std::max(e.square().sum(), 1e-300);
      gain_[j] = static_cast<float>(slope > 0 ? 1 / slope : 0.0);
      offset_[j] = static_cast<float>(slope > 0 ? exact.row(j).mean() - seen.row(j).mean() / slope : 0.0);
    }
  }

  solver::FastCore lines_;
  double ratio_, v_noise_;
  solver::OperatingPoint point_;
  bool read_noise_;
  Eigen::VectorXf gain_, offset_;
};

// An ideal core whose neurons are noisy.
class NoisyIdealCore final : public CoreModel {
 public:
  NoisyIdealCore(std::unique_ptr<CoreModel> core, double v_noise) : core_(std::move(core)), v_noise_(v_noise) {}
  void integrate(std::span<const solver::LevelMatrix> levels, Eigen::MatrixXf& v, solver::EventCounts* counts) const override { core_->integrate(levels, v, counts); }
  void read(std::span<const solver::LevelMatrix> levels, Eigen::MatrixXf& v, solver::EventCounts* counts, const solver::ReadNoiseKey& key,
            std::span<const solver::SupplyMatrix>) const override {
    core_->integrate(levels, v, counts);
    if (v_noise_ > 0) add_noise(v, nullptr, v_noise_, key);
  }
  void convert(const Eigen::MatrixXf& v, solver::CodeMatrix& codes, solver::EventCounts* counts) const override { core_->convert(v, codes, counts); }
  void decode(std::span<const solver::LevelMatrix> levels, const solver::CodeMatrix& codes, Eigen::MatrixXf& sums) const override { core_->decode(levels, codes, sums); }
  void normalise(std::span<const solver::LevelMatrix> levels, const Eigen::MatrixXf& v, Eigen::MatrixXf& sums) const override { core_->normalise(levels, v, sums); }
  double lsb() const override { return core_->lsb(); }

 private:
  std::unique_ptr<CoreModel> core_;
  double v_noise_;
};

}  // namespace

std::unique_ptr<CoreModel> make_effect_core(const solver::NeuronModel& neuron, const Effects& effects, const Eigen::MatrixXd& conductance, const solver::OperatingPoint& point,
                                            int bits, const Eigen::MatrixXd& sigma) {
  if (effects.neuron) return std::make_unique<CircuitCore>(neuron, effects, conductance, point, bits, sigma);
  if (effects.wires || effects.drivers || effects.transistors || effects.bent_cells || effects.shared_supplies || sigma.size() > 0)
    return std::make_unique<SettledCore>(neuron, effects, conductance, point, bits, sigma);
  return std::make_unique<NoisyIdealCore>(ideal_cores({.capacitor_ratio = neuron.circuit.c_sample / neuron.circuit.c_integ})(conductance, point, bits),
                                          circuit_noise(effects, point, bits));
}

CoreFactory effect_cores(const solver::NeuronModel& neuron, const Effects& effects) {
  return [&neuron, effects](const Eigen::MatrixXd& conductance, const solver::OperatingPoint& point, int bits) { return make_effect_core(neuron, effects, conductance, point, bits); };
}

}  // namespace mho::chip
