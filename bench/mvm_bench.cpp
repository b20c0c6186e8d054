// A whole core of 256 × 256 cells in vectorised form: integration, ADC and normalisation of 3-bit inputs.
#include <cmath>

#include "bench/setup.hpp"
#include "solver/phase_map.hpp"

namespace mho::bench {
namespace {

constexpr int bits = 3;

// A core of 256 columns with what it does to random inputs, all rows active.
struct Core {
  Eigen::MatrixXd conductance = core_conductance();
  solver::FastCore core;
  double noise = 0, offset = 0;  // [LSB] rms over columns: error about each column's mean error, and that mean

  explicit Core(const solver::NeuronModel& model)
      : core(model, conductance,
             {.v_read = 0.2, .v_trim = solver::line_trim(model, core_rows), .v_decrement = 0.03, .pulse_multiplier = 2, .max_code = 63}, bits) {
    const auto levels = core_inputs(64, bits);
    Eigen::MatrixXf v, sums, unit;
    solver::CodeMatrix codes, steps(core_columns, 2);
    solver::FastCore::Workspace workspace;
    core.integrate(levels, workspace, v);
    core.convert(v, codes);
    core.decode(levels, codes, sums);
    steps.col(0).setConstant(10);
    steps.col(1).setConstant(11);
    core.decode(std::vector<solver::LevelMatrix>(bits, solver::LevelMatrix::Zero(core_rows, 2)), steps, unit);
    Eigen::MatrixXd error = sums.cast<double>() - exact_sums(conductance, levels);
    error = (unit.col(1) - unit.col(0)).cast<double>().cwiseInverse().asDiagonal() * error;
    const Eigen::VectorXd mean = error.rowwise().mean();
    offset = mean.norm() / std::sqrt(static_cast<double>(mean.size()));
    error.colwise() -= mean;
    noise = error.norm() / std::sqrt(static_cast<double>(error.size()));
  }
};

void BM_Mvm_fast(benchmark::State& state) {
  const solver::NeuronModel* model = calibrated_neuron(state);
  if (!model) return;
  static const Core whole(*model);
  state.counters["error_LSB"] = whole.noise;
  state.counters["offset_LSB"] = whole.offset;
  if (!(whole.noise < 1.0)) return state.SkipWithError("decoded sums scatter by more than one LSB about the exact product");
  const std::vector<solver::LevelMatrix> levels = core_inputs(state.range(0), bits);
  Eigen::MatrixXf v, sums;
  solver::CodeMatrix codes;
  solver::FastCore::Workspace workspace;
  for (auto _ : state) {
    whole.core.integrate(levels, workspace, v);
    whole.core.convert(v, codes);
    whole.core.decode(levels, codes, sums);
    benchmark::DoNotOptimize(sums.data());
  }
  count_mvm(state, state.range(0));
}
BENCHMARK(BM_Mvm_fast)->Arg(1)->Arg(64)->Arg(1024)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mho::bench
