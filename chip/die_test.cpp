// Laws of a programmed die: it depends on seed and die alone, a cell keeps its devices, the cache gives back what was stored.
#include "chip/die.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <unistd.h>

#include <filesystem>

#include "chip/die_store.hpp"
#include "chip/test_matrices.hpp"
#include "core/json_file.hpp"

using namespace mho;
using namespace mho::chip;

namespace {

std::vector<MatrixSpec> small_network() { return {test::random_matrix(0, 9, 8), test::random_matrix(1, 30, 5)}; }

// A cache in a folder of its own that goes away with the test.
struct TemporaryCache {
  std::string folder = (std::filesystem::temp_directory_path() / ("mho-die-test-" + std::to_string(::getpid()))).string();
  Cache cache{folder};
  ~TemporaryCache() { std::filesystem::remove_all(folder); }
};
const Cache no_cache("unused", false);

}  // namespace

TEST_CASE("the mean and range of bad rows over cores are those of the config") {
  ChipConfig config;
  config.core_grid_rows = config.core_grid_columns = 40;
  double sum = 0, lowest = 1, highest = 0;
  for (const auto& core : draw_bad_rows(config, 5, 2)) {
    double fraction = 0;
    for (const std::uint8_t b : core) fraction += b / 256.0;
    sum += fraction / 1600;
    lowest = std::min(lowest, fraction), highest = std::max(highest, fraction);
  }
  // 1600 cores; the spread over cores is about 0.04 and the binomial one of 256 rows 0.015.
  CHECK(sum == doctest::Approx(config.bad_rows.mean).scale(1e-30).epsilon(0.07));
  CHECK(highest < 0.15 + 5 * std::sqrt(0.15 * 0.85 / 256));
  CHECK(lowest < 0.02);
  CHECK(draw_bad_rows(config, 5, 2) == draw_bad_rows(config, 5, 2));
  CHECK(draw_bad_rows(config, 5, 3) != draw_bad_rows(config, 5, 2));
}

TEST_CASE("a die depends on its seed and number, not on threads, and is mostly what was asked for") {
  const auto network = small_network();
  const ChipConfig config;
  const ProgrammedDie one = program_die(network, config, 7, 0, 1, no_cache), two = program_die(network, config, 7, 0, 2, no_cache);
  const ProgrammedDie other = program_die(network, config, 7, 1, 2, no_cache);
  REQUIRE(one.relaxed.size() == one.mapping.blocks.size());
  double square = 0, cells = 0;
  for (size_t b = 0; b < one.relaxed.size(); ++b) {
    CHECK(one.relaxed[b] == two.relaxed[b]);
    CHECK(one.programmed[b] == two.programmed[b]);
    CHECK(one.relaxed[b] != other.relaxed[b]);
    CHECK((one.relaxed[b].array() >= 0).all());
    const Eigen::MatrixXd target = target_conductance(network[one.mapping.blocks[b].matrix], one.mapping.blocks[b], config.mapping);
    square += (one.relaxed[b].cast<double>() - target).squaredNorm();
    cells += static_cast<double>(target.size());
  }
  CHECK(one.summary.cells == static_cast<size_t>(cells));
  CHECK(std::sqrt(square / cells) == doctest::Approx(one.summary.relaxed_rms).scale(1e-30).epsilon(1e-5));
}

TEST_CASE("the cache gives back the same die, and its key covers weights, config, seed and number") {
  const TemporaryCache temporary;
  const auto network = small_network();
  ChipConfig config;
  const ProgrammedDie fresh = program_die(network, config, 7, 3, 2, temporary.cache);
  const ProgrammedDie cached = program_die(network, config, 7, 3, 2, temporary.cache);
  CHECK_FALSE(fresh.from_cache);
  CHECK(cached.from_cache);
  for (size_t b = 0; b < fresh.relaxed.size(); ++b) {
    CHECK(fresh.relaxed[b] == cached.relaxed[b]);
    CHECK(fresh.programmed[b] == cached.programmed[b]);
    CHECK(fresh.one_pass[b] == cached.one_pass[b]);
  }
  CHECK(to_json(fresh) == to_json(cached));
  CHECK(programming_levels_csv(fresh.summary) == programming_levels_csv(cached.summary));

  const std::string key = die_key(network, config, 7, 3).hex();
  CHECK(key != die_key(network, config, 8, 3).hex());
  CHECK(key != die_key(network, config, 7, 4).hex());
  auto changed = network;
  changed[1].weights(3, 3) += 1e-3f;
  CHECK(key != die_key(changed, config, 7, 3).hex());
  config.programming.options.passes = 3;
  CHECK(key != die_key(network, config, 7, 3).hex());
  config.programming.options.passes = 1;
  config.mapping.w_max_quantile = 0.9;
  CHECK(key != die_key(network, config, 7, 3).hex());
}

TEST_CASE("bytes that are cut or of another die are refused and change nothing") {
  const auto network = small_network();
  const ProgrammedDie die = program_die(network, ChipConfig{}, 7, 0, 2, no_cache);
  const std::string bytes = die_to_bytes(die);
  ProgrammedDie read;
  read.mapping = die.mapping;
  CHECK(die_from_bytes(bytes, read));
  for (const size_t size : {size_t{0}, size_t{5}, bytes.size() / 2, bytes.size() - 1}) {
    ProgrammedDie untouched;
    untouched.mapping = die.mapping;
    CHECK_FALSE(die_from_bytes(std::string_view(bytes).substr(0, size), untouched));
    CHECK(untouched.relaxed.empty());
  }
  CHECK_FALSE(die_from_bytes(bytes + "x", read));
  ProgrammedDie other;
  other.mapping = map_network(std::vector{network[0]}, ChipConfig{}, die.bad_rows);
  CHECK_FALSE(die_from_bytes(bytes, other));
}
