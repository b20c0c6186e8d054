// The core of a few products against the whole network and against noise cell by cell.
#include "solver/wired_core.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "solver/random_core.hpp"
#include "solver/test_allocations.hpp"
#include "solver/test_models.hpp"

using namespace mho;
using namespace mho::solver;
using namespace mho::solver::test;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::MatrixXf;

namespace {

double rms_of(const MatrixXf& a) { return a.cast<double>().norm() / std::sqrt(static_cast<double>(a.size())); }

}  // namespace

TEST_CASE("lines follow the whole network with wires and bent cells, each switched off, what is left") {
  const MatrixXd g = differential_cells(1, 64, 48);
  const auto levels = signed_inputs(2, 64, 40, 1);
  const OddLaw law = fit_odd_law(g, sinh_current, 0.45);
  for (const ArrayWires& wires : {ArrayWires{0.5, 0.5, 200.0}, ArrayWires{2.0, 2.0, 1000.0}}) {
    MatrixXf u, variance, whole;
    WiredCore::Workspace workspace;
    NonlinearArray(law, wires).solve(levels[0], 0.3, 1e-6, whole);
    const double signal = rms_of(whole);
    WiredCore(law, {}, wires, 0.3).lines(levels[0], workspace, u, variance);
    CHECK(rms_of(u - whole) < 0.005 * signal);  // u² and what columns do to each other: 0.1 LSB of 10 rms would be 0.01
    CHECK(variance.maxCoeff() == 0.0f);
    // Without curvature it is the linear map, up to 16 bits.
    WiredCore(ohmic_law(law.c1.cast<double>()), {}, wires, 0.3).lines(levels[0], workspace, u, variance);
    const MatrixXf linear = (0.3 * transfer_map(law.c1.cast<double>(), wires) * levels[0].cast<double>()).cast<float>();
    CHECK(rms_of(u - linear) < 1e-4 * signal);
    CHECK(rms_of(u - whole) > 0.01 * signal);
    // Without wires the drivers take nothing.
    WiredCore(law, {}, {0.0, 0.0, 0.0}, 0.3).lines(levels[0], workspace, u, variance);
    NonlinearArray(law, {0.0, 0.0, 0.0}).solve(levels[0], 0.3, 1e-6, whole);
    CHECK(rms_of(u - whole) < 0.005 * signal);
  }
}

TEST_CASE("mean and variance of read noise are those of cells drawn one by one") {
  const Index rows = 48, columns = 2;
  const MatrixXd g = differential_cells(3, rows, columns);
  const auto levels = signed_inputs(4, rows, 1, 1);
  const MatrixXd sigma = 0.03 * g.array().sqrt() * std::sqrt(20e-6);
  const OddLaw law = fit_odd_law(g, sinh_current, 0.45);
  MatrixXf u, variance;
  WiredCore::Workspace workspace;
  WiredCore(law, sigma, {0.0, 0.0, 0.0}, 0.3).lines(levels[0], workspace, u, variance);
  constexpr int draws = 20000;
  for (Index j = 0; j < columns; ++j) {
    double sum = 0.0, square = 0.0;
    for (int n = 0; n < draws; ++n) {
      RandomStream random(5, 0, 0, static_cast<std::uint32_t>(n), Purpose::test);
      std::vector<double> scale;
      for (Index i = 0; i < rows; ++i) scale.push_back(1.0 + sigma(i, j) / g(i, j) * random.normal());
      double line = u(j, 0);
      for (int round = 0; round < 4; ++round) {  // Newton of the column
        double current = 0.0, slope = 0.0;
        for (Index i = 0; i < rows; ++i) {
          const double w = 0.3 * levels[0](i, 0) - line, q = w * w, c1 = law.c1(i, j), c3 = law.c3(i, j), c5 = law.c5(i, j);
          current += scale[static_cast<size_t>(i)] * w * (c1 + q * (c3 + q * c5));
          slope += scale[static_cast<size_t>(i)] * (c1 + q * (3.0 * c3 + 5.0 * q * c5));
        }
        line += current / slope;
      }
      sum += line;
      square += line * line;
    }
    const double mean = sum / draws, var = square / draws - mean * mean;
    CHECK(variance(j, 0) == doctest::Approx(var).scale(1e-30).epsilon(3.0 * std::sqrt(2.0 / draws) + 0.01));
    CHECK(std::abs(u(j, 0) - mean) < 0.01 * std::abs(mean) + 3.0 * std::sqrt(var / draws));
  }
}

