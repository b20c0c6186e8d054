// Laws of the map: each weight lies once, no cell twice, bad rows never; what does not fit is said.
#include "chip/mapping.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include <map>
#include <set>

#include "chip/software_engine.hpp"
#include "chip/test_matrices.hpp"
#include "core/errors.hpp"

using namespace mho;
using namespace mho::chip;

namespace {

void check_map(const std::vector<MatrixSpec>& specs, const ChipConfig& config, const BadRows& bad) {
  const Mapping mapping = map_network(specs, config, bad);
  std::set<std::tuple<int, int, int>> cells;                  // core, row, column
  std::map<std::tuple<size_t, int, int>, int> weights;        // matrix, input, output → times
  size_t bias_cells = 0, misplaced = 0;
  for (const WeightPlace& p : weight_table(specs, mapping, config.mapping)) {
    for (const int row : {p.row, p.row + 1}) {
      if (!cells.insert({p.core, row, p.column}).second) ++misplaced;
      if (p.core < 0 || p.core >= config.cores() || row < 0 || row >= config.rows || p.column >= config.columns) ++misplaced;
      else if (bad[static_cast<size_t>(p.core)][static_cast<size_t>(row)]) ++misplaced;
    }
    if (p.input < 0) {
      ++bias_cells;
    } else {
      ++weights[{p.matrix, p.input, p.output}];
      if (static_cast<float>(p.weight) != specs[p.matrix].weights(p.input, p.output)) ++misplaced;
    }
    if (p.g_plus < config.mapping.g_min || p.g_plus > config.mapping.g_limit) ++misplaced;
    if (std::min(p.g_plus, p.g_minus) != config.mapping.g_min) ++misplaced;
  }
  CHECK(misplaced == 0);
  CHECK(cells.size() == mapping.cells_used());
  size_t expected = 0, expected_bias = 0;
  for (const MatrixSpec& s : specs) expected += static_cast<size_t>(s.weights.size());
  for (const MappedBlock& b : mapping.blocks) expected_bias += static_cast<size_t>(b.bias_rows * b.outputs);
  CHECK(weights.size() == expected);
  CHECK(bias_cells == expected_bias);
  for (const auto& [place, times] : weights) CHECK(times == 1);
}

// Every `period`-th row is bad.
BadRows some_bad_rows(const ChipConfig& config, int period) {
  BadRows bad = no_bad_rows(config);
  for (size_t core = 0; core < bad.size(); ++core)
    for (size_t row = core % 7; row < bad[core].size(); row += static_cast<size_t>(period)) bad[core][row] = 1;
  return bad;
}

}  // namespace

TEST_CASE("each weight lies on the chip once, no cell is used twice, bad rows are never used") {
  ChipConfig config;
  check_map(test::mnist_shapes(), config, no_bad_rows(config));
  check_map(test::mnist_shapes(), config, some_bad_rows(config, 17));
  config.mapping.encoding = Encoding::proportional;
  check_map(test::mnist_shapes(), config, some_bad_rows(config, 29));
}

TEST_CASE("blocks share cores, by rows and then by columns, when there are more blocks than cores") {
  ChipConfig config;
  config.core_grid_rows = config.core_grid_columns = 2;  // 4 cores for 16 blocks
  config.mapping.max_columns = 32;
  check_map(test::mnist_shapes(), config, some_bad_rows(config, 17));
  const Mapping mapping = map_network(test::mnist_shapes(), config, no_bad_rows(config));
  CHECK(mapping.cores_used() == 4);
  config.core_grid_rows = config.core_grid_columns = 6;
  CHECK(map_network(test::mnist_shapes(), config, no_bad_rows(config)).cores_used() == mapping.blocks.size());
}

TEST_CASE("ResNet-20 for CIFAR-10, 61 or more matrices, fits 48 cores with bad rows") {
  std::vector<MatrixSpec> specs;
  const auto add = [&](int inputs, int outputs, int times) {
    for (int n = 0; n < times; ++n) specs.push_back(test::random_matrix(static_cast<std::uint32_t>(specs.size()), inputs, outputs));
  };
  add(27, 16, 1), add(144, 16, 6), add(144, 32, 1), add(288, 32, 5), add(16, 32, 1), add(288, 64, 1), add(576, 64, 5), add(32, 64, 1);
  add(64, 10, 1);
  ChipConfig config;
  for (const int period : {1000, 17, 11}) check_map(specs, config, some_bad_rows(config, period));
  CHECK(map_network(specs, config, no_bad_rows(config)).blocks.size() >= 61);
}

