// The figures of read noise are right on series of known noise; files that are not such series are
// refused.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <zlib.h>

#include <cmath>
#include <filesystem>

#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "core/statistics.hpp"
#include "validation/devices_noise.hpp"
#include "validation/measured_series.hpp"

using namespace mho;
using namespace mho::validation;

namespace {
struct Folder {
  std::string path;
  explicit Folder(const char* name)
      : path((std::filesystem::temp_directory_path() / name).string()) {
    std::filesystem::remove_all(path);
    make_output_folder(path + "/relaxation");
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file() const { return path + "/relaxation/techA_tsdata.min.tsv.gz"; }
};
}  // namespace

TEST_CASE(
    "read noise: without a data folder the section is skipped, with a wrong one it is an error") {
  const Section section = validate_read_noise("", 1, 1);
  CHECK(!section.skipped.empty());
  CHECK(section.missed.empty());
  const Folder folder("mho_noise_test_missing");
  CHECK_THROWS_AS(validate_read_noise(folder.path, 1, 1), IoError);
  write_text_file(folder.file(), "0\t0\t1e-5\t2e-5\n8\t0\t1e-5\n");
  CHECK_THROWS_AS(read_measured_series(folder.file()), ConfigError);
  write_text_file(folder.file(), "0\t0\t1e-5\t2e-5\n8\t0\tx\t1e-5\n");
  try {
    read_measured_series(folder.file());
    FAIL("a word was read as a number");
  } catch (const ConfigError& e) {
    CHECK(e.line == 2);
    CHECK(e.key == "column 3");
  }
  write_text_file(folder.file(), "0\t0\t10\n");
  CHECK_THROWS_AS(read_measured_series(folder.file()), ConfigError);
  write_text_file(folder.file(), "");
  CHECK_THROWS_AS(read_measured_series(folder.file()), IoError);
}

TEST_CASE("read noise: packed series come back, a file cut in the middle is refused") {
  const Folder folder("mho_noise_test_packed");
  std::string text;
  for (int c = 0; c < 2; ++c) {
    text += fmt::format("{}\t0", 8 * c);
    for (int i = 0; i < 5000; ++i) text += fmt::format("\t{:.17g}", 1e-5 * (1 + c) + 1e-9 * i * i);
    text += '\n';
  }
  const gzFile file = gzopen(folder.file().c_str(), "wb");
  REQUIRE(gzwrite(file, text.data(), static_cast<unsigned>(text.size())) > 0);
  gzclose(file);
  const auto series = read_measured_series(folder.file());
  REQUIRE(series.size() == 2);
  CHECK(series[1].range == 8);
  REQUIRE(series[1].conductance.size() == 5000);
  CHECK(series[1].conductance[70] == 2e-5 + 1e-9 * 4900);
  std::filesystem::resize_file(folder.file(), std::filesystem::file_size(folder.file()) / 2);
  CHECK_THROWS_AS(read_measured_series(folder.file()), IoError);
}

TEST_CASE(
    "read noise: level, slope and the law over conductance come back from cells of the model") {
  devices::ReadNoiseParams p;
  p.traps = 0.0;
  p.sigma_ln = 0.0;
  std::vector<NoiseFigures> cells;
  for (const double g : {20e-6, 60e-6, 100e-6, 200e-6}) {
    const auto figures = model_figures(p, g, 60000, 8, 0, 5, 2);
    std::vector<double> level, slope;
    for (const NoiseFigures& f : figures) {
      level.push_back(f.level);
      slope.push_back(f.slope);
      cells.push_back(f);
    }
    CAPTURE(g);
    // 8 records of 14 segments: some 3 % in the level; 7 % of it and 0.03 of the slope are the
    // corner and what sampling folds.
    CHECK(mean(level) == doctest::Approx(devices::median_density(p, g)).scale(1e-30).epsilon(0.12));
    CHECK(mean(slope) == doctest::Approx(-1.0).scale(1e-30).epsilon(0.06));
    CHECK(figures[0].conductance == doctest::Approx(g).scale(1e-30).epsilon(0.1));
  }
  const LevelFit fit = fit_levels(cells, p.g_unit);
  CHECK(fit.power == doctest::Approx(2.0).scale(1e-30).epsilon(0.03));
  CHECK(fit.density == doctest::Approx(1e-5).scale(1e-30).epsilon(0.12));
  CHECK(fit.sigma_ln < 0.15);
}

TEST_CASE("read noise: figures of the model do not depend on the number of threads") {
  const devices::ReadNoiseParams p;
  const auto one = model_figures(p, 30e-6, 9000, 6, 10, 5, 1),
             three = model_figures(p, 30e-6, 9000, 6, 10, 5, 3);
  for (size_t i = 0; i < one.size(); ++i) {
    CHECK(one[i].level == three[i].level);
    CHECK(one[i].spread == three[i].spread);
  }
}
