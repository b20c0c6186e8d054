// Dense single-precision products of a core's size: what a processor does for the same matrix without a circuit. One thread, as for mho.
#include <cblas.h>

#include "bench/setup.hpp"

namespace mho::bench {
namespace {

struct Problem {
  Eigen::MatrixXf g, x, y;  // y = gᵀ x
  Eigen::MatrixXd exact;
  explicit Problem(Eigen::Index batch) {
    const Eigen::MatrixXd conductance = 1e6 * core_conductance();
    const auto levels = core_inputs(batch, 3);
    exact = exact_sums(conductance, levels);
    g = conductance.cast<float>();
    x = Eigen::MatrixXf::Zero(core_rows, batch);
    for (size_t k = 0; k < levels.size(); ++k) x += static_cast<float>(1 << k) * levels[k].cast<float>();
    y.setZero(core_columns, batch);
  }
  // Float rounding of a sum of 256 terms.
  bool right() const { return (y.cast<double>() - exact).norm() < 1e-5 * exact.norm(); }
};

template <class Multiply>
void run(benchmark::State& state, Multiply&& multiply) {
  Problem problem(state.range(0));
  multiply(problem);
  if (!problem.right()) return state.SkipWithError("the product is wrong");
  for (auto _ : state) {
    multiply(problem);
    benchmark::DoNotOptimize(problem.y.data());
  }
  count_mvm(state, state.range(0));
}

void BM_Sgemm_eigen(benchmark::State& state) {
  run(state, [](Problem& p) { p.y.noalias() = p.g.transpose() * p.x; });
}
void BM_Sgemm_openblas(benchmark::State& state) {
  openblas_set_num_threads(1);
  run(state, [](Problem& p) {
    const auto n = [](Eigen::Index i) { return static_cast<blasint>(i); };
    cblas_sgemm(CblasColMajor, CblasTrans, CblasNoTrans, n(p.g.cols()), n(p.x.cols()), n(p.g.rows()), 1.0f, p.g.data(), n(p.g.rows()), p.x.data(),
                n(p.x.rows()), 0.0f, p.y.data(), n(p.y.rows()));
  });
}
BENCHMARK(BM_Sgemm_eigen)->Arg(1)->Arg(64)->Arg(1024)->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_Sgemm_openblas)->Arg(1)->Arg(64)->Arg(1024)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mho::bench
