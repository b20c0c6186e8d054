// The vectorised form against the ODE form, against its own parts in double precision and against a direct solution of the shared drivers; batches and threads change nothing.
#include "solver/fast_core.hpp"

#include <doctest/doctest.h>

#include <Eigen/LU>

#include "core/parallel.hpp"
#include "solver/code_table.hpp"
#include "solver/fall_emulator.hpp"
#include "solver/line.hpp"
#include "solver/neuron_ode.hpp"
#include "solver/random_core.hpp"
#include "solver/row_sums.hpp"
#include "solver/test_allocations.hpp"
#include "solver/test_models.hpp"

using namespace mho;
using namespace mho::solver;

namespace {

OperatingPoint point_of(const circuits::ReadPoint& p) {
  return {.v_read = p.v_read, .v_trim = p.v_trim, .v_decrement = p.v_decrement, .pulse_multiplier = p.pulse_multiplier, .max_code = p.max_code};
}

// Many columns over the same rows, and random inputs in opposite pairs.
struct Block {
  Eigen::MatrixXd conductance;
  std::vector<LevelMatrix> levels;
  Block(Eigen::Index rows, Eigen::Index columns, Eigen::Index batch, int bits) : conductance(rows, columns) {
    RandomStream random(51, 0, 0, static_cast<std::uint32_t>(columns), Purpose::test);
    for (Eigen::Index j = 0; j < columns; ++j)
      for (Eigen::Index i = 0; i < rows; ++i) conductance(i, j) = random.uniform() < 0.5 ? 1e-6 : 1e-6 + 39e-6 * random.uniform();
    levels.assign(static_cast<size_t>(bits), LevelMatrix(rows, batch));
    for (Eigen::Index b = 0; b < batch; ++b)
      for (Eigen::Index i = 0; i < rows; i += 2) {
        const int code = static_cast<int>(random.below(static_cast<std::uint32_t>(1 << bits)));
        for (size_t k = 0; k < levels.size(); ++k) {
          levels[k](i, b) = static_cast<std::int8_t>(code >> k & 1);
          levels[k](i + 1, b) = static_cast<std::int8_t>(-levels[k](i, b));
        }
      }
  }
  std::vector<LevelMatrix> part(Eigen::Index first, Eigen::Index count) const {
    std::vector<LevelMatrix> some;
    for (const LevelMatrix& l : levels) some.push_back(l.middleCols(first, count));
    return some;
  }
};

}  // namespace

TEST_CASE("one column: integrated voltage within 0.3 LSB of the ODE form, codes at most one apart") {
  const NeuronModel model = test::default_model();
  const circuits::ControlProgram program = test::program_of(model);
  double worst = 0;
  for (std::uint32_t index = 0; index < 4; ++index) {
    const int rows = 16 << index, bits = 3;
    circuits::ColumnInput in = test::paired_column(100 + index, rows, bits);
    in.point.v_trim = line_trim(model, rows);
    const FastCore core(model, Eigen::Map<const Eigen::VectorXd>(in.conductance.data(), rows), point_of(in.point), bits);
    std::vector<LevelMatrix> levels;
    for (const auto& bit : in.levels) levels.push_back(Eigen::Map<const LevelMatrix>(bit.data(), rows, 1));
    Eigen::MatrixXf v;
    CodeMatrix codes;
    FastCore::Workspace workspace;
    core.integrate(levels, workspace, v);
    core.convert(v, codes);
    const circuits::ConversionRecord ode = simulate_conversion(model, program, in).record;
    worst = std::max(worst, std::abs(static_cast<double>(v(0, 0)) - ode.v_integrated) / core.lsb());
    CAPTURE(rows);
    CHECK(std::abs(codes(0, 0) - ode.code) <= 1);
  }
  MESSAGE("largest difference [LSB]: " << worst);
  CHECK(worst < 0.3);
}

