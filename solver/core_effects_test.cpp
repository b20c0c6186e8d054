// Each effect of a core turned on alone, and all of them, against independent routes: the linear map, every cell at its own voltage, cells drawn one by one, the ODE form.
#include <doctest/doctest.h>

#include <cmath>

#include "core/errors.hpp"
#include "core/random.hpp"
#include "solver/fast_core.hpp"
#include "solver/fast_kernel.hpp"
#include "solver/line.hpp"
#include "solver/neuron_ode.hpp"
#include "solver/nonlinear_array.hpp"
#include "solver/random_core.hpp"
#include "solver/supply_drop.hpp"
#include "solver/test_models.hpp"

using namespace mho;
using namespace mho::solver;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::MatrixXf;

namespace {

constexpr OperatingPoint at{.v_read = 0.3, .v_decrement = 0.04};

NeuronModel model_with_drivers(double ohm) {
  NeuronModel model = test::quiet_model();
  model.transistor.beta = 0.01;  // 20 ohm at v_pinch of 5 V: less would make the fall of the word lines stiff
  model.circuit.r_driver = ohm;
  return model;
}

double rms_of(const MatrixXf& a) { return a.cast<double>().norm() / std::sqrt(static_cast<double>(a.size())); }

MatrixXf settled(const FastCore& core, const LevelMatrix& levels) {
  FastCore::Workspace workspace;
  MatrixXf lines;
  core.settled_lines(levels, workspace, lines);
  return lines;
}

}  // namespace

TEST_CASE("wires: lines are those of the linear map, with drivers or without") {
  const MatrixXd g = differential_cells(1, 32, 24);
  const LevelMatrix levels = signed_inputs(2, 32, 40, 1)[0];
  for (const double ohm : {200.0, 1000.0}) {
    const NeuronModel model = model_with_drivers(ohm);
    const MatrixXf lines = settled(FastCore(model, g, at, 1, {.r_bl = 5.0, .r_sl = 5.0}), levels), without = settled(FastCore(model, g, at, 1), levels);
    const MatrixXd with_transistor = (g.array().inverse() + 20.0).inverse();
    const MatrixXf linear = (0.3 * transfer_map(with_transistor, {5.0, 5.0, ohm}) * levels.cast<double>()).cast<float>();
    CHECK(rms_of(lines - linear) < 3e-4 * rms_of(linear));  // 16 bits, and what 20 ohm bend
    CHECK(rms_of(without - linear) > 0.005 * rms_of(linear));
  }
}

TEST_CASE("ideal transistors: lines are those of drivers and cells alone, and without an ADC the sums are those of the codes to half a step") {
  NeuronModel model = test::default_model();
  model.circuit.r_driver = 200.0;
  const MatrixXd g = differential_cells(1, 32, 24);
  const std::vector<LevelMatrix> levels = signed_inputs(2, 32, 40, 1);
  const MatrixXd with_four_ohm = (g.array().inverse() + 4.0).inverse();
  const MatrixXf linear = (0.3 * transfer_map(with_four_ohm, {0.0, 0.0, 200.0}) * levels[0].cast<double>()).cast<float>();
  const FastCore core(model, g, at, 1, {.ideal_transistors = true});
  CHECK(rms_of(settled(core, levels[0]) - linear) < 3e-4 * rms_of(linear));
  CHECK(rms_of(settled(FastCore(model, g, at, 1), levels[0]) - linear) > 0.02 * rms_of(linear));

  FastCore::Workspace workspace;
  MatrixXf v, fine, coarse, step;
  CodeMatrix codes;
  core.integrate(levels, workspace, v);
  core.convert(v, codes);
  core.decode(levels, codes, coarse);
  core.normalise(levels, v, fine);
  const MatrixXf one_step_more = v.array() + static_cast<float>(core.lsb());
  core.normalise(levels, one_step_more, step);
  // Code 0 is that of a step on either side of zero, others are of one step, the last of all beyond. Steps of the circuit differ from the nominal one by some per cent.
  const Eigen::ArrayXXi magnitude = codes.cast<int>().cwiseAbs().array();
  const Eigen::ArrayXXf steps = (fine - coarse).cwiseAbs().array() / (step - fine).cwiseAbs().array();
  CHECK((steps <= (magnitude == 0).select(Eigen::ArrayXXf::Constant(steps.rows(), steps.cols(), 1.15f), 0.6f) || magnitude == at.max_code).all());
  CHECK((steps > 0.1f).any());
}

