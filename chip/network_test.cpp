// Networks agree with a naive interpretation of their ONNX nodes, on any number of threads, and
// refuse what they cannot run.
#include "chip/network.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "chip/onnx_builder.hpp"
#include "chip/software_engine.hpp"
#include "chip/test_networks.hpp"

using namespace mho;
using namespace mho::chip;

namespace {

OnnxBuilder small_network() {
  OnnxBuilder b(9, 8, 3);
  b.conv(1, 3, {3, 3}, {1, 1}, {1, 1, 1, 1})
      .quantize(2.0f, 3)
      .pool({2, 2}, {2, 2}, {0, 0, 0, 0}, true)
      .node("Flatten")
      .dense(60, 4);
  return b;
}

}  // namespace

TEST_CASE("convolutions of any kernel, stride and padding agree with the naive sum") {
  const ImageSet images = random_images(9, 8, 5, 1);
  OnnxBuilder same(9, 8, 11), strided(9, 8, 12), wide(9, 8, 13);
  same.conv(1, 9, {3, 3}, {1, 1}, {1, 1, 1, 1})
      .quantize(3.0f, 3)
      .conv(9, 4, {3, 3}, {1, 1}, {1, 1, 1, 1})
      .quantize(6.0f, 4)
      .node("Flatten")
      .dense(4 * 72, 3);
  CHECK(worst_difference(same.model, images) < float_tolerance);
  strided.conv(1, 5, {2, 3}, {2, 1}, {0, 1, 1, 0})
      .quantize(3.0f, 3)
      .conv(5, 17, {3, 2}, {1, 2}, {2, 0, 0, 1})
      .quantize(8.0f, 2)
      .node("Flatten")
      .dense(17 * 5 * 4, 3);
  CHECK(worst_difference(strided.model, images) < float_tolerance);
  wide.conv(1, 6, {9, 8}, {1, 1}, {0, 0, 0, 0})
      .quantize(5.0f, 5, true)
      .node("Flatten")
      .dense(6, 10);
  CHECK(worst_difference(wide.model, images) < float_tolerance);
}

TEST_CASE(
    "pools agree with the naive maximum, on codes and on floats, with and without ceil_mode") {
  const ImageSet images = random_images(9, 8, 5, 2);
  for (const bool ceil_mode : {false, true}) {
    OnnxBuilder codes(9, 8, 21), floats(9, 8, 22);
    codes.conv(1, 3, {3, 3}, {1, 1}, {1, 1, 1, 1})
        .quantize(3.0f, 3)
        .pool({2, 2}, {2, 2}, {0, 0, 0, 0}, ceil_mode)
        .node("Flatten")
        .dense(ceil_mode ? 60 : 48, 3);
    CHECK(worst_difference(codes.model, images) < float_tolerance);
    floats.conv(1, 3, {3, 3}, {1, 1}, {1, 1, 1, 1})
        .pool({3, 2}, {2, 2}, {1, 0, 1, 0}, ceil_mode)
        .node("Relu")
        .quantize(3.0f, 3)
        .node("Flatten")
        .dense(60, 3);
    CHECK(worst_difference(floats.model, images) < float_tolerance);
  }
}

TEST_CASE("batch normalisation folds into the convolution and the dense layer before it") {
  OnnxBuilder b(9, 8, 31);
  const auto normalisation = [&](int channels) {
    OnnxTensor variance = b.model.constants.at(b.normal({channels}));
    for (float& v : variance.floats) v = v * v + 0.1f;
    const std::string scale = b.normal({channels}), shift = b.normal({channels}),
                      mean = b.normal({channels});
    b.node("BatchNormalization", {scale, shift, mean, b.add(variance)});
  };
  b.conv(1, 5, {3, 3}, {1, 1}, {1, 1, 1, 1});
  normalisation(5);
  b.quantize(2.0f, 3).node("Flatten").dense(5 * 72, 7);
  normalisation(7);
  CHECK(worst_difference(b.model, random_images(9, 8, 5, 3)) < float_tolerance);
  CHECK(Network(b.model).matrices().size() == 2);
  // Not after a Conv or Gemm: refused.
  OnnxBuilder loose(9, 8, 32);
  loose.node("BatchNormalization",
             {loose.normal({1}), loose.normal({1}), loose.normal({1}), loose.number(1.0f)});
  CHECK(contains(message_of(loose.model), "must follow a Conv, Gemm or MatMul"));
}