namespace {

// Conversions of one column up to the ADC in double precision, cell by cell and one sample-integrate cycle after the other, leakage around each. leaks: of half a cycle before each [e-folds].
std::vector<double> integrate_in_double(const NeuronModel& model, const Eigen::VectorXd& g, const OperatingPoint& point, const std::vector<LevelMatrix>& levels, std::vector<double>* leaks = nullptr) {
  const PhaseMap map = make_phase_map(model, point, static_cast<int>(levels.size()));
  const FallEmulator fall(model, g, point);
  const Eigen::Index rows = g.size();
  const double e_fold = model.fall.phi, far = pinch_off(model, model.circuit.wl_low) + 10 * e_fold, rate = leakage(model, far) / model.neuron.c_line * std::exp(far / e_fold);
  const auto leaked = [&](double u, double time) { return u + e_fold * std::log1p(rate * time / e_fold * std::exp(-u / e_fold)); };
  std::vector<double> results;
  for (Eigen::Index b = 0; b < levels[0].cols(); ++b) {
    double v = map.out_initial, line = point.v_trim;
    for (size_t k = 0; k < levels.size(); ++k) {
      double n_up = 0, n_down = 0, p_up = 0, p_down = 0;
      for (Eigen::Index i = 0; i < rows; ++i) {
        const double share = static_cast<double>(fall.share()(i, 0));
        if (levels[k](i, b) > 0) n_up += 1, p_up += share;
        if (levels[k](i, b) < 0) n_down += 1, p_down += share;
      }
      // The root of the column's current by Newton, and the slope at 0, which gives the time constant.
      double settled = 0, slope = 0;
      for (int round = 0; round < 50; ++round) {
        double sum = 0, by_line = 0;
        for (Eigen::Index i = 0; i < rows; ++i) {
          double d = 0;
          sum += cell_current(model.transistor, model.circuit.r_driver, g[i], levels[k](i, b) * point.v_read, settled, &d);
          by_line -= d;
        }
        if (round == 0) slope = by_line;
        settled += sum / by_line;
        if (std::abs(sum / by_line) < 1e-12) break;
      }
      const double start = line - fall.step(0, settled, n_up, n_down, p_up, p_down);
      const double driven = settled + (start - settled) * std::exp(-slope * map.t_word_line / (model.neuron.c_line + static_cast<double>(rows) * model.neuron.c_on));
      line = driven + fall.step(0, driven, n_up, n_down, p_up, p_down);
      const double half = 0.5 * map.cycle.duration;
      for (int n = 0; n < map.bits[k].samples; ++n) {
        const double in = v, from = leaked(line, half) - point.v_trim;
        if (leaks) leaks->push_back((from + point.v_trim - line) / e_fold);
        v = evaluate(map.cycle.out, in, from);
        line = leaked(point.v_trim + evaluate(map.cycle.line, in, from), half);
      }
    }
    results.push_back(v);
  }
  return results;
}

}  // namespace

TEST_CASE("digits, regressions and single precision stay within 0.01 LSB rms of the same parts in double precision, and within their budget") {
  const NeuronModel model = test::default_model();
  for (const Eigen::Index rows : {16, 96, 256}) {
    const Eigen::MatrixXd g = differential_cells(7, rows, 1);
    const auto levels = signed_inputs(8, rows, 40, 3);
    const OperatingPoint point{.v_read = 0.3, .v_trim = line_trim(model, rows), .v_decrement = 0.04, .pulse_multiplier = rows == 96 ? 2 : 1};
    const FastCore core(model, g, point, 3);
    FastCore::Workspace workspace;
    Eigen::MatrixXf v;
    core.integrate(levels, workspace, v);
    const std::vector<double> exact = integrate_in_double(model, g.col(0), point, levels);
    double square = 0;
    for (Eigen::Index b = 0; b < 40; ++b) square += std::pow((static_cast<double>(v(0, b)) - exact[static_cast<size_t>(b)]) / core.lsb(), 2);
    MESSAGE(rows << " rows: " << std::sqrt(square / 40) << " LSB rms");
    CHECK(std::sqrt(square / 40) < 0.01);
    for (const SumChoice& sum : core.sums()) {
      CAPTURE(sum.name);
      CHECK(sum.error <= 0.002);
    }
  }
}

