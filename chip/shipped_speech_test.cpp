// The speech network in examples/: its architecture, its nodes taken literally, and its place on the chip.
#include <doctest/doctest.h>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>
#include <onnx/shape_inference/implementation.h>

#include "chip/mapping.hpp"
#include "chip/naive_onnx.hpp"
#include "chip/network.hpp"
#include "chip/onnx_builder.hpp"
#include "chip/onnx_reader.hpp"
#include "chip/software_engine.hpp"
#include "chip/speech/mfcc.hpp"
#include "core/json_file.hpp"

using namespace mho::chip;

namespace {

const std::string path = MHO_SOURCE_DIR "/examples/speech-lstm.onnx";

// Normal features with the mean and the deviation that the file takes out.
ImageSet likely_features(const OnnxModel& model, size_t count) {
  ImageSet set = random_sequences(50, 40, count, 1);
  for (size_t i = 0; i < set.features.size(); ++i)
    set.features[i] = set.features[i] * model.constants.at("deviation").floats[i % 40] + model.constants.at("mean").floats[i % 40];
  return set;
}

}  // namespace

TEST_CASE("it is four cells 40 to 112 with a dense layer each, with 4-bit signed inputs to every matrix") {
  const Network network = Network::load(path);
  REQUIRE(network.matrices().size() == 12);
  CHECK(network.classes() == 10);
  CHECK(network.macs_per_image() == 4 * (50 * (40 + 112) * 448 + 112 * 10));
  const int rows[] = {40, 112, 112}, columns[] = {448, 448, 10}, positions[] = {50, 50, 1};
  for (size_t m = 0; m < 12; ++m) {
    const MatrixSpec& spec = network.matrices()[m];
    CHECK(spec.weights.rows() == rows[m % 3]);
    CHECK(spec.weights.cols() == columns[m % 3]);
    CHECK(network.positions(m) == positions[m % 3]);
    CHECK(spec.input_bits == 4);
    CHECK(spec.input_signed);
    // One row at full-scale input is enough for the bias.
    CHECK(spec.bias.cwiseAbs().maxCoeff() <= spec.weights.cwiseAbs().maxCoeff() * 7 * spec.input_lsb * 1.0001f);
  }
  CHECK(network.metadata("mho.hidden_bits") == "4");
  CHECK(network.metadata("mho.input") == MfccOptions().summary());  // the features that load_speech makes
}

TEST_CASE("the checker of the ONNX project accepts it and infers the shapes that Network finds") {
  onnx::ModelProto proto;
  REQUIRE(proto.ParseFromString(mho::read_text_file(path)));
  CHECK_NOTHROW(onnx::checker::check_model(proto));
  for (onnx::ValueInfoProto& v : *proto.mutable_graph()->mutable_output()) v.mutable_type()->mutable_tensor_type()->clear_shape();
  onnx::shape_inference::InferShapes(proto, onnx::OpSchemaRegistry::Instance(), onnx::ShapeInferenceOptions(true, 1, false));
  const auto& shape = proto.graph().output(0).type().tensor_type().shape();
  REQUIRE(shape.dim_size() == 2);
  CHECK(shape.dim(1).dim_value() == Network::load(path).classes());
}

TEST_CASE("its outputs are those of its nodes written out") {
  const OnnxModel model = read_onnx(path);
  const Network network(model);
  const ImageSet set = likely_features(model, 5);
  const Eigen::MatrixXf found = logits(network, SoftwareEngine(network.matrices()), set);
  int equal = 0;
  for (size_t i = 0; i < set.size(); ++i) {
    const std::vector<double> expected = NaiveOnnx(model).run({set.sequence(i), set.sequence(i) + set.elements()});
    double worst = 0;
    for (Eigen::Index n = 0; n < found.rows(); ++n)
      worst = std::max(worst, std::abs(expected[static_cast<size_t>(n)] - double(found(n, static_cast<Eigen::Index>(i)))));
    equal += worst < 1e-4 * double(found.cwiseAbs().maxCoeff()) ? 1 : 0;
  }
  // Of 22,400 roundings of each clip one may fall on the other side in single precision, and move what follows by a code.
  CHECK(equal >= 4);
}

TEST_CASE("it fits the 48 cores") {
  const Network network = Network::load(path);
  const ChipConfig config;
  const Mapping mapping = map_network(network.matrices(), config, no_bad_rows(config));
  CHECK(mapping.cores_used() <= 48);
}