TEST_CASE("MatMul, Reshape and Constant nodes as other exporters write them") {
  OnnxBuilder b(9, 8, 41);
  b.node("Reshape", {b.add(OnnxTensor::of_integers(ElementType::int64, {2}, {0, -1}))});
  const std::string weights = b.normal({72, 6});
  b.node("MatMul", {weights});
  OnnxModel with_node = b.model;
  with_node.nodes.insert(
      with_node.nodes.begin(),
      {"weights", "Constant", {}, {weights}, {{"value", b.model.constants.at(weights)}}});
  with_node.constants.erase(weights);
  const ImageSet images = random_images(9, 8, 4, 4);
  CHECK(worst_difference(b.model, images) < float_tolerance);
  const Network one(b.model), other(with_node);
  const SoftwareEngine engine(one.matrices());
  CHECK(logits(one, engine, images) == logits(other, engine, images));
}

TEST_CASE("matrices say what a chip needs to know") {
  const OnnxBuilder b = small_network();
  const Network network(b.model);
  REQUIRE(network.matrices().size() == 2);
  const MatrixSpec &conv = network.matrices()[0], &dense = network.matrices()[1];
  CHECK(conv.weights.rows() == 9);
  CHECK(conv.weights.cols() == 3);
  CHECK(conv.input_bits == 3);
  CHECK_FALSE(conv.input_signed);
  CHECK(conv.input_lsb == doctest::Approx(1.0 / 7).scale(1e-30));
  CHECK(network.positions(0) == 72);
  CHECK(dense.weights.rows() == 60);
  CHECK(dense.input_lsb == doctest::Approx(2.0 / 7).scale(1e-30));
  CHECK(network.positions(1) == 1);
  CHECK(network.macs_per_image() == 72 * 27 + 240);
  CHECK(network.parameter_count() == 27 + 3 + 240 + 4);
}

TEST_CASE("outputs do not depend on threads or on which images run together") {
  const OnnxBuilder b = small_network();
  const Network network(b.model);
  const SoftwareEngine engine(network.matrices());
  const ImageSet images = random_images(9, 8, 53, 5);
  const Eigen::MatrixXf one = logits(network, engine, images, {.threads = 1});
  CHECK(one == logits(network, engine, images, {.threads = 2}));
  CHECK(one == logits(network, engine, images, {.threads = 5}));
  CHECK(one.middleCols(7, 20) == logits(network, engine, images.slice(7, 20), {.threads = 1}));
}

TEST_CASE("recorded input codes give the outputs again") {
  const OnnxBuilder b = small_network();
  const Network network(b.model);
  const SoftwareEngine engine(network.matrices());
  const ImageSet images = random_images(9, 8, 37, 6);
  const std::vector<InputCodes> codes = record_input_codes(network, engine, images, {.threads = 2});
  REQUIRE(codes.size() == 2);
  CHECK(codes[0].cols() == 37 * 72);
  CHECK(codes[1].cols() == 37);
  for (const InputCodes& c : codes) {
    CHECK(c.minCoeff() == 0);
    CHECK(c.maxCoeff() == 7);
  }
  Eigen::MatrixXf out;
  engine.multiply(1, codes[1], out);
  CHECK(out == logits(network, engine, images));
}

TEST_CASE("the software engine is a matrix product") {
  const OnnxBuilder b = small_network();
  const MatrixSpec m = Network(b.model).matrices()[1];
  InputCodes codes(60, 11);
  RandomStream random(1, 0, 0, 0, Purpose::test);
  for (auto& c : codes.reshaped()) c = static_cast<std::int8_t>(random.below(8));
  Eigen::MatrixXf out;
  SoftwareEngine({m}).multiply(0, codes, out);
  Eigen::MatrixXd expected = m.weights.cast<double>().transpose() * codes.cast<double>() *
                             static_cast<double>(m.input_lsb);
  expected.colwise() += m.bias.cast<double>();
  CHECK((out.cast<double>() - expected).cwiseAbs().maxCoeff() <
        float_tolerance * expected.cwiseAbs().maxCoeff());
}

