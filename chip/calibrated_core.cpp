#include "chip/core_model.hpp"
#include "core/errors.hpp"

namespace mho::chip {

void CoreModel::read(std::span<const solver::LevelMatrix> levels, Eigen::MatrixXf& v, solver::EventCounts* counts, const solver::ReadNoiseKey&, std::span<const solver::SupplyMatrix>) const {
  integrate(levels, v, counts);
}
void CoreModel::normalise(std::span<const solver::LevelMatrix>, const Eigen::MatrixXf&, Eigen::MatrixXf&) const { throw Error("this core has no form without an ADC"); }

namespace {

class CalibratedCore final : public CoreModel {
 public:
  CalibratedCore(const solver::NeuronModel& neuron, const Eigen::MatrixXd& conductance, const solver::OperatingPoint& point, int bits)
      : core_(neuron, conductance, point, bits) {}
  void integrate(std::span<const solver::LevelMatrix> levels, Eigen::MatrixXf& v, solver::EventCounts* counts) const override {
    thread_local solver::FastCore::Workspace workspace;
    core_.integrate(levels, workspace, v, counts);
  }
  void convert(const Eigen::MatrixXf& v, solver::CodeMatrix& codes, solver::EventCounts* counts) const override {
    core_.convert(v, codes, counts);
  }
  void decode(std::span<const solver::LevelMatrix> levels, const solver::CodeMatrix& codes, Eigen::MatrixXf& sums) const override {
    core_.decode(levels, codes, sums);
  }
  double lsb() const override { return core_.lsb(); }

 private:
  solver::FastCore core_;
};

}  // namespace

CoreFactory calibrated_cores(const solver::NeuronModel& neuron) {
  return [&neuron](const Eigen::MatrixXd& conductance, const solver::OperatingPoint& point, int bits) -> std::unique_ptr<CoreModel> {
    return std::make_unique<CalibratedCore>(neuron, conductance, point, bits);
  };
}

}  // namespace mho::chip
