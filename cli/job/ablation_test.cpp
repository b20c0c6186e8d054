// Laws of the ablation on the shipped excerpt: every effect has its two rows, none at all is software up to the ADC, intervals hold what was observed, a second run takes all from the cache.
#include "cli/job/ablation.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "chip/onnx_builder.hpp"
#include "chip/onnx_writer.hpp"
#include "cli/scratch.hpp"
#include "core/errors.hpp"
#include "solver/test_models.hpp"

using namespace mho;
using namespace mho::job;

namespace {

// A small network of random weights on handwritten digits, and a neuron that needs no ngspice.
struct Setup : test::ScratchFolder {
  JobConfig config;
  validation::Calibration calibration;

  Setup() {
    setenv("MHO_CACHE_DIR", (folder / "cache").c_str(), 1);
    chip::OnnxBuilder builder(28, 28, 7);
    builder.pool({4, 4}, {4, 4}, {0, 0, 0, 0}, false).node("Flatten").dense(49, 10);
    chip::write_onnx(builder.model, path("small.onnx"));
    config = load_job(fmt::format("{}/examples/mnist.toml", MHO_SOURCE_DIR),
                      {"infer.images=24", "infer.dies=2", "data.training_images=20", "program.passes_beside=0", "mapping.w_max_quantile=1", "mapping.max_bias_rows=20"});
    config.network = path("small.onnx");
    config.threads = 2;
    calibration.neuron = solver::test::default_model();
  }
};

}  // namespace

TEST_CASE("every effect has its rows, and without any the chip answers as software does") {
  const Setup setup;
  const Ablation a = ablate(setup.config, {.cache = true, .progress = false}, setup.calibration);
  CHECK(a.images == 24);
  CHECK(a.dies == 2);
  REQUIRE(a.rows.size() == chip::effect_switches.size());
  for (size_t n = 0; n < a.rows.size(); ++n) {
    const AblationRow& r = a.rows[n];
    CAPTURE(r.key);
    CHECK(r.key == chip::effect_switches[n].key);
    CHECK(r.alone_cost.mean == doctest::Approx(r.alone - a.none));
    CHECK(r.left_out_gain.mean == doctest::Approx(r.left_out - a.all));
    for (const PairedDifference& d : {r.alone_cost, r.left_out_gain}) {
      CHECK(d.low < d.mean);
      CHECK(d.mean < d.high);
    }
  }
  CHECK(a.none == doctest::Approx(a.software).epsilon(1e-12));       // the ADC is one of the effects
  CHECK(a.rows.front().alone_cost.mean == 0.0);                      // bad rows move weights elsewhere, no more
  CHECK(std::abs(a.rows.back().alone_cost.mean) <= 0.1);             // 63 codes a sign
  for (const std::string& text : {ablation_csv(a), ablation_table(a)}) CHECK(std::count(text.begin(), text.end(), '\n') >= static_cast<std::ptrdiff_t>(1 + a.rows.size()));
  CHECK(ablation_json(a)["rows"].size() == a.rows.size());

  // A second run finds everything in the cache: it writes nothing there, and says the same.
  const auto written = [&] {
    std::map<std::string, std::filesystem::file_time_type> times;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(setup.folder / "cache"))
      if (entry.is_regular_file()) times[entry.path().string()] = entry.last_write_time();
    return times;
  };
  const auto before = written();
  CHECK(before.size() > 2 * a.rows.size());
  const Ablation again = ablate(setup.config, {.cache = true, .progress = false}, setup.calibration);
  CHECK(ablation_csv(again) == ablation_csv(a));
  CHECK(written() == before);
}

TEST_CASE("ideal cores have the effects of cells, mapping and resolution only") {
  Setup setup;
  setup.config.core = CoreKind::ideal;
  const Ablation a = ablate(setup.config, {.cache = true, .progress = false});
  CHECK(a.rows.size() == 4);
  CHECK(a.none == doctest::Approx(a.software).epsilon(1e-12));
}

TEST_CASE("paired differences: as observed, zero and still uncertain where nothing changes, narrower with more images") {
  const auto classes = [](size_t right, size_t of) {
    std::vector<std::vector<int>> c(1, std::vector<int>(of, 1));
    std::fill_n(c[0].begin(), right, 0);
    return c;
  };
  const std::vector<std::uint8_t> labels(100, 0), more(400, 0);
  const PairedDifference same = paired_difference(classes(90, 100), classes(90, 100), labels);
  CHECK(same.mean == 0.0);
  CHECK(same.high == doctest::Approx(1.96 / 102));
  CHECK(same.low == doctest::Approx(-same.high));
  const PairedDifference lower = paired_difference(classes(80, 100), classes(90, 100), labels);
  CHECK(lower.mean == doctest::Approx(-0.1));
  // Agresti and Min: b = 10, c = 0, n = 100.
  CHECK(lower.high - lower.low == doctest::Approx(2 * 1.96 * std::sqrt(11.0 - 100.0 / 102) / 102));
  const PairedDifference many = paired_difference(classes(320, 400), classes(360, 400), more);
  CHECK(many.high - many.low < 0.6 * (lower.high - lower.low));
  // Two dies that are wrong on the same images say no more than one.
  const auto twice = [&](std::vector<std::vector<int>> c) { return c.push_back(c[0]), c; };
  const PairedDifference dies = paired_difference(twice(classes(80, 100)), twice(classes(90, 100)), labels);
  CHECK(dies.low == doctest::Approx(lower.low));
  CHECK_THROWS_AS(paired_difference({}, {}, labels), Error);
}
