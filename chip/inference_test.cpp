// The whole way: without circuit and programming errors a chip answers as software does; threads change nothing; all weights are counted.
#include "chip/inference.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "chip/onnx_builder.hpp"
#include "chip/software_engine.hpp"

using namespace mho;
using namespace mho::chip;

namespace {

struct Case {
  Network network;
  ImageSet images, training;
};

Case convolutions() {
  OnnxBuilder builder(10, 10, 4);
  builder.conv(1, 6, {3, 3}, {1, 1}, {1, 1, 1, 1}).node("Relu").quantize(2.0f, 3).pool({2, 2}, {2, 2}, {0, 0, 0, 0}, false);
  builder.node("Flatten").dense(150, 7);
  return {Network(builder.model), random_images(10, 10, 60, 3), random_images(10, 10, 40, 5)};
}

// A depthwise convolution with its input added to its output, and an average.
Case residual() {
  OnnxBuilder builder(8, 8, 5);
  const std::string input = builder.conv(1, 4, {3, 3}, {1, 1}, {1, 1, 1, 1}).quantize(2.0f, 3).last();
  builder.conv(1, 4, {3, 3}, {1, 1}, {1, 1, 1, 1});
  builder.model.nodes.back().attributes["group"] = std::int64_t{4};
  builder.node("Add", {input}).quantize(3.0f, 3).node("AveragePool", {}, {{"kernel_shape", OnnxBuilder::Integers{4, 4}}, {"strides", OnnxBuilder::Integers{4, 4}}});
  builder.quantize(1.5f, 4).node("Flatten").dense(16, 7);
  return {Network(builder.model), random_images(8, 8, 60, 3), random_images(8, 8, 40, 5)};
}

Case recurrent() {
  OnnxBuilder builder(1, 1, 6);
  builder.model.inputs = {{"image", {-1, 6, 5}}};
  builder.model.nodes.clear();
  builder.from("image").quantize(2.0f, 4, true).node("Transpose", {}, {{"perm", OnnxBuilder::Integers{1, 0, 2}}});
  builder.node("LSTM", {builder.normal({1, 32, 5}), builder.normal({1, 32, 8}), builder.normal({1, 64})}, {{"hidden_size", std::int64_t{8}}});
  builder.model.nodes.back().outputs = {"", "h"};
  builder.from("h").node("Squeeze", {}, {{"axes", OnnxBuilder::Integers{0}}}).quantize(1.0f, 4, true).dense(8, 7);
  return {Network(builder.model), random_sequences(6, 5, 60, 3), random_sequences(6, 5, 40, 5)};
}

struct Setup {
  Network network;
  ChipConfig config;
  ProgrammedDie die;  // with exact conductances
  ImageSet images, training;

  Setup(Case c, int max_code) : network(std::move(c.network)), images(std::move(c.images)), training(std::move(c.training)) {
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
    return points_of(choose_points_on(network, config, training, ideal_cores(), {}, 2));
  }
};

}  // namespace

TEST_CASE("a chip without errors classifies as software does") {
  for (const auto make : {convolutions, residual, recurrent}) {
    const Setup setup(make(), 16383);
    const auto expected = classify(setup.network, SoftwareEngine(setup.network.matrices()), setup.images, {.threads = 1});
    const ChipInference result = infer(setup.network, setup.config, setup.die, setup.points(), ideal_cores(), setup.images, {.threads = 1});
    REQUIRE(result.classes.size() == expected.size());
    size_t different = 0;
    for (size_t i = 0; i < expected.size(); ++i) different += result.classes[i] != expected[i];
    // An activation at the border of two codes may fall on the other side.
    CHECK(different <= 1);
    CHECK(std::count(expected.begin(), expected.end(), expected[0]) < 60);
  }
}

TEST_CASE("classes and events are the same at any number of threads, and every weight of every position counts") {
  for (const auto make : {convolutions, residual, recurrent}) {
    const Setup setup(make(), 15);
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
}
