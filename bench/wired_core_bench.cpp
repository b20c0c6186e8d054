// A whole core with wires, drivers, bent cells, read noise and an ADC of equal steps, beside BM_Sgemm_openblas of the same size. One thread.
#include <cmath>

#include "bench/setup.hpp"
#include "devices/read_nonlinearity.hpp"
#include "solver/wired_core.hpp"

namespace mho::bench {
namespace {

constexpr int bits = 3, max_code = 31;
constexpr double v_read = 0.3;

struct Wired {
  Eigen::MatrixXd conductance = core_conductance();
  solver::OddLaw law = solver::fit_odd_law(conductance, [](double g, double v) { return devices::read_current(devices::SinhRead{}, g, v).current; }, 0.45);
  solver::ArrayWires wires{0.5, 0.5, 200.0};
  solver::WiredCore core{law, 0.03 * conductance, wires, v_read};
  double lsb = 0, error = 0;  // [V], [LSB] rms without noise from every cell at its own voltage

  Wired() {
    const auto levels = core_inputs(32, bits);
    const solver::NonlinearArray array(law, wires);
    solver::WiredCore::Workspace workspace;
    Eigen::MatrixXf whole = Eigen::MatrixXf::Zero(core_columns, 32), u, v;
    for (size_t k = 0; k < levels.size(); ++k) {
      array.solve(levels[k], v_read, 1e-5, u);
      whole += static_cast<float>(1 << k) * u;
    }
    solver::WiredCore(law, {}, wires, v_read).sum(levels, {}, workspace, v);
    lsb = static_cast<double>(whole.cwiseAbs().maxCoeff()) / (max_code + 0.5);
    error = (v - whole).cast<double>().norm() / std::sqrt(static_cast<double>(v.size())) / lsb;
  }
};

void BM_Wired_core(benchmark::State& state) {
  static const Wired wired;
  state.counters["error_LSB"] = wired.error;
  if (!(wired.error < 0.1)) return state.SkipWithError("lines are more than 0.1 LSB rms from those of the whole network");
  const auto levels = core_inputs(state.range(0), bits);
  solver::WiredCore::Workspace workspace;
  Eigen::MatrixXf v;
  solver::CodeMatrix codes;
  for (auto _ : state) {
    wired.core.sum(levels, {}, workspace, v);
    solver::truncate_codes(v, wired.lsb, max_code, codes);
    benchmark::DoNotOptimize(codes.data());
  }
  count_mvm(state, state.range(0));
}
BENCHMARK(BM_Wired_core)->Arg(1)->Arg(64)->Arg(1024)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mho::bench