TEST_CASE("lines that leak a little, much and not at all: integrated voltages within 0.02 LSB rms of double precision cycle by cycle") {
  const NeuronModel model = test::default_model();
  const Eigen::Index rows = 182;
  const Eigen::MatrixXd g = differential_cells(17, rows, 1);
  auto levels = signed_inputs(18, rows, 60, 3);
  for (auto& level : levels) level.leftCols(30) = level.leftCols(30).cwiseMin(std::int8_t{0}).eval();  // lines far below their reference
  std::vector<double> leaks;
  for (const double trim : {-0.3, -0.4, -0.5}) {
    const OperatingPoint point{.v_read = 0.49, .v_trim = trim, .v_decrement = 0.04, .pulse_multiplier = 2};
    const FastCore core(model, g, point, 3);
    FastCore::Workspace workspace;
    Eigen::MatrixXf v;
    core.integrate(levels, workspace, v);
    const std::vector<double> exact = integrate_in_double(model, g.col(0), point, levels, &leaks);
    double square = 0, worst = 0;
    int inside = 0, lean = 0;
    for (Eigen::Index b = 0; b < 60; ++b) {
      const double error = (static_cast<double>(v(0, b)) - exact[static_cast<size_t>(b)]) / core.lsb();
      if (std::abs(exact[static_cast<size_t>(b)]) > 0.55) continue;  // the maps end at 0.6 V
      ++inside, lean += b < 30;
      square += error * error, worst = std::max(worst, std::abs(error));
    }
    MESSAGE("trim " << trim << " V: " << std::sqrt(square / inside) << " LSB rms, " << worst << " at most; " << lean << " of " << inside << " inputs lean");
    REQUIRE(inside >= 20);
    CHECK(std::sqrt(square / inside) < 0.02);
  }
  // Both ways of following it were taken: the short series end at a tenth of an e-fold in a cycle.
  CHECK(*std::min_element(leaks.begin(), leaks.end()) < 0.04);
  CHECK(*std::max_element(leaks.begin(), leaks.end()) > 1.0);
}

TEST_CASE("codes by table are those of counting thresholds, at and beside every one") {
  RandomStream random(9, 0, 0, 0, Purpose::test);
  for (const int count : {0, 1, 63}) {
    std::vector<float> up, down;
    float last = 0.0f;
    for (int k = 0; k < count; ++k) up.push_back(last += static_cast<float>(0.002 + 0.006 * random.uniform()));
    last = 0.0f;
    for (int k = 0; k < count; ++k) down.push_back(last += static_cast<float>(0.002 + 0.006 * random.uniform()));
    const CodeTable table(up, down);
    const auto check = [&](float d) {
      const std::vector<float>& t = d > 0 ? up : down;
      const auto steps = std::count_if(t.begin(), t.end(), [&](float x) { return std::abs(d) >= x; });
      CAPTURE(d);
      CHECK(table(d) == (d > 0 ? steps : -steps));
    };
    for (const std::vector<float>* t : {&up, &down})
      for (float x : *t)
        for (const float d : {std::nextafter(x, 0.0f), x, std::nextafter(x, 1.0f)}) check(t == &up ? d : -d);
    for (const float d : {0.0f, 1e-9f, -1e-9f, 10.0f, -10.0f}) check(d);
  }
}

TEST_CASE("a column of the result does not depend on its neighbours in the batch, nor on threads") {
  const NeuronModel model = test::default_model();
  const Block block(48, 10, 32, 3);
  const FastCore core(model, block.conductance, {.v_trim = line_trim(model, 48)}, 3);
  Eigen::MatrixXf whole;
  CodeMatrix whole_codes;
  FastCore::Workspace workspace;
  core.integrate(block.levels, workspace, whole);
  core.convert(whole, whole_codes);
  CHECK(whole_codes.cwiseAbs().maxCoeff() > 3);
  for (const Eigen::Index size : {1, 3, 8, 11}) {
    for (Eigen::Index b = 0; b + size <= 32; b += size) {
      Eigen::MatrixXf v;
      CodeMatrix codes;
      core.integrate(block.part(b, size), workspace, v);
      core.convert(v, codes);
      CHECK(v == whole.middleCols(b, size));
      CHECK(codes == whole_codes.middleCols(b, size));
    }
  }
  std::vector<Eigen::MatrixXf> results(8);
  parallel_for(results.size(), 4, [&](size_t i) {
    FastCore::Workspace own;
    core.integrate(block.levels, own, results[i]);
  });
  for (const Eigen::MatrixXf& v : results) CHECK(v == whole);
}