TEST_CASE("shared drivers with transistors: lines are those of the whole network, row by row and column by column") {
  NeuronModel model = test::default_model();
  model.circuit.r_driver = 500.0;
  const Index rows = 64, columns = 48;
  const MatrixXd g = differential_cells(11, rows, columns);
  const LevelMatrix levels = signed_inputs(12, rows, 6, 1)[0];
  const MatrixXf lines = settled(FastCore(model, g, at, 1), levels);
  double square = 0, mean = 0, signal = 0;
  for (Index b = 0; b < 6; ++b) {
    const Eigen::VectorXd drive = 0.3 * levels.col(b).cast<double>(), row_conductance = g.rowwise().sum();
    Eigen::VectorXd bit = drive, line = Eigen::VectorXd::Zero(columns), drawn(rows), imbalance(columns), slope(columns);
    double moved = 1.0;
    for (int round = 0; round < 200 && moved > 1e-9; ++round) {
      drawn.setZero(), imbalance.setZero(), slope.setZero();
      for (Index j = 0; j < columns; ++j)
        for (Index i = 0; i < rows; ++i) {
          double by_line = 0;
          const double current = cell_current(model.transistor, 0.0, g(i, j), bit[i], line[j], &by_line);
          drawn[i] += current, imbalance[j] += current, slope[j] -= by_line;
        }
      const Eigen::VectorXd up = imbalance.cwiseQuotient(slope), along = (drive - 500.0 * drawn - bit).array() / (1.0 + 500.0 * row_conductance.array());
      line += up, bit += along;
      moved = std::max(up.cwiseAbs().maxCoeff(), along.cwiseAbs().maxCoeff());
    }
    REQUIRE(moved <= 1e-9);
    const Eigen::VectorXd error = lines.col(b).cast<double>() - line;
    square += error.squaredNorm(), mean += error.sum(), signal += line.squaredNorm();
  }
  const double n = 6.0 * columns;
  MESSAGE("rms error " << 1e6 * std::sqrt(square / n) << " uV, mean " << 1e6 * mean / n << " uV, lines " << 1e6 * std::sqrt(signal / n) << " uV rms");
  CHECK(std::sqrt(square / n) < 0.01 * std::sqrt(signal / n));
  CHECK(std::abs(mean / n) < 0.003 * std::sqrt(signal / n));  // what drivers take of the transistors' even part
}

TEST_CASE("bent cells, alone and with wires: lines follow every cell at its own voltage") {
  const MatrixXd g = differential_cells(3, 64, 48);
  const LevelMatrix levels = signed_inputs(4, 64, 40, 1)[0];
  const OddLaw law = fit_odd_law(g, test::sinh_current, 0.45);
  for (const ArrayWires& wires : {ArrayWires{0.0, 0.0, 200.0}, ArrayWires{2.0, 2.0, 1000.0}}) {
    MatrixXf whole;
    NonlinearArray(law, wires).solve(levels, 0.3, 1e-6, whole);
    const NeuronModel model = model_with_drivers(wires.r_driver);
    const CoreEffects bent{.r_bl = wires.r_bl, .r_sl = wires.r_sl, .cell_current = test::sinh_current};
    CHECK(rms_of(settled(FastCore(model, g, at, 1, bent), levels) - whole) < 0.005 * rms_of(whole));  // 0.1 LSB of 10 rms would be 0.01
    CHECK(rms_of(settled(FastCore(model, g, at, 1, {.r_bl = wires.r_bl, .r_sl = wires.r_sl}), levels) - whole) > 0.01 * rms_of(whole));
  }
}

