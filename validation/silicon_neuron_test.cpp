// The whole part on a small layer, with the neuron's spread from ngspice.
#include "validation/silicon_neuron.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>

#include "core/json_file.hpp"
#include "core/random.hpp"

using namespace mho;
using namespace mho::validation;

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
