// The residual network in examples/: its architecture, its nodes taken literally, and its place on the chip.
#include <doctest/doctest.h>
#include <onnx/checker.h>
#include <onnx/onnx_pb.h>

#include "chip/die.hpp"
#include "chip/network.hpp"
#include "chip/onnx_builder.hpp"
#include "chip/onnx_reader.hpp"
#include "chip/test_networks.hpp"
#include "core/json_file.hpp"

using namespace mho::chip;

namespace {

const std::string path = MHO_SOURCE_DIR "/examples/cifar10-resnet20.onnx";

}  // namespace

TEST_CASE("it is ResNet-20: 19 convolutions of 3 × 3, two of 1 × 1 beside them, a dense layer; a 4-bit image, 3-bit activations") {
  const Network network = Network::load(path);
  REQUIRE(network.matrices().size() == 22);
  CHECK(network.classes() == 10);
  CHECK(network.macs_per_image() == 40813184);
  size_t small = 0;
  for (size_t m = 0; m < 22; ++m) {
    const MatrixSpec& spec = network.matrices()[m];
    CHECK(spec.input_bits == (m == 0 || m == 21 ? 4 : 3));
    CHECK_FALSE(spec.input_signed);
    small += spec.weights.rows() < 33 && m > 0 ? 1 : 0;
  }
  CHECK(small == 2);
}

TEST_CASE("the checker of the ONNX project accepts it, and its nodes taken literally give the same outputs") {
  onnx::ModelProto proto;
  REQUIRE(proto.ParseFromString(mho::read_text_file(path)));
  CHECK_NOTHROW(onnx::checker::check_model(proto));
  // Of 190,000 roundings of an image a few fall on the other side in single precision, and each moves what follows by a code.
  CHECK(worst_difference(read_onnx(path), random_images(32, 32, 2, 5, 3)) < 0.05);
}

TEST_CASE("it fits the 48 cores of dies with bad rows, with the paper's 66 blocks") {
  const Network network = Network::load(path);
  ChipConfig config;
  config.mapping.scale = WeightScale::column;
  for (std::uint32_t die = 0; die < 5; ++die) {
    const Mapping mapping = map_network(network.matrices(), config, draw_bad_rows(config, 1, die));
    CHECK(mapping.blocks.size() == 66);
    CHECK(mapping.cores_used() == 48);
  }
}