TEST_CASE("read noise: mean and variance of a line are those of cells drawn one by one, with bent cells") {
  const Index rows = 48, columns = 2;
  const MatrixXd g = differential_cells(5, rows, columns), sigma = 0.03 * g.array().sqrt() * std::sqrt(20e-6);
  const LevelMatrix levels = signed_inputs(6, rows, 1, 1)[0];
  FastCore::Workspace workspace;
  MatrixXf u, variance;
  FastCore(model_with_drivers(0.0), g, at, 1, {.cell_current = test::sinh_current, .sigma = sigma}).settled_lines(levels, workspace, u, &variance);
  constexpr int draws = 20000;
  for (Index j = 0; j < columns; ++j) {
    double sum = 0.0, square = 0.0;
    for (int n = 0; n < draws; ++n) {
      RandomStream random(7, 0, static_cast<std::uint32_t>(j), static_cast<std::uint32_t>(n), Purpose::test);
      std::vector<double> scale;
      for (Index i = 0; i < rows; ++i) scale.push_back(1.0 + sigma(i, j) / g(i, j) * random.normal());
      double line = static_cast<double>(u(j, 0));
      for (int round = 0; round < 4; ++round) {  // Newton of the column
        double current = 0.0, slope = 0.0;
        for (Index i = 0; i < rows; ++i) {
          const auto [a, s] = test::sinh_cell(g(i, j), 0.3 * levels(i, 0) - line);
          current += scale[static_cast<size_t>(i)] * a;
          slope += scale[static_cast<size_t>(i)] * s;
        }
        line += current / slope;
      }
      sum += line;
      square += line * line;
    }
    const double mean = sum / draws, var = square / draws - mean * mean;
    CHECK(static_cast<double>(variance(j, 0)) == doctest::Approx(var).scale(1e-30).epsilon(3.0 * std::sqrt(2.0 / draws) + 0.01));
    CHECK(std::abs(static_cast<double>(u(j, 0)) - mean) < 0.01 * std::abs(mean) + 3.0 * std::sqrt(var / draws));
  }
}

TEST_CASE("normal numbers are Philox counters by Box-Muller, and normal") {
  const kernel::NoiseStream stream{{9, 0}, {17, (3u << 12) ^ 5u, static_cast<std::uint32_t>(Purpose::read_noise)}};
  RandomStream same(9, 3, 5, 17, Purpose::read_noise);
  constexpr Index blocks = 5000;
  std::vector<float> z(4 * blocks);
  kernel::normals(stream, 40, blocks, z.data());
  same.skip_to(40);
  for (Index q = 0; q < 200; ++q)
    for (Index pair = 0; pair < 2; ++pair) {
      const std::uint32_t a = same.next_u32(), b = same.next_u32();
      const double radius = std::sqrt(-2.0 * std::log((static_cast<double>(a >> 8) + 0.5) / 16777216.0)), angle = 0.5 * M_PI * static_cast<double>(static_cast<std::int32_t>(b)) / 2147483648.0;
      CHECK(static_cast<double>(z[static_cast<size_t>(2 * pair * blocks + q)]) == doctest::Approx(((a & 1u) != 0 ? -radius : radius) * std::cos(angle)).epsilon(2e-5));
      CHECK(static_cast<double>(z[static_cast<size_t>((2 * pair + 1) * blocks + q)]) == doctest::Approx(radius * std::sin(angle)).epsilon(2e-5));
    }
  double mean = 0, square = 0, fourth = 0;
  for (float x : z) mean += static_cast<double>(x), square += std::pow(static_cast<double>(x), 2), fourth += std::pow(static_cast<double>(x), 4);
  const double n = 4.0 * blocks;
  CHECK(std::abs(mean / n) < 4.0 / std::sqrt(n));
  CHECK(std::abs(square / n - 1.0) < 4.0 * std::sqrt(2.0 / n));
  CHECK(std::abs(fourth / n - 3.0) < 4.0 * std::sqrt(96.0 / n));
}