TEST_CASE("the shapes of the MNIST network are cut as on the chip") {
  // 16 segments, 46,664 cells, conv3 146×16 twice, conv5 194×32 three times, dense 174 and 166 rows (the map in the notebooks of Wan et al. 2022).
  ChipConfig config;
  config.mapping.max_bias_rows = 1;
  const Mapping mapping = map_network(test::mnist_shapes(), config, no_bad_rows(config));
  CHECK(mapping.blocks.size() == 15 + 1);
  size_t rows_of_dense = 0;
  for (const MappedBlock& b : mapping.blocks) {
    if (b.matrix == 3) CHECK(b.physical_rows() == 146);
    if (b.matrix == 5) CHECK(b.physical_rows() == 194);
    if (b.matrix == 6) rows_of_dense += static_cast<size_t>(b.physical_rows());
  }
  CHECK(rows_of_dense == 5 * 174 + 166);
  CHECK(mapping.cells_used() == 46664);
}

TEST_CASE("bias rows of all segments together carry the bias, and the pair's difference is the weight") {
  ChipConfig config;
  config.mapping.w_max_quantile = 1.0;
  config.mapping.max_bias_rows = 8;
  const std::vector<MatrixSpec> specs{test::random_matrix(3, 250, 20)};
  const Mapping mapping = map_network(specs, config, no_bad_rows(config));
  REQUIRE(mapping.blocks.size() == 3);
  Eigen::RowVectorXd bias = Eigen::RowVectorXd::Zero(20);
  for (const MappedBlock& block : mapping.blocks) {
    const Eigen::MatrixXd g = target_conductance(specs[0], block, config.mapping);
    const Eigen::MatrixXd w = block_weights(specs[0], block);
    CHECK(w.cwiseAbs().maxCoeff() <= block.w_max * (1 + 1e-6));
    for (int i = 0; i < block.logical_rows(); ++i)
      CHECK(((g.row(2 * i) - g.row(2 * i + 1)) / config.full_scale_conductance() * block.w_max - w.row(i)).norm() < 1e-9);
    bias += w.bottomRows(block.bias_rows).colwise().sum() * full_scale_code(specs[0]) * specs[0].input_lsb;
  }
  CHECK((bias.transpose() - specs[0].bias.cast<double>()).norm() < 1e-6);
}

TEST_CASE("with scales of columns, cells do not depend on the size of a column, nor other columns on it") {
  ChipConfig config;
  config.mapping.scale = WeightScale::column;
  std::vector<MatrixSpec> specs{test::random_matrix(3, 150, 6)};
  specs[0].bias.setZero();
  const Mapping before = map_network(specs, config, no_bad_rows(config));
  const auto cells = [&](const Mapping& mapping, size_t b) { return target_conductance(specs[0], mapping.blocks[b], config.mapping); };
  std::vector<Eigen::MatrixXd> targets;
  for (size_t b = 0; b < before.blocks.size(); ++b) targets.push_back(cells(before, b));
  specs[0].weights.col(2) *= 0.01f;
  const Mapping after = map_network(specs, config, no_bad_rows(config));
  REQUIRE(after.blocks.size() == 2);
  for (size_t b = 0; b < after.blocks.size(); ++b) {
    CHECK((cells(after, b) - targets[b]).cwiseAbs().maxCoeff() <= 1e-5 * config.mapping.g_max);  // rounding of 0.01 in single precision
    CHECK(after.blocks[b].column_w_max(2) == doctest::Approx(0.01 * before.blocks[b].column_w_max(2)).scale(1e-30));
    CHECK(after.blocks[b].column_w_max(1) == doctest::Approx(before.blocks[b].column_w_max(1)).scale(1e-30));
    // Below its w_max a weight is the difference of its pair.
    const Eigen::MatrixXd w = block_weights(specs[0], after.blocks[b]), g = cells(after, b);
    for (int j = 0; j < 6; ++j)
      for (int i = 0; i < after.blocks[b].inputs; ++i) {
        const double limit = after.blocks[b].column_w_max(j);
        CHECK((g(2 * i, j) - g(2 * i + 1, j)) / config.full_scale_conductance() * limit == doctest::Approx(std::clamp(w(i, j), -limit, limit)).scale(limit));
      }
  }
}

