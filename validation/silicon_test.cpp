// Predictions for a layer on layers whose measurement is known by construction; files that are not
// such a layer are refused by line and column.
#include "validation/silicon.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "core/random.hpp"
#include "core/statistics.hpp"

using namespace mho;
using namespace mho::validation;
using Eigen::Index;
using Eigen::MatrixXd;

namespace {

MatrixXd random_weights(Index rows, Index columns) {
  RandomStream random(1, 0, 0, 0, Purpose::test);
  MatrixXd w(rows, columns);
  for (double& x : w.reshaped()) x = 0.1 * random.normal();
  return w;
}

// Slopes exactly as 1/ΣG of the targets, 5 codes per output unit in the mean.
SiliconLayer ideal_layer() {
  SiliconLayer layer;
  layer.weights = random_weights(24, 12);
  layer.slope = silicon_targets(layer.weights).colwise().sum().cwiseInverse().transpose();
  layer.slope *= 5.0 / layer.slope.mean();
  layer.residual = Eigen::VectorXd::Constant(12, 0.1);
  return layer;
}

SiliconSettings few_dies() {
  SiliconSettings s;
  s.dies = 6, s.code_dies = 2, s.inputs = 500, s.threads = 2;
  return s;
}

struct Folder {
  std::string path = (std::filesystem::temp_directory_path() / "mho_silicon_test").string();
  Folder() {
    std::filesystem::remove_all(path);
    make_output_folder(path);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  void write(const std::string& weights, const std::string& measured) const {
    write_text_file(path + "/weights.csv", weights);
    write_text_file(path + "/measured.csv", measured);
  }
};

const std::string weights =
    "# three columns\n0.1,-0.2,0.3\n0.2,0.1,-0.1\n0,0.05,0.02\n0,0.05,0.02\n";
const std::string measured = "column,slope[code],residual[unit]\n0,5.1,0.1\n1,5.2,0.1\n2,5.3,0.2\n";

void refused(const std::string& w, const std::string& m, const std::string& file, int line,
             const std::string& key) {
  const Folder folder;
  folder.write(w, m);
  try {
    read_silicon_layer(folder.path);
    FAIL("read a layer with a fault in " << file << ", line " << line);
  } catch (const ConfigError& e) {
    CHECK(e.file == folder.path + "/" + file);
    CHECK(e.line == line);
    CHECK(e.key == key);
    CHECK(std::string(e.what()).find('\n') == std::string::npos);
  }
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  return text.replace(text.find(what), what.size(), by);
}

}  // namespace

TEST_CASE(
    "silicon: targets are pairs of one cell and one zero, up to 40 µS at the 95th percentile") {
  const MatrixXd w = random_weights(24, 12), g = silicon_targets(w);
  const double w_max = silicon_w_max(w);
  double at_limit = 0.0;
  for (Index j = 0; j < w.cols(); ++j)
    for (Index i = 0; i < w.rows(); ++i) {
      const double plus = g(2 * i, j), minus = g(2 * i + 1, j);
      CHECK(plus * minus == 0.0);
      CHECK(plus - minus ==
            doctest::Approx(40e-6 * std::clamp(w(i, j) / w_max, -1.0, 1.0)).scale(1e-12));
      at_limit += std::max(plus, minus) == 40e-6 ? 1.0 / static_cast<double>(w.size()) : 0.0;
    }
  CHECK(at_limit == doctest::Approx(0.05).epsilon(0.1));
}

TEST_CASE(
    "silicon: without errors an ideal layer is met exactly, and each term takes away from that") {
  const SiliconPrediction p = predict_silicon(ideal_layer(), {0.05, 0.02}, few_dies());
  REQUIRE(p.gains.size() == 5);
  for (double r : p.gains[0].gain.r) CHECK(r == doctest::Approx(1.0).epsilon(1e-12));
  for (double x : p.gains[0].gain.spread) CHECK(x < 1e-12);
  for (size_t n = 1; n < 4; ++n) {
    CHECK(mean(p.gains[n].gain.spread) > mean(p.gains[n - 1].gain.spread));
    CHECK(mean(p.gains[n].gain.r) < mean(p.gains[n - 1].gain.r));
  }
  // Slopes are 1/ΣG here, so both r are one.
  CHECK(mean(p.gains[3].gain.r) == doctest::Approx(mean(p.gains[3].gain.r_targets)));
  // The smaller sigma, on the same draws.
  CHECK(mean(p.gains[4].gain.spread) < mean(p.gains[3].gain.spread));
  CHECK(mean(p.gains[4].gain.spread) > mean(p.gains[2].gain.spread));
  // Targets at the limit hold less than their weights: the line sees it, the gain does not.
  CHECK(p.gains[0].line.spread[0] > 1e-3);
  CHECK(p.relaxed_rms > p.programming_rms);
}

TEST_CASE("silicon: with a neuron alone the spread is the neuron's") {
  // Weights of one magnitude: nothing above the limit. 200 columns: 1/sqrt(2·199) = 5.0 %, over two
  // dies 3.5 % of a sigma; four of those allowed.
  SiliconLayer layer;
  layer.weights = random_weights(8, 200).array().sign() * 0.1;
  layer.slope = Eigen::VectorXd::LinSpaced(200, 4.0, 6.0);
  layer.residual = Eigen::VectorXd::Zero(200);
  SiliconSettings s = few_dies();
  s.dies = 2, s.code_dies = 1, s.inputs = 10;
  const SiliconPrediction p = predict_silicon(layer, {0.3, 0.3}, s);
  const double added = std::sqrt(std::pow(mean(p.gains[3].gain.spread), 2) -
                                 std::pow(mean(p.gains[2].gain.spread), 2));
  CHECK(added == doctest::Approx(0.3).epsilon(0.14));
}

TEST_CASE("silicon: residuals are the ADC's alone with exact weights and grow with what deviates") {
  const SiliconPrediction p = predict_silicon(ideal_layer(), {0.03, 0.02}, few_dies());
  REQUIRE(p.residuals.size() == 5);
  CHECK(p.residuals[0].analog < 1e-12);
  // A step of one code: 1/sqrt(12), by 24,000 conversions; codes at ±(n − ½) have no dead zone,
  // truncated ones do.
  CHECK(p.residuals[0].half == doctest::Approx(1.0 / std::sqrt(12.0)).epsilon(0.03));
  CHECK(p.residuals[0].truncated > p.residuals[0].half);
  for (size_t n = 1; n < 4; ++n) CHECK(p.residuals[n].analog > p.residuals[n - 1].analog);
}

TEST_CASE("silicon: a die is its number, whatever the threads and the number of dies") {
  SiliconSettings one = few_dies(), two = few_dies();
  one.threads = 1, one.dies = 2;
  const SiliconPrediction a = predict_silicon(ideal_layer(), {0.03, 0.02}, one),
                          b = predict_silicon(ideal_layer(), {0.03, 0.02}, two);
  for (size_t n = 0; n < a.gains.size(); ++n)
    for (size_t die = 0; die < 2; ++die) {
      CHECK(a.gains[n].line.r[die] == b.gains[n].line.r[die]);
      CHECK(a.gains[n].gain.spread[die] == b.gains[n].gain.spread[die]);
    }
  for (size_t n = 0; n < a.residuals.size(); ++n)
    CHECK(a.residuals[n].truncated == b.residuals[n].truncated);
}

TEST_CASE("silicon: a layer is read as it stands") {
  const Folder folder;
  folder.write(weights,
               "residual[x],slope[y],note,column\n0.1,5.1,0,0\n0.2,5.2,0,1\r\n0.3,5.3,0,2");
  const SiliconLayer layer = read_silicon_layer(folder.path);
  CHECK(layer.weights.rows() == 4);
  CHECK(layer.weights(0, 1) == -0.2);
  CHECK(layer.slope[2] == 5.3);
  CHECK(layer.residual[1] == 0.2);
}

TEST_CASE("silicon: a wrong file is one line with file, line and column") {
  refused(replaced(weights, "0.05", "x"), measured, "weights.csv", 4, "column 2");
  refused(replaced(weights, "0.2,0.1,-0.1", "0.2,0.1"), measured, "weights.csv", 3, "column 3");
  refused(replaced(weights, "0.05", "nan"), measured, "weights.csv", 4, "column 2");
  refused("0.1,0.2,0.3\n", measured, "weights.csv", 0, "");
  refused(weights, replaced(measured, "slope", "gain"), "measured.csv", 1, "slope");
  refused(weights, replaced(measured, "5.2", ""), "measured.csv", 3, "slope");
  refused(weights, replaced(measured, "5.2,0.1", "5.2"), "measured.csv", 3, "residual");
  refused(weights, replaced(measured, "5.2", "-5.2"), "measured.csv", 3, "slope");
  refused(weights, replaced(measured, "2,5.3", "3,5.3"), "measured.csv", 4, "column");
  refused(weights, replaced(measured, "2,5.3,0.2\n", ""), "measured.csv", 0, "column");
}

TEST_CASE("silicon: skipped without a folder, an error with a folder that holds nothing") {
  CHECK(!validate_silicon({}).skipped.empty());
  const Folder folder;
  SiliconSettings s;
  s.data = folder.path;
  CHECK_THROWS_AS(validate_silicon(s), IoError);
}
