// Products of one slice of levels with a matrix of a core's size in 8-bit digits, beside BM_Sgemm_openblas of the same size. One thread.
#include "bench/setup.hpp"
#include "solver/level_product.hpp"

namespace mho::bench {
namespace {

using solver::Kernel;

struct Slice {
  Eigen::MatrixXd conductance = 1e6 * core_conductance();  // [µS]
  std::vector<solver::LevelMatrix> levels;
  solver::PackedLevels packed;
  solver::LevelProduct product;
  Eigen::MatrixXf sums, active;
  Slice(int parts, Eigen::Index batch, Kernel kernel) : levels(core_inputs(batch, 1)), packed(levels[0]), product(conductance, parts, kernel) {}
  // Rounding of digits, half a step per active row at most, and of floats.
  bool right() const {
    const Eigen::MatrixXd on = levels[0].cast<double>().cwiseAbs();
    Eigen::VectorXd half(core_columns);
    for (Eigen::Index j = 0; j < core_columns; ++j) half[j] = 0.5 * product.step(j);
    const Eigen::MatrixXd bound = half * on.colwise().sum(), exact = exact_sums(conductance, levels), exact_on = conductance.transpose() * on;
    const auto within = [&](const Eigen::MatrixXf& s, const Eigen::MatrixXd& e) {
      return s.size() == 0 || ((s.cast<double>() - e).array().abs() <= bound.array() + 1e-6 * exact_on.array()).all();
    };
    return within(sums, exact) && within(active, exact_on);
  }
};

template <class Multiply>
void run(benchmark::State& state, Kernel kernel, Multiply&& multiply) {
  if (!has_kernel(kernel)) return state.SkipWithError("this processor lacks the instructions");
  Slice slice(static_cast<int>(state.range(0)), state.range(1), kernel);
  multiply(slice);
  if (!slice.right()) return state.SkipWithError("the product is wrong");
  for (auto _ : state) {
    multiply(slice);
    benchmark::DoNotOptimize(slice.sums.data());
    benchmark::ClobberMemory();
  }
  count_mvm(state, state.range(1));
}

void signed_sums(Slice& s) { s.product.signed_sums(s.packed, s.sums); }

void BM_Level_product(benchmark::State& state) { run(state, Kernel::best, signed_sums); }
void BM_Level_product_avx2(benchmark::State& state) { run(state, Kernel::avx2, signed_sums); }
void BM_Level_product_plain(benchmark::State& state) { run(state, Kernel::plain, signed_sums); }
void BM_Level_product_both(benchmark::State& state) {
  run(state, Kernel::best, [](Slice& s) { s.product.sums(s.packed, s.sums, s.active); });
}
void BM_Level_product_pack(benchmark::State& state) {
  run(state, Kernel::best, [](Slice& s) { s.packed.pack(s.levels[0]); });
}
BENCHMARK(BM_Level_product)->ArgsProduct({{1, 2}, {1, 64, 1024}})->ArgNames({"parts", "batch"})->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_Level_product_both)->ArgsProduct({{1, 2}, {1, 64, 1024}})->ArgNames({"parts", "batch"})->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_Level_product_avx2)->ArgsProduct({{1, 2}, {1024}})->ArgNames({"parts", "batch"})->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_Level_product_plain)->ArgsProduct({{1, 2}, {1024}})->ArgNames({"parts", "batch"})->Unit(benchmark::kMicrosecond);
BENCHMARK(BM_Level_product_pack)->ArgsProduct({{1}, {1, 64, 1024}})->ArgNames({"parts", "batch"})->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace mho::bench