TEST_CASE("shared row drivers: settled lines are those of rows and columns solved as one network") {
  NeuronModel model = test::quiet_model();
  model.circuit.r_driver = 500.0;
  const Block block(32, 24, 6, 1);
  const Eigen::Index rows = 32, columns = 24;
  const OperatingPoint point{.v_read = 0.3, .v_decrement = 0.05};
  const FastCore core(model, block.conductance, point, 1);
  FastCore::Workspace workspace;
  Eigen::MatrixXf v;
  core.integrate(block.levels, workspace, v);

  // Unknowns: row wires, then lines.
  Eigen::MatrixXd a = Eigen::MatrixXd::Zero(rows + columns, rows + columns), own(columns, 6);
  a.topRightCorner(rows, columns) = -block.conductance;
  a.bottomLeftCorner(columns, rows) = -block.conductance.transpose();
  const double g_driver = 1.0 / model.circuit.r_driver;
  for (Eigen::Index i = 0; i < rows; ++i) a(i, i) = g_driver + block.conductance.row(i).sum();
  for (Eigen::Index j = 0; j < columns; ++j) a(rows + j, rows + j) = block.conductance.col(j).sum();
  Eigen::MatrixXd b = Eigen::MatrixXd::Zero(rows + columns, 6);
  b.topRows(rows) = g_driver * point.v_read * block.levels[0].cast<double>();
  const Eigen::MatrixXd lines = a.lu().solve(b).bottomRows(columns);
  // Drivers of its own for each cell, for the size of the effect.
  const Eigen::MatrixXd series = block.conductance.array() / (1.0 + model.circuit.r_driver * block.conductance.array());
  for (Eigen::Index j = 0; j < columns; ++j) own.row(j) = point.v_read * series.col(j).transpose() * block.levels[0].cast<double>() / series.col(j).sum();

  // The first bit's map is monotone in the line; its slope turns a difference of voltages into one of lines.
  const PhaseMap map = make_phase_map(model, point, 1);
  double worst = 0;
  for (Eigen::Index n = 0; n < 6; ++n)
    for (Eigen::Index j = 0; j < columns; ++j) {
      const double expected = evaluate(map.bits[0].out, map.out_initial, lines(j, n));
      const double slope = (evaluate(map.bits[0].out, map.out_initial, 0.01) - evaluate(map.bits[0].out, map.out_initial, -0.01)) / 0.02;
      worst = std::max(worst, std::abs((static_cast<double>(v(j, n)) - expected) / slope));
    }
  MESSAGE("largest error of a line [V]: " << worst << "; effect of sharing [V]: " << (lines - own).cwiseAbs().maxCoeff());
  CHECK((lines - own).cwiseAbs().maxCoeff() > 5e-3);
  CHECK(worst < 1e-4);
}

TEST_CASE("events follow from sizes and codes") {
  const NeuronModel model = test::default_model();
  const Block block(32, 5, 7, 2);
  const FastCore core(model, block.conductance, {.v_trim = line_trim(model, 32), .pulse_multiplier = 2}, 2);
  EventCounts counts;
  FastCore::Workspace workspace;
  Eigen::MatrixXf v;
  CodeMatrix codes;
  core.integrate(block.levels, workspace, v, &counts);
  core.convert(v, codes, &counts);
  CHECK(counts.wl_pulses == 32 * 2 * 7);
  CHECK(counts.bit_columns == 5 * 2 * 7);
  CHECK(counts.samples == 5 * 7 * 6);
  CHECK(counts.conversions == 35);
  CHECK(counts.decrements == 35 + codes.cast<double>().cwiseAbs().sum());
  CHECK(counts.compares == counts.decrements + counts.conversions);
  CHECK(counts.array_joule > 0);
  // A core waits for its slowest column.
  CHECK(counts.core_time >= counts.time / 5);
}