TEST_CASE(
    "weight noise has the standard deviation that was asked for and depends on seed and draw") {
  MatrixSpec m{.name = "m",
               .weights = Eigen::MatrixXf::Constant(100, 100, 0.5f),
               .bias = Eigen::VectorXf::Zero(100)};
  const auto noise = [&](double level, std::uint64_t seed, std::uint32_t draw) {
    return Eigen::MatrixXf(with_weight_noise({m}, level, seed, draw)[0].weights - m.weights);
  };
  const double sigma = std::sqrt(static_cast<double>(noise(0.1, 1, 0).squaredNorm()) / 1e4);
  CHECK(sigma == doctest::Approx(0.1 * 0.5).scale(1e-30).epsilon(4.0 / std::sqrt(2e4)));  // 4 standard errors
  CHECK(noise(0.1, 1, 0) == noise(0.1, 1, 0));
  CHECK(noise(0.1, 1, 0) != noise(0.1, 1, 1));
  CHECK(noise(0.1, 1, 0) != noise(0.1, 2, 0));
  CHECK(noise(0.0, 1, 0).isZero(0.0f));
}

TEST_CASE("what cannot be run is refused in one line that names node and operator") {
  OnnxBuilder unknown = small_network();
  unknown.node("Erf");
  CHECK(contains(message_of(unknown.model), "node 'Erf"));
  CHECK(contains(message_of(unknown.model),
                 "operator Erf is not supported; supported: Add, AveragePool, BatchNormalization"));

  OnnxBuilder raw(9, 8, 51);
  raw.model.nodes.clear();
  raw.model.nodes.push_back({"c", "Conv", {"image", raw.normal({2, 1, 3, 3})}, {"y"}, {}});
  raw.model.outputs[0].name = "y";
  CHECK(contains(message_of(raw.model), "node 'c' (Conv): its input is not in integer codes"));

  OnnxBuilder shape(9, 8, 52);
  shape.node("Flatten").dense(71, 3);
  CHECK(contains(message_of(shape.model),
                 "its weights are of shape [3, 71]; expected float [outputs, 72]"));

  OnnxBuilder image(9, 8, 53);
  image.dense(72, 3);
  CHECK(contains(message_of(image.model), "put Flatten before it"));

  OnnxBuilder bits(9, 8, 54);
  bits.conv(1, 2, {3, 3}, {1, 1}, {0, 0, 0, 0}).node("QuantizeLinear", {bits.number(0.1f)});
  CHECK(contains(message_of(bits.model), "gives codes of 0 to 255; at most 7 bits"));

  OnnxBuilder grouped(9, 8, 55);
  grouped.conv(1, 2, {3, 3}, {1, 1}, {0, 0, 0, 0});
  grouped.model.nodes.back().attributes["group"] = std::int64_t{2};
  CHECK(contains(message_of(grouped.model), "attribute 'group'"));

  OnnxBuilder big(9, 8, 56);
  big.conv(1, 2, {10, 3}, {1, 1}, {0, 0, 0, 0});
  CHECK(contains(message_of(big.model), "kernel does not fit"));

  OnnxBuilder missing = small_network();
  missing.model.nodes.back().inputs[0] = "nothing";
  CHECK(contains(message_of(missing.model),
                 "reads 'nothing', which is neither a constant nor the output of an earlier node"));

  OnnxBuilder weights = small_network();
  weights.model.constants.at(weights.model.nodes.back().inputs[1]).floats[3] =
      std::numeric_limits<float>::quiet_NaN();
  CHECK(contains(message_of(weights.model), "a weight or bias is not finite"));

  OnnxBuilder type = small_network();
  type.model.constants.at(type.model.nodes.back().inputs[2]) =
      OnnxTensor::of_integers(ElementType::int64, {4}, {1, 2, 3, 4});
  CHECK(contains(message_of(type.model), "the bias, is not float"));
}

TEST_CASE("images of another size than the network's are refused") {
  const OnnxBuilder b = small_network();
  const Network network(b.model);
  CHECK_THROWS_AS(logits(network, SoftwareEngine(network.matrices()), random_images(8, 8, 2, 7)),
                  ConfigError);
}
