// The network in examples/: its architecture, its accuracy on the images beside it, and agreement
// with its ONNX nodes taken literally.
#include <doctest/doctest.h>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>

#include <cmath>

#include "chip/naive_onnx.hpp"
#include "chip/network.hpp"
#include "chip/onnx_reader.hpp"
#include "chip/software_engine.hpp"
#include "core/json_file.hpp"

using namespace mho::chip;

namespace {
const std::string path = MHO_SOURCE_DIR "/examples/mnist-cnn7.onnx";
const std::string data = MHO_SOURCE_DIR "/examples/data";
}  // namespace

TEST_CASE("it is the 7-layer CNN of the chip's paper, with 3-bit unsigned inputs to every matrix") {
  const Network network = Network::load(path);
  CHECK(network.matrices().size() == 7);
  CHECK(network.parameter_count() + 6 == 23176);  // weights, biases and 6 clip levels
  CHECK(network.macs_per_image() == 1867904);
  const int positions[] = {784, 784, 196, 196, 49, 49, 1}, rows[] = {9, 72, 72, 144, 144, 288, 512};
  for (size_t m = 0; m < 7; ++m) {
    CHECK(network.positions(m) == positions[m]);
    CHECK(network.matrices()[m].weights.rows() == rows[m]);
    CHECK(network.matrices()[m].input_bits == 3);
    CHECK_FALSE(network.matrices()[m].input_signed);
    // One row at full-scale input is enough for the bias.
    const float row =
        network.matrices()[m].weights.cwiseAbs().maxCoeff() * 7 * network.matrices()[m].input_lsb;
    CHECK(network.matrices()[m].bias.cwiseAbs().maxCoeff() <= row * 1.0001f);
  }
}

TEST_CASE("the checker of the ONNX project accepts it and infers the shapes that Network finds") {
  onnx::ModelProto proto;
  REQUIRE(proto.ParseFromString(mho::read_text_file(path)));
  CHECK_NOTHROW(onnx::checker::check_model(proto));
  for (onnx::ValueInfoProto& v : *proto.mutable_graph()->mutable_output())
    v.mutable_type()->mutable_tensor_type()->clear_shape();
  onnx::shape_inference::InferShapes(proto, onnx::OpSchemaRegistry::Instance(),
                                     onnx::ShapeInferenceOptions(true, 1, false));
  const auto& shape = proto.graph().output(0).type().tensor_type().shape();
  REQUIRE(shape.dim_size() == 2);
  CHECK(shape.dim(1).dim_value() == Network::load(path).classes());
}

TEST_CASE("the checker accepts the Boltzmann machine too: 794 visible units in and out, its file below 2 MB") {
  const std::string text = mho::read_text_file(MHO_SOURCE_DIR "/examples/mnist-rbm.onnx");
  CHECK(text.size() < 2000000);
  onnx::ModelProto proto;
  REQUIRE(proto.ParseFromString(text));
  CHECK_NOTHROW(onnx::checker::check_model(proto));
  for (onnx::ValueInfoProto& v : *proto.mutable_graph()->mutable_output())
    v.mutable_type()->mutable_tensor_type()->clear_shape();
  onnx::shape_inference::InferShapes(proto, onnx::OpSchemaRegistry::Instance(),
                                     onnx::ShapeInferenceOptions(true, 1, false));
  CHECK(proto.graph().output(0).type().tensor_type().shape().dim(1).dim_value() == 794);
}

TEST_CASE("it reads the 1,000 shipped test images, also with noise on its weights") {
  const Network network = Network::load(path);
  const ImageSet images = load_mnist(data, Split::test);
  CHECK(accuracy(classify(network, SoftwareEngine(network.matrices()), images), images) >= 0.987);
  const SoftwareEngine noisy(with_weight_noise(network.matrices(), 0.1, 1, 0));
  CHECK(accuracy(classify(network, noisy, images), images) >= 0.98);
}

TEST_CASE("it does what its ONNX nodes say") {
  const OnnxModel model = read_onnx(path);
  const Network network(model);
  const ImageSet images = load_mnist(data, Split::test).slice(0, 20);
  const Eigen::MatrixXf found = logits(network, SoftwareEngine(network.matrices()), images);
  const NaiveOnnx naive(model);
  // Activations within float rounding of a decision may fall on its other side in double; one code
  // of one activation moves a logit by up to some percent, so nearly all images agree to rounding
  // and the classes of all agree.
  int exact = 0;
  for (size_t i = 0; i < images.size(); ++i) {
    std::vector<double> image(images.image(i), images.image(i) + 784);
    for (double& p : image) p /= 255.0;
    const std::vector<double> values = naive.run(image);
    const Eigen::VectorXd expected = Eigen::Map<const Eigen::VectorXd>(values.data(), 10);
    const Eigen::VectorXd got = found.col(static_cast<Eigen::Index>(i)).cast<double>();
    exact += (expected - got).cwiseAbs().maxCoeff() < 1e-5 * expected.cwiseAbs().maxCoeff() ? 1 : 0;
    Eigen::Index expected_class = 0, got_class = 0;
    expected.maxCoeff(&expected_class);
    got.maxCoeff(&got_class);
    CHECK(expected_class == got_class);
  }
  CHECK(exact >= 18);
}