TEST_CASE("noise comes from seed, input number and column alone, whatever the batch, its spread is the printed one") {
  const MatrixXd g = differential_cells(6, 32, 37), sigma = 0.05 * g;
  const auto levels = signed_inputs(7, 32, 150, 3);
  const WiredCore core(fit_odd_law(g, sinh_current, 0.45), sigma, {0.5, 0.5, 200.0}, 0.3), still(fit_odd_law(g, sinh_current, 0.45), {}, {0.5, 0.5, 200.0}, 0.3);
  WiredCore::Workspace workspace;
  MatrixXf all, one, quiet, u, variance;
  core.sum(levels, {.seed = 9}, workspace, all);
  still.sum(levels, {}, workspace, quiet);
  for (Index b : {0, 63, 64, 149}) {
    std::vector<LevelMatrix> single;
    for (const LevelMatrix& level : levels) single.push_back(level.col(b));
    core.sum(single, {.seed = 9, .first_input = static_cast<std::uint32_t>(b)}, workspace, one);
    CHECK(one == all.col(b));
  }
  Eigen::ArrayXXd expected = Eigen::ArrayXXd::Zero(37, 150);
  for (size_t k = 0; k < levels.size(); ++k) {
    core.lines(levels[k], workspace, u, variance);
    expected += std::exp2(2.0 * static_cast<double>(k)) * variance.cast<double>().array();
  }
  const Eigen::ArrayXXd z = (all - quiet).cast<double>().array() / expected.sqrt();
  const double n = static_cast<double>(z.size());
  CHECK(std::abs(z.mean()) < 4.0 / std::sqrt(n));
  CHECK(z.square().mean() == doctest::Approx(1.0).epsilon(4.0 * std::sqrt(2.0 / n)));
  core.sum(levels, {.seed = 10}, workspace, one);
  CHECK(one != all);
}

TEST_CASE("codes are truncated towards zero and held at the ends") {
  MatrixXf v(1, 6);
  v << 0.0199f, -0.0199f, 0.021f, -0.035f, 1.0f, -1.0f;
  CodeMatrix codes;
  truncate_codes(v, 0.01, 7, codes);
  CHECK(codes(0, 0) == 1);
  CHECK(codes(0, 1) == -1);
  CHECK(codes(0, 2) == 2);
  CHECK(codes(0, 3) == -3);
  CHECK(codes(0, 4) == 7);
  CHECK(codes(0, 5) == -7);
}

TEST_CASE("bad noise and voltages are refused") {
  const MatrixXd g = differential_cells(8, 4, 4);
  CHECK_THROWS_WITH_AS(WiredCore(ohmic_law(g), MatrixXd::Zero(3, 4), {}, 0.3), doctest::Contains("read noise"), Error);
  CHECK_THROWS_WITH_AS(WiredCore(ohmic_law(g), {}, {}, 0.0), doctest::Contains("read voltage"), Error);
}

#ifdef MHO_COUNTS_ALLOCATIONS
TEST_CASE("repeated batches allocate nothing, also where the last tile is not whole") {
  const MatrixXd g = differential_cells(11, 32, 20);
  const WiredCore core(fit_odd_law(g, sinh_current, 0.45), 0.05 * g, {0.5, 0.5, 200.0}, 0.3);
  const auto levels = signed_inputs(12, 32, 150, 3);
  WiredCore::Workspace workspace;
  MatrixXf v;
  CodeMatrix codes;
  core.sum(levels, {}, workspace, v);
  truncate_codes(v, 1e-3, 31, codes);
  const long before = allocations;
  core.sum(levels, {.first_input = 7}, workspace, v);
  truncate_codes(v, 1e-3, 31, codes);
  CHECK(allocations == before);
  v.resize(1, 1);
  core.sum(levels, {}, workspace, v);
  CHECK(allocations > before);  // the counter counts
}
#endif
