// The whole part on a small layer, with the neuron's spread from ngspice.
#include "validation/silicon_neuron.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <filesystem>

#include "core/json_file.hpp"
#include "core/random.hpp"
#include "solver/array_map.hpp"
#include "solver/supply_drop.hpp"
#include "validation/silicon_gain.hpp"

using namespace mho;
using namespace mho::validation;

TEST_CASE("silicon: lines of an array of resistors in ngspice are those of the linear map, and a supply resistance leaves them what the two-port load says") {
  RandomStream random(3, 0, 0, 0, Purpose::test);
  Eigen::MatrixXd g(12, 5);
  for (double& x : g.reshaped()) x = 1e-6 + 39e-6 * random.uniform();
  std::vector<std::int8_t> levels;
  Eigen::VectorXd drive(g.rows());
  for (Eigen::Index i = 0; i < g.rows(); ++i) levels.push_back(i % 3 == 0 ? 1 : -1), drive[i] = 0.5 * levels.back();
  spice::Session session;
  const auto stiff = resistor_lines(session, g, levels, 0.5, 1000.0, 1e-6), soft = resistor_lines(session, g, levels, 0.5, 1000.0, 500.0);
  const Eigen::MatrixXd transfer = solver::transfer_map(g, {0.0, 0.0, 1000.0});
  const Eigen::VectorXd map = transfer * drive;
  const solver::LevelMatrix column = Eigen::Map<const solver::LevelMatrix>(levels.data(), g.rows(), 1);
  const Eigen::Vector2d left = solver::supplies_left(solver::SupplyLoad(g, 1000.0).ports(column), 500.0, 0.0).front();
  for (Eigen::Index i = 0; i < g.rows(); ++i) drive[i] = 0.5 * (column(i, 0) > 0 ? left[0] : left[1]);
  const Eigen::VectorXd behind_supply = transfer * drive;
  for (size_t j = 0; j < stiff.size(); ++j) {
    CHECK(stiff[j] == doctest::Approx(map[static_cast<Eigen::Index>(j)]).epsilon(1e-5));
    CHECK(soft[j] == doctest::Approx(behind_supply[static_cast<Eigen::Index>(j)]).epsilon(1e-5));
    CHECK(std::abs(soft[j]) < std::abs(stiff[j]));
  }
}

TEST_CASE("silicon: neurons in ngspice, dies and tables of a small layer") {
  const std::string folder =
      (std::filesystem::temp_directory_path() / "mho_silicon_neuron_test").string();
  std::filesystem::remove_all(folder);
  make_output_folder(folder);
  RandomStream random(1, 0, 0, 0, Purpose::test);
  std::string weights, measured = "column,slope[code],residual[unit]\n";
  for (int i = 0; i < 10; ++i)
    for (int j = 0; j < 8; ++j) weights += fmt::format("{}{}", random.normal(), j < 7 ? "," : "\n");
  for (int j = 0; j < 8; ++j) measured += fmt::format("{},{},0.1\n", j, 5.0 + 0.1 * j);
  write_text_file(folder + "/weights.csv", weights);
  write_text_file(folder + "/measured.csv", measured);
  SiliconSettings s;
  s.data = folder, s.threads = 2, s.dies = 2, s.neuron_dies = 4, s.code_dies = 1, s.inputs = 50;
  s.cache = Cache(folder + "/cache");
  const Section section = validate_silicon(s);
  CHECK(section.skipped.empty());
  CHECK(section.missed.empty());
  CHECK(section.json["gain"].size() == 5);
  CHECK(section.json["line"].size() == 5);
  CHECK(section.json["residual"].size() == 5);
  // Drivers that are shared and cells behind transistors can only lose.
  for (const Json& factor : section.json["missing_gain"]["factors"])
    if (factor["in_product"]) CHECK(factor["factor"].get<double>() < 1.02);
  // The amplifier's gain is finite and lines settle: a few percent from C_sample/C_integ.
  const Json& neuron = section.json["neuron"];
  CHECK(neuron["integrated"]["mean"].get<double>() == doctest::Approx(1.0).epsilon(0.1));
  CHECK(neuron["codes"]["mean"].get<double>() == doctest::Approx(1.0).epsilon(0.1));
  for (const char* key : {"integrated", "codes"}) {
    CHECK(neuron[key]["relative_sigma"].get<double>() > 0.0);
    CHECK(neuron[key]["relative_sigma"].get<double>() < 0.2);
  }
  // Again, from the cache.
  CHECK(validate_silicon(s).json == section.json);
  std::filesystem::remove_all(folder);
}
