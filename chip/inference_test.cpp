// The whole way: without circuit and programming errors a chip answers as software does; threads change nothing; all weights are counted.
#include "chip/inference.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "chip/onnx_builder.hpp"
#include "chip/software_engine.hpp"

using namespace mho;
using namespace mho::chip;

namespace {

Network small_network() {
  OnnxBuilder builder(10, 10, 4);
  builder.conv(1, 6, {3, 3}, {1, 1}, {1, 1, 1, 1}).node("Relu").quantize(2.0f, 3).pool({2, 2}, {2, 2}, {0, 0, 0, 0}, false);
  builder.node("Flatten").dense(150, 7);
  return Network(builder.model);
}

struct Setup {
  Network network = small_network();
  ChipConfig config;
  ProgrammedDie die;  // with exact conductances
  ImageSet images = random_images(10, 10, 60, 3);

  explicit Setup(int max_code) {
    config.mapping.w_max_quantile = 1.0;
    config.mapping.max_bias_rows = 20;
    config.operating.quantile = 1.0;
    config.operating.max_code = max_code;
    config.operating.v_decrement_min = 1e-6;
    die.bad_rows = draw_bad_rows(config, 1, 0);
    die.mapping = map_network(network.matrices(), config, die.bad_rows);
    die.relaxed = target_conductances(network.matrices(), die.mapping, config.mapping);
  }
  std::vector<solver::OperatingPoint> points() const {
    return points_of(choose_points_on(network, config, random_images(10, 10, 40, 5), ideal_cores(), {}, 2));
  }
};

}  // namespace

TEST_CASE("a chip without errors classifies as software does") {
  const Setup setup(16383);
  const auto expected = classify(setup.network, SoftwareEngine(setup.network.matrices()), setup.images, {.threads = 1});
  const ChipInference result = infer(setup.network, setup.config, setup.die, setup.points(), ideal_cores(), setup.images, {.threads = 1});
  REQUIRE(result.classes.size() == expected.size());
  size_t different = 0;
  for (size_t i = 0; i < expected.size(); ++i) different += result.classes[i] != expected[i];
  // An activation at the border of two codes may fall on the other side.
  CHECK(different <= 1);
  CHECK(std::count(expected.begin(), expected.end(), expected[0]) < 60);
}

TEST_CASE("classes and events are the same at any number of threads, and every weight of every position counts") {
  const Setup setup(15);
  const auto points = setup.points();
  const ChipInference one = infer(setup.network, setup.config, setup.die, points, ideal_cores(), setup.images, {.threads = 1});
  const ChipInference three = infer(setup.network, setup.config, setup.die, points, ideal_cores(), setup.images, {.threads = 3});
  CHECK(one.classes == three.classes);
  CHECK(one.accuracy == three.accuracy);
  double macs = 0;
  for (size_t b = 0; b < one.events.size(); ++b) {
    CHECK(one.events[b].decrements == three.events[b].decrements);
    CHECK(one.events[b].wl_pulses == three.events[b].wl_pulses);
    macs += one.events[b].macs;
  }
  CHECK(macs == static_cast<double>(setup.network.macs_per_image() * setup.images.size()));
}