TEST_CASE("noise of integrated voltages comes from seed, input, bit and column alone and has the spread of its lines through the samples") {
  const MatrixXd g = differential_cells(8, 32, 21);
  const NeuronModel model = model_with_drivers(200.0);
  const auto levels = signed_inputs(9, 32, 150, 2);
  const FastCore core(model, g, at, 2, {.sigma = 0.05 * g}), still(model, g, at, 2);
  FastCore::Workspace workspace;
  MatrixXf all, one, quiet, u, variance;
  core.integrate(levels, workspace, all, nullptr, {.seed = 9});
  still.integrate(levels, workspace, quiet);
  for (Index b : {0, 63, 64, 149}) {
    const std::vector<LevelMatrix> single{levels[0].col(b), levels[1].col(b)};
    core.integrate(single, workspace, one, nullptr, {.seed = 9, .first_input = static_cast<std::uint32_t>(b)});
    CHECK(one == all.col(b));
  }
  const PhaseMap map = make_phase_map(model, at, 2);
  Eigen::ArrayXXd expected = Eigen::ArrayXXd::Zero(21, 150);
  for (size_t k = 0; k < 2; ++k) {
    core.settled_lines(levels[k], workspace, u, &variance);
    const double gain = (evaluate(map.bits[k].out, 0.0, 0.005) - evaluate(map.bits[k].out, 0.0, -0.005)) / 0.01;
    expected += gain * gain * variance.cast<double>().array();
  }
  const Eigen::ArrayXXd z = (all - quiet).cast<double>().array() / expected.sqrt();
  const double n = static_cast<double>(z.size());
  CHECK(std::abs(z.mean()) < 4.0 / std::sqrt(n));
  CHECK(std::abs(z.square().mean() - 1.0) < 4.0 * std::sqrt(2.0 / n) + 0.02);  // 2 %: gains at 0 V
  core.integrate(levels, workspace, one, nullptr, {.seed = 10});
  CHECK(one != all);
}

TEST_CASE("noise of the circuit: its own spread, beside read noise the root of both squares, and kT/C grows with the samples") {
  const MatrixXd g = differential_cells(24, 32, 24), sigma = 0.05 * g;
  const NeuronModel model = model_with_drivers(200.0);
  const auto levels = signed_inputs(25, 32, 200, 2);
  FastCore::Workspace workspace;
  MatrixXf quiet;
  FastCore(model, g, at, 2).integrate(levels, workspace, quiet);
  const auto square = [&](const CoreEffects& effects, std::uint64_t seed) {
    MatrixXf v;
    FastCore(model, g, at, 2, effects).integrate(levels, workspace, v, nullptr, {.seed = seed});
    return (v - quiet).cast<double>().array().square().mean();
  };
  const double own = square({.v_noise = 1e-3}, 1), read = square({.sigma = sigma}, 2), both = square({.sigma = sigma, .v_noise = 1e-3}, 3), spread = 4.0 * std::sqrt(2.0 / 4800.0);
  CHECK(own == doctest::Approx(1e-6).epsilon(spread).scale(1e-30));
  CHECK(both == doctest::Approx(own + read).epsilon(2.0 * spread).scale(1e-30));
  const double few = sampling_noise(model, at, 1), many = sampling_noise(model, at, 3);
  CHECK(few == doctest::Approx(std::sqrt(1.380649e-23 * (model.temperature + 273.15) * model.circuit.c_sample) / model.circuit.c_integ).epsilon(1e-9).scale(1e-30));
  CHECK(many == doctest::Approx(std::sqrt(7.0) * few).epsilon(1e-9).scale(1e-30));
}

