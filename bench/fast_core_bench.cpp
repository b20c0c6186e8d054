// A whole core of the vectorised form with wires, drivers, transistors, bent cells, read noise, settling, held lines, neuron and ADC, beside BM_Sgemm_openblas of the same size. One thread.
#include <cmath>

#include "bench/setup.hpp"
#include "devices/read_nonlinearity.hpp"
#include "solver/phase_map.hpp"
#include "solver/random_core.hpp"

namespace mho::bench {
namespace {

constexpr int bits = 3;

// What is left out of it, for the share of the time that it takes.
enum Part : int { all, without_noise, without_wires_and_bent_cells };

solver::FastCore core_of(const solver::NeuronModel& model, int part) {
  const Eigen::MatrixXd g = solver::differential_cells(1, core_rows, core_columns);
  solver::CoreEffects effects;
  if (part != without_wires_and_bent_cells) {
    effects.r_bl = effects.r_sl = 0.5;
    effects.cell_current = [](double siemens, double volt) { return devices::read_current(devices::SinhRead{}, siemens, volt).current; };
  }
  if (part != without_noise) effects.sigma = 0.03 * std::sqrt(20e-6) * g.array().sqrt();
  return solver::FastCore(model, g, {.v_trim = solver::line_trim(model, core_rows), .v_decrement = 0.04, .max_code = 31}, bits, effects);
}

void BM_Core(benchmark::State& state) {
  const solver::NeuronModel* model = calibrated_neuron(state);
  if (!model) return;
  const solver::FastCore core = core_of(*model, static_cast<int>(state.range(1)));
  const auto levels = solver::signed_inputs(2, core_rows, state.range(0), bits);
  solver::FastCore::Workspace workspace;
  Eigen::MatrixXf v;
  solver::CodeMatrix codes;
  for (auto _ : state) {
    core.integrate(levels, workspace, v);
    core.convert(v, codes);
    benchmark::DoNotOptimize(codes.data());
  }
  count_mvm(state, state.range(0));
}
BENCHMARK(BM_Core)->ArgNames({"batch", "without"})->Args({1, all})->Args({64, all})->Args({1024, all})->Args({1024, without_noise})->Args({1024, without_wires_and_bent_cells})->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mho::bench
