// One conversion of the same column on each rung: ngspice, ODE form, vectorised form. error_LSB is against ngspice at a tenth of its usual tolerance.
#include <cmath>

#include "bench/setup.hpp"
#include "solver/neuron_ode.hpp"

namespace mho::bench {
namespace {

// An error beyond this is not the same conversion.
constexpr double wrong = 1.0;  // [LSB]

bool conversion_is_right(benchmark::State& state, double v_integrated, int code) {
  const double error = error_in_lsb(v_integrated);
  state.counters["error_LSB"] = error;
  state.counters["code"] = code;
  if (std::abs(error) <= wrong && std::abs(code - reference_record().code) <= 1) return true;
  state.SkipWithError("the conversion differs from that of ngspice by more than one LSB");
  return false;
}

void BM_Conversion_ngspice(benchmark::State& state) {
  const circuits::ConversionRecord first = ngspice_conversion(usual_tolerance);
  if (!conversion_is_right(state, first.v_integrated, first.code)) return;
  for (auto _ : state) benchmark::DoNotOptimize(ngspice_conversion(usual_tolerance));
}
BENCHMARK(BM_Conversion_ngspice)->Unit(benchmark::kMillisecond)->Iterations(1);

void BM_Conversion_ode(benchmark::State& state) {
  const solver::NeuronModel* model = calibrated_neuron(state);
  if (!model) return;
  const circuits::ConversionRecord first = solver::simulate_conversion(*model, bench_program(), bench_column()).record;
  if (!conversion_is_right(state, first.v_integrated, first.code)) return;
  for (auto _ : state) benchmark::DoNotOptimize(solver::simulate_conversion(*model, bench_program(), bench_column()));
}
BENCHMARK(BM_Conversion_ode)->Unit(benchmark::kMillisecond);

// The column as a core of its own, its input `batch` times; preparation of the core is not timed, as one core serves all inputs.
void BM_Conversion_fast(benchmark::State& state) {
  const solver::NeuronModel* model = calibrated_neuron(state);
  if (!model) return;
  const circuits::ColumnInput& in = bench_column();
  const Eigen::Index rows = static_cast<Eigen::Index>(in.conductance.size()), batch = state.range(0);
  const solver::FastCore core(*model, Eigen::Map<const Eigen::VectorXd>(in.conductance.data(), rows), operating_point(in.point),
                              static_cast<int>(in.levels.size()));
  std::vector<solver::LevelMatrix> levels;
  for (const auto& bit : in.levels) levels.push_back(Eigen::Map<const solver::LevelMatrix>(bit.data(), rows, 1).replicate(1, batch));
  Eigen::MatrixXf v;
  solver::CodeMatrix codes;
  solver::FastCore::Workspace workspace;
  core.integrate(levels, workspace, v);
  core.convert(v, codes);
  if (!conversion_is_right(state, static_cast<double>(v(0, batch - 1)), codes(0, batch - 1))) return;
  for (auto _ : state) {
    core.integrate(levels, workspace, v);
    core.convert(v, codes);
    benchmark::DoNotOptimize(codes.data());
  }
  using benchmark::Counter;
  state.counters["per_conversion"] = Counter(static_cast<double>(batch), Counter::kIsIterationInvariantRate | Counter::kInvert);
}
BENCHMARK(BM_Conversion_fast)->Arg(1)->Arg(1024)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mho::bench