TEST_CASE("codes decode to the middle of their interval: within half a step of the exact sum on a quiet circuit") {
  const NeuronModel model = test::quiet_model();
  const Block block(32, 6, 40, 2);
  const FastCore core(model, block.conductance, {.v_decrement = 0.03, .pulse_multiplier = 2, .max_code = 63}, 2);
  FastCore::Workspace workspace;
  Eigen::MatrixXf v, sums;
  CodeMatrix codes;
  core.integrate(block.levels, workspace, v);
  core.convert(v, codes);
  core.decode(block.levels, codes, sums);
  const Eigen::MatrixXd x = block.levels[0].cast<double>() + 2.0 * block.levels[1].cast<double>(), exact = block.conductance.transpose() * x;
  const double error = (sums.cast<double>() - exact).norm() / exact.norm();
  MESSAGE("relative error of decoded sums: " << error);
  CHECK(error < 0.1);
}

TEST_CASE("decoded sums keep their mean whatever share of the rows is active: the charge of the word lines is taken out") {
  const NeuronModel model = test::default_model();
  const Block block(128, 12, 48, 3);
  const FastCore core(model, block.conductance, {.v_read = 0.4, .v_trim = line_trim(model, 128), .v_decrement = 0.03, .pulse_multiplier = 2, .max_code = 63}, 3);
  for (const bool sparse : {false, true}) {
    std::vector<LevelMatrix> levels = block.levels;
    if (sparse)
      for (LevelMatrix& l : levels) l.bottomRows(96).setZero();
    FastCore::Workspace workspace;
    Eigen::MatrixXf v, sums;
    CodeMatrix codes;
    core.integrate(levels, workspace, v);
    core.convert(v, codes);
    core.decode(levels, codes, sums);
    Eigen::MatrixXd x = Eigen::MatrixXd::Zero(128, 48);
    for (size_t k = 0; k < 3; ++k) x += static_cast<double>(1 << k) * levels[k].cast<double>();
    const Eigen::MatrixXd exact = block.conductance.transpose() * x;
    // Least squares of the sums against the exact ones, column by column: one step of the code in S.
    const Eigen::VectorXd mean = (sums.cast<double>() - exact).rowwise().mean();
    const double step = core.lsb() / 0.4 / (17.0 / 104.0 * 2) * block.conductance.colwise().sum().mean();
    MESSAGE(std::string(sparse ? "a quarter" : "all") << " of the rows active: mean error " << mean.cwiseAbs().maxCoeff() / step << " steps at most");
    CHECK(mean.cwiseAbs().maxCoeff() < 1.5 * step);
  }
}

TEST_CASE("a core without rows, columns or bits is refused") {
  const NeuronModel model = test::default_model();
  CHECK_THROWS(FastCore(model, Eigen::MatrixXd(0, 3), {}, 1));
  CHECK_THROWS(FastCore(model, Eigen::MatrixXd(3, 0), {}, 1));
  CHECK_THROWS(FastCore(model, Eigen::MatrixXd::Constant(2, 2, 1e-6), {}, 0));
}

#ifdef MHO_COUNTS_ALLOCATIONS
TEST_CASE("conversions of batches that were seen before allocate nothing") {
  const NeuronModel model = test::default_model();
  const Block block(32, 10, 150, 3);
  const FastCore core(model, block.conductance, {.v_trim = line_trim(model, 32)}, 3);
  const auto one = block.part(0, 1);
  FastCore::Workspace workspace;
  Eigen::MatrixXf v, v_one, sums;
  CodeMatrix codes, code;
  EventCounts counts;
  const auto all = [&] {
    core.integrate(block.levels, workspace, v, &counts);
    core.convert(v, codes, &counts);
    core.decode(block.levels, codes, sums);
    core.integrate(one, workspace, v_one);
    core.convert(v_one, code);
  };
  all();
  const long before = allocations;
  all();
  CHECK(allocations == before);
  v.resize(1, 1);
  all();
  CHECK(allocations > before);  // the counter counts
}
#endif