TEST_CASE("weights of few bits are the nearest of equal levels, by matrix or by column; with many bits they are the weights") {
  const std::vector<MatrixSpec> specs{test::random_matrix(3, 40, 6)};
  const Eigen::MatrixXf& w = specs[0].weights;
  for (const WeightScale scale : {WeightScale::block, WeightScale::column})
    for (const int bits : {2, 4, 16}) {
      const Eigen::MatrixXf levels = with_weight_levels(specs, bits, 1.0, scale)[0].weights;
      for (int j = 0; j < 6; ++j) {
        const float largest = scale == WeightScale::column ? w.col(j).cwiseAbs().maxCoeff() : w.cwiseAbs().maxCoeff();
        const float step = largest / static_cast<float>((1 << (bits - 1)) - 1);
        CHECK((levels.col(j) - w.col(j)).cwiseAbs().maxCoeff() <= 0.5f * step + 1e-6f * largest);  // rounding of single precision
        for (int i = 0; i < 40; ++i) CHECK(std::abs(levels(i, j) / step - std::nearbyint(levels(i, j) / step)) < 0.01f);
      }
    }
  CHECK(with_weight_levels(specs, 4, 0.9, WeightScale::block)[0].weights.cwiseAbs().maxCoeff() == doctest::Approx(weight_scale(w, 0.9)));
}

TEST_CASE("a network that does not fit is one line that says how much is missing") {
  ChipConfig config;
  config.core_grid_rows = config.core_grid_columns = 1;
  const std::vector<MatrixSpec> specs{test::random_matrix(0, 800, 256)};
  try {
    map_network(specs, config, no_bad_rows(config));
    FAIL("no error");
  } catch (const ConfigError& e) {
    const std::string what = e.what();
    CHECK(what.find("16 blocks") != std::string::npos);
    CHECK(what.find("more cores") != std::string::npos);
    CHECK(what.find('\n') == std::string::npos);
  }
  // All rows bad: nothing fits.
  config.core_grid_rows = 8;
  BadRows bad = no_bad_rows(config);
  for (auto& core : bad) std::fill(core.begin(), core.end(), std::uint8_t{1});
  CHECK_THROWS_AS(map_network(test::mnist_shapes(), config, bad), ConfigError);
}

TEST_CASE("a matrix that cannot be mapped is an error") {
  const ChipConfig config;
  const auto fails = [&](MatrixSpec spec) {
    CHECK_THROWS_AS(map_network(std::vector{std::move(spec)}, config, no_bad_rows(config)), ConfigError);
  };
  MatrixSpec spec = test::random_matrix(0, 5, 4);
  spec.bias.resize(3);
  fails(spec);
  spec = test::random_matrix(0, 5, 4);
  spec.weights(2, 2) = std::nanf("");
  fails(spec);
  spec = test::random_matrix(0, 5, 4);
  spec.input_bits = 9;
  fails(spec);
  spec = test::random_matrix(0, 5, 4);
  spec.weights.resize(0, 4);
  fails(spec);
}

TEST_CASE("the shipped chip file reads as the defaults, and a wrong key or value is an error") {
  const std::string path = MHO_SOURCE_DIR "/examples/chips/neurram.toml";
  const ChipConfig config = load_chip_config(path), defaults;
  CacheKey a("chip"), b("chip");
  add_to_key(a, config);
  add_to_key(b, defaults);
  CHECK(config.cores() == 48);
  for (const auto& p : ParameterTable<MappingRules>::table) CHECK(config.mapping.*p.member == doctest::Approx(defaults.mapping.*p.member).scale(1e-30));
  for (const auto& p : ParameterTable<OperatingRules>::table)
    CHECK(config.operating.*p.member == doctest::Approx(defaults.operating.*p.member).scale(1e-30));
  CHECK_THROWS_AS(load_chip_config(path, {"mapping.g_mx=40 µS"}), ConfigError);
  CHECK_THROWS_AS(load_chip_config(path, {"mapping.g_max=40 mV"}), ConfigError);
  CHECK_THROWS_AS(load_chip_config(path, {"mapping.g_min=50 µS"}), ConfigError);
  CHECK_THROWS_AS(load_chip_config(path, {"mapping.max_logical_rows=200"}), ConfigError);
  CHECK_THROWS_AS(load_chip_config(path, {"mapping.encoding=\"other\""}), ConfigError);
  CHECK_THROWS_AS(load_chip_config(path, {"bad_rows.mean=0.5"}), ConfigError);
  CHECK_THROWS_AS(load_chip_config("/nonexistent.toml"), IoError);
}