TEST_CASE("supplies that cores share: loads and lines are those of ohmic networks, also where more rows are up than down") {
  const double ohm = 200.0, source = 2.0, step = 1.0;
  const NeuronModel model = model_with_drivers(ohm);
  std::vector<MatrixXd> cells;
  std::vector<FastCore> cores;
  std::vector<const FastCore*> pointers;
  std::vector<std::vector<LevelMatrix>> levels;
  for (std::uint32_t c = 0; c < 3; ++c) {
    cells.push_back(differential_cells(20 + c, 48, 24));
    cores.emplace_back(model, cells.back(), at, 1);
    levels.push_back({LevelMatrix(48, 70)});  // more than a tile
    RandomStream random(21, 0, 0, c, Purpose::test);
    for (auto& x : levels.back()[0].reshaped()) x = static_cast<std::int8_t>(random.uniform() < 0.5 ? 1 : random.uniform() < 0.5 ? -1 : 0);
  }
  for (const FastCore& core : cores) pointers.push_back(&core);
  const auto supplies = supplies_of_cores(pointers, levels, source, step);
  FastCore::Workspace workspace;
  std::vector<std::vector<Eigen::Matrix2d>> ports;
  for (size_t c = 0; c < 3; ++c) ports.push_back(SupplyLoad((cells[c].array().inverse() + 20.0).inverse(), ohm).ports(levels[c][0]));
  double square = 0.0, signal = 0.0, effect = 0.0;
  for (Index b = 0; b < 70; ++b) {
    std::vector<Eigen::Matrix2d> along;
    for (size_t c = 0; c < 3; ++c) along.push_back(ports[c][static_cast<size_t>(b)]);
    const auto left = supplies_left(along, source, step);
    for (size_t c = 0; c < 3; ++c) {
      CHECK((supplies[c][0].col(b).cast<double>() - left[c]).norm() < 1e-4);
      Eigen::VectorXd drive = 0.3 * levels[c][0].col(b).cast<double>();
      const MatrixXd map = transfer_map((cells[c].array().inverse() + 20.0).inverse(), {0.0, 0.0, ohm});
      const Eigen::VectorXd whole = map * drive;
      for (double& v : drive) v *= v > 0.0 ? left[c][0] : -left[c][1];
      const Eigen::VectorXd lines = map * drive;
      MatrixXf own;
      const SupplyMatrix supply = supplies[c][0].col(b);
      cores[c].settled_lines(levels[c][0].col(b), workspace, own, nullptr, &supply);
      square += (own.col(0).cast<double>() - lines).squaredNorm(), signal += lines.squaredNorm(), effect += (whole - lines).squaredNorm();
    }
  }
  CHECK(std::sqrt(square / signal) < 5e-4);
  CHECK(std::sqrt(effect / signal) > 0.02);
}

TEST_CASE("supplies without drop change no bit, with drop the batch does not either, voltages follow and the core takes less energy") {
  const MatrixXd g = differential_cells(22, 48, 24);
  const auto levels = signed_inputs(23, 48, 100, 2);
  const FastCore core(model_with_drivers(200.0), g, at, 2, {.r_bl = 1.0, .r_sl = 1.0, .cell_current = test::sinh_current, .sigma = 0.02 * g});
  FastCore::Workspace workspace;
  MatrixXf plain, same, less, one;
  EventCounts all, some;
  core.integrate(levels, workspace, plain, &all, {.seed = 3});
  std::vector<SupplyMatrix> supplies(2, SupplyMatrix(2, 100));
  for (SupplyMatrix& s : supplies) s.row(0).setOnes(), s.row(1).setConstant(-1.0f);
  core.integrate(levels, workspace, same, nullptr, {.seed = 3}, supplies);
  CHECK(same == plain);
  for (SupplyMatrix& s : supplies) s *= 0.9f;
  core.integrate(levels, workspace, less, &some, {.seed = 3}, supplies);
  CHECK(some.array_joule < all.array_joule);
  CHECK((less - 0.9f * plain).norm() < 0.02f * plain.norm());
  for (SupplyMatrix& s : supplies) s = SupplyMatrix(s.col(70));
  core.integrate(std::vector<LevelMatrix>{levels[0].col(70), levels[1].col(70)}, workspace, one, nullptr, {.seed = 3, .first_input = 70}, supplies);
  CHECK(one == less.col(70));
  CHECK_THROWS_WITH_AS(core.integrate(levels, workspace, less, nullptr, {}, supplies), doctest::Contains("supplies of 1 inputs"), Error);
}

TEST_CASE("bad wires, noise and cells are refused") {
  const MatrixXd g = differential_cells(10, 4, 4);
  const NeuronModel model = model_with_drivers(200.0);
  CHECK_THROWS_WITH_AS(FastCore(model, g, at, 1, {.r_bl = -1.0}), doctest::Contains("wires"), Error);
  CHECK_THROWS_WITH_AS(FastCore(model, g, at, 1, {.v_noise = -1.0}), doctest::Contains("v_noise"), Error);
  CHECK_THROWS_WITH_AS(FastCore(model, g, at, 1, {.sigma = MatrixXd::Zero(3, 4)}), doctest::Contains("read noise"), Error);
  CHECK_THROWS_WITH_AS(FastCore(model, g, at, 1, {.cell_current = [](double siemens, double v) { return -siemens * v; }}), doctest::Contains("does not rise"), Error);
}
