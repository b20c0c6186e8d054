// Operators beside those of plain CNNs agree with the naive interpretation of the standard, and refuse what they cannot do.
#include <doctest/doctest.h>

#include "chip/onnx_builder.hpp"
#include "chip/test_networks.hpp"

using namespace mho;
using namespace mho::chip;

namespace {

using Integers = OnnxBuilder::Integers;

OnnxTensor integers(Integers values) {
  const auto size = static_cast<std::int64_t>(values.size());
  return OnnxTensor::of_integers(ElementType::int64, {size}, std::move(values));
}

void normalise(OnnxBuilder& b, int channels) {
  OnnxTensor variance = b.model.constants.at(b.normal({channels}));
  for (float& v : variance.floats) v = v * v + 0.5f;
  const std::string scale = b.normal({channels}), shift = b.normal({channels}), mean = b.normal({channels});
  b.node("BatchNormalization", {scale, shift, mean, b.add(variance)});
}

// One block of a residual network: two 3 × 3 convolutions, and the block's input codes added before the last quantiser; a
// 1 × 1 convolution of stride 2 on that way when the size changes.
void residual_block(OnnxBuilder& b, int channels, int outputs, float clip) {
  const std::string input = b.last();
  const std::int64_t stride = channels == outputs ? 1 : 2;
  b.conv(channels, outputs, {3, 3}, {stride, stride}, {1, 1, 1, 1});
  normalise(b, outputs);
  b.quantize(2.0f, 3).conv(outputs, outputs, {3, 3}, {1, 1}, {1, 1, 1, 1});
  normalise(b, outputs);
  const std::string sum = b.last();
  std::string way = input;
  if (stride == 2) way = b.from(input).conv(channels, outputs, {1, 1}, {2, 2}, {0, 0, 0, 0}).last();
  b.from(sum).node("Add", {way}).quantize(clip, 3);
}

OnnxBuilder residual_network(std::uint64_t seed, const std::string& mean) {
  OnnxBuilder b(8, 8, seed, 3);
  b.conv(3, 4, {3, 3}, {1, 1}, {1, 1, 1, 1});
  normalise(b, 4);
  b.quantize(2.5f, 3);
  residual_block(b, 4, 4, 3.0f);
  residual_block(b, 4, 8, 2.8f);
  residual_block(b, 8, 8, 3.7f);
  if (mean == "AveragePool") {
    b.node("AveragePool", {}, {{"kernel_shape", Integers{4, 4}}, {"strides", Integers{4, 4}}});
  } else if (mean == "ReduceMean") {
    b.node("ReduceMean", {}, {{"axes", Integers{2, 3}}, {"keepdims", std::int64_t{0}}});
  } else {
    b.node(mean);
  }
  b.quantize(1.9f, 5);
  if (mean != "ReduceMean") b.node("Flatten");
  b.dense(8, 10);
  return b;
}

}  // namespace

TEST_CASE("a residual network with batch normalisation, identity and 1 × 1 shortcuts agrees with the naive sum") {
  const ImageSet images = random_images(8, 8, 6, 1, 3);
  for (const std::string mean : {"GlobalAveragePool", "ReduceMean", "AveragePool"}) {
    CAPTURE(mean);
    const OnnxBuilder b = residual_network(101, mean);
    CHECK(worst_difference(b.model, images) < float_tolerance);
    const Network network(b.model);
    CHECK(network.matrices().size() == 9);  // the first, two of each block, a shortcut, the dense layer
    CHECK(network.input().channels == 3);
    const SoftwareEngine engine(network.matrices());
    CHECK(logits(network, engine, images, {.threads = 3}) == logits(network, engine, images, {.threads = 1}));
  }
}

TEST_CASE("average pools: padding counted or not, windows over the end, on codes and on floats") {
  const ImageSet images = random_images(9, 8, 5, 2);
  for (const std::int64_t counted : {0, 1}) {
    for (const std::int64_t ceil_mode : {0, 1}) {
      for (const bool codes : {false, true}) {
        OnnxBuilder b(9, 8, 111);
        b.conv(1, 3, {3, 3}, {1, 1}, {1, 1, 1, 1});
        if (codes) b.quantize(3.0f, 3, true);
        b.node("AveragePool", {},
               {{"kernel_shape", Integers{3, 2}},
                {"strides", Integers{2, 3}},
                {"pads", Integers{1, 0, 0, 1}},
                {"ceil_mode", ceil_mode},
                {"count_include_pad", counted}});
        b.quantize(1.7f, 4, true).node("Flatten").dense(3 * (ceil_mode ? 5 : 4) * 3, 3);
        CAPTURE(counted);
        CAPTURE(ceil_mode);
        CAPTURE(codes);
        CHECK(worst_difference(b.model, images) < float_tolerance);
      }
    }
  }
}

TEST_CASE("the mean of one value everywhere is that value, and bounds of a mean are those of its input") {
  OnnxBuilder b(6, 6, 112);
  b.node("GlobalAveragePool").quantize(1.0f, 4).node("Flatten").dense(1, 2);
  ImageSet white{.height = 6, .width = 6, .pixels = std::vector<std::uint8_t>(36, 255), .labels = {0}, .source = "white"};
  const Network network(b.model);
  const auto codes = record_input_codes(network, SoftwareEngine(network.matrices()), white);
  CHECK(codes[0](0, 0) == 15);
  OnnxBuilder unclipped(6, 6, 113);  // 0 … 1 without a Clip: 15 codes of 1 / 15
  const std::string zero = unclipped.add(OnnxTensor::of_integers(ElementType::uint8, {}, {0}));
  unclipped.node("GlobalAveragePool").node("QuantizeLinear", {unclipped.number(1.0f / 15), zero});
  unclipped.node("DequantizeLinear", {unclipped.number(1.0f / 15), zero}).node("Flatten").dense(1, 2);
  CHECK(Network(unclipped.model).matrices()[0].input_bits == 4);
}

TEST_CASE("the same node in older and newer operator sets: limits of Clip, axes of ReduceMean") {
  const auto build = [](bool newer) {
    OnnxBuilder b(9, 8, 114);
    b.conv(1, 3, {3, 3}, {1, 1}, {1, 1, 1, 1});
    newer ? b.node("Clip", {b.number(-0.5f), b.number(1.5f)}) : b.node("Clip", {}, {{"min", -0.5f}, {"max", 1.5f}});
    newer ? b.node("ReduceMean", {b.add(integers({-1, -2}))}) : b.node("ReduceMean", {}, {{"axes", Integers{2, 3}}});
    b.quantize(1.0f, 5, true).node("Flatten");
    b.model.nodes.push_back({"dense", "Gemm", {b.last(), "w"}, {"y"}, {}});
    b.model.constants["w"] = OnnxTensor::of_floats({3, 2}, {1, 2, 3, 4, 5, 6});
    b.model.outputs[0].name = "y";
    return b.model;
  };
  const ImageSet images = random_images(9, 8, 5, 10);
  CHECK(worst_difference(build(true), images) < float_tolerance);
  const Network older(build(false)), newer(build(true));
  CHECK(logits(older, SoftwareEngine(older.matrices()), images) == logits(newer, SoftwareEngine(newer.matrices()), images));
}

TEST_CASE("groups of a convolution are matrices of their own; depthwise too") {
  const ImageSet images = random_images(9, 8, 5, 3);
  for (const int groups : {2, 6}) {
    OnnxBuilder b(9, 8, 121);
    b.conv(1, 6, {3, 3}, {1, 1}, {1, 1, 1, 1}).quantize(3.0f, 3);
    b.conv(6 / groups, 12, {3, 2}, {2, 1}, {1, 1, 0, 0});
    b.model.nodes.back().attributes["group"] = std::int64_t{groups};
    b.quantize(3.0f, 3).node("Flatten").dense(12 * 4 * 8, 3);
    CHECK(worst_difference(b.model, images) < float_tolerance);
    const Network network(b.model);
    REQUIRE(network.matrices().size() == static_cast<size_t>(groups) + 2);
    CHECK(network.matrices()[2].name.find("/group1") != std::string::npos);
    CHECK(network.matrices()[2].weights.rows() == 6 * 6 / groups);
    CHECK(network.matrices()[2].weights.cols() == 12 / groups);
    CHECK(network.positions(2) == 4 * 8);
    const auto codes = record_input_codes(network, SoftwareEngine(network.matrices()), images);
    CHECK(codes[2].cols() == 5 * 32);
    CHECK(codes[2].maxCoeff() > 0);
  }
}

TEST_CASE("sigmoid, tanh, softmax, dropout and identity") {
  const ImageSet images = random_images(9, 8, 5, 4);
  OnnxBuilder b(9, 8, 131);
  b.conv(1, 4, {3, 3}, {2, 2}, {1, 1, 1, 1}).node("Sigmoid");
  const std::string zero = b.add(OnnxTensor::of_integers(ElementType::uint8, {}, {0}));
  // A sigmoid lies within 0 … 1, so that no Clip is needed for 3 bits.
  b.node("QuantizeLinear", {b.number(1.0f / 7), zero}).node("DequantizeLinear", {b.number(1.0f / 7), zero});
  b.node("Dropout").node("Identity").node("Flatten").dense(4 * 5 * 4, 6).node("Tanh");
  b.quantize(1.0f, 5, true).dense(6, 5).node("Softmax", {}, {{"axis", std::int64_t{-1}}});
  CHECK(worst_difference(b.model, images) < float_tolerance);
  const Network network(b.model);
  const SoftwareEngine engine(network.matrices());
  CHECK(network.matrices()[1].input_bits == 3);
  const Eigen::MatrixXf out = logits(network, engine, images);
  for (const float sum : out.colwise().sum()) CHECK(sum == doctest::Approx(1.0).epsilon(1e-6));
}

TEST_CASE("a constant added behind Gemm, MatMul and Conv is their bias, on whichever side it stands") {
  const ImageSet images = random_images(9, 8, 5, 5);
  OnnxBuilder b(9, 8, 141);
  b.conv(1, 4, {3, 3}, {2, 2}, {1, 1, 1, 1}).node("Add", {b.normal({1, 4, 1, 1})}).quantize(2.0f, 3).node("Flatten");
  b.dense(80, 6);
  b.model.nodes.back().attributes["beta"] = 0.5f;
  OnnxModel& model = b.model;
  for (float& bias : model.constants.at(model.nodes.back().inputs[2]).floats) bias *= 2;  // the naive sum knows no beta
  OnnxModel plain = model;
  b.node("Add", {b.normal({6})}).quantize(20.0f, 6, true).node("MatMul", {b.normal({6, 5})}).node("Add", {b.normal({5})});
  std::swap(b.model.nodes.back().inputs[0], b.model.nodes.back().inputs[1]);  // as torch writes it
  const Network network(b.model);
  CHECK(network.matrices().size() == 3);
  for (const MatrixSpec& m : network.matrices()) CHECK_FALSE(m.bias.isZero());
  OnnxModel naive = b.model;  // halves what beta halves
  for (OnnxNode& node : naive.nodes)
    if (node.attributes.contains("beta"))
      for (float& bias : naive.constants.at(node.inputs[2]).floats) bias *= 0.5f;
  const Eigen::MatrixXf found = logits(network, SoftwareEngine(network.matrices()), images);
  const std::vector<double> expected = NaiveOnnx(naive).run(onnx_order(images, 2));
  for (Eigen::Index n = 0; n < 5; ++n)
    CHECK(double(found(n, 2)) == doctest::Approx(expected[static_cast<size_t>(n)]).epsilon(float_tolerance));
}

TEST_CASE("constants added, subtracted, multiplied and divided, one or one for each channel, on either side") {
  const ImageSet images = random_images(5, 4, 5, 6, 3);
  OnnxBuilder b(5, 4, 151, 3);
  b.model.nodes.clear();
  b.from("image").node("Sub", {b.normal({3, 1, 1})}).node("Div", {b.number(0.7f)}).node("Mul", {b.normal({1, 3, 1, 1})});
  b.node("Sub", {b.number(0.25f)});
  std::swap(b.model.nodes.back().inputs[0], b.model.nodes.back().inputs[1]);
  b.quantize(1.5f, 5, true).conv(3, 2, {5, 4}, {1, 1}, {0, 0, 0, 0});
  const std::string sum = b.last();
  b.node("Tanh").node("Sub", {sum}).node("Add", {b.number(0.5f)});
  CHECK(worst_difference(b.model, images) < float_tolerance);
}

TEST_CASE("a value that several nodes read is kept for all of them") {
  const ImageSet images = random_images(9, 8, 5, 7);
  OnnxBuilder b(9, 8, 161);
  b.conv(1, 3, {3, 3}, {1, 1}, {1, 1, 1, 1}).quantize(2.0f, 3);
  const std::string shared = b.last();
  const std::string left = b.conv(3, 3, {3, 3}, {1, 1}, {1, 1, 1, 1}).last();
  const std::string right = b.from(shared).pool({3, 3}, {1, 1}, {1, 1, 1, 1}, false).last();  // codes that share no data
  b.from(left).node("Add", {right}).node("Add", {shared}).node("Add", {left}).quantize(9.0f, 4).node("Flatten").dense(216, 4);
  CHECK(worst_difference(b.model, images) < float_tolerance);
}

TEST_CASE("a constant that two nodes share through Identity, weights in Constant nodes before a batch normalisation") {
  OnnxBuilder b(9, 8, 171);
  b.conv(1, 5, {3, 3}, {1, 1}, {1, 1, 1, 1});
  normalise(b, 5);
  b.quantize(2.0f, 3).node("Flatten").dense(5 * 72, 7);
  OnnxModel model = b.model;
  const size_t norm = 4;
  REQUIRE(model.nodes[norm].type == "BatchNormalization");
  const std::string weights = model.nodes[3].inputs[1], shift = model.nodes[norm].inputs[2];
  model.nodes[norm].inputs[2] = "shared";
  model.nodes.insert(model.nodes.begin(), {"shared", "Identity", {shift}, {"shared"}, {}});
  model.nodes.insert(model.nodes.begin(), {"w", "Constant", {}, {weights}, {{"value", model.constants.at(weights)}}});
  model.constants.erase(weights);
  const Network one(b.model), other(model);
  const ImageSet images = random_images(9, 8, 4, 8);
  const SoftwareEngine engine(one.matrices());
  CHECK(logits(one, engine, images) == logits(other, SoftwareEngine(other.matrices()), images));
}

TEST_CASE("a shape that nodes compute from the number of images, as x.view(x.size(0), -1) is exported") {
  OnnxBuilder b(9, 8, 191);
  b.conv(1, 2, {3, 3}, {1, 1}, {1, 1, 1, 1}).quantize(2.0f, 3);
  const std::string image = b.last();
  OnnxModel model = b.node("Reshape", {"sizes"}).dense(144, 3).model;
  model.constants["first"] = OnnxTensor::of_integers(ElementType::int64, {}, {0});
  model.constants["rest"] = OnnxTensor::of_integers(ElementType::int64, {}, {-1});
  model.constants["axes"] = integers({0});
  const std::vector<OnnxNode> chain{{"s", "Shape", {image}, {"shape"}, {}},
                                    {"g", "Gather", {"shape", "first"}, {"count"}, {{"axis", std::int64_t{0}}}},
                                    {"u", "Unsqueeze", {"count", "axes"}, {"counts"}, {}},
                                    {"v", "Unsqueeze", {"rest", "axes"}, {"rests"}, {}},
                                    {"k", "Concat", {"counts", "rests"}, {"sizes"}, {{"axis", std::int64_t{0}}}}};
  model.nodes.insert(model.nodes.end() - 2, chain.begin(), chain.end());
  OnnxBuilder flat(9, 8, 191);
  flat.conv(1, 2, {3, 3}, {1, 1}, {1, 1, 1, 1}).quantize(2.0f, 3).node("Flatten").dense(144, 3);
  const ImageSet images = random_images(9, 8, 5, 9);
  const Network one(flat.model), other(model);
  CHECK(logits(one, SoftwareEngine(one.matrices()), images) == logits(other, SoftwareEngine(other.matrices()), images));
  model.constants["first"].integers[0] = 1;  // the number of channels, which a copy of 0 would not give
  CHECK(contains(message_of(model), "node 's': operator Shape is not supported"));
}

TEST_CASE("what these operators cannot do ends in one line that names node and operator") {
  const auto start = [] {
    OnnxBuilder b(9, 8, 181);
    b.conv(1, 4, {3, 3}, {1, 1}, {1, 1, 1, 1});
    return b;
  };
  OnnxBuilder shapes = start();
  const std::string wide = shapes.last();
  shapes.pool({2, 2}, {2, 2}, {0, 0, 0, 0}, false).node("Add", {wide});
  CHECK(contains(message_of(shapes.model), "(Add): its inputs are images × 4 × 4 × 4 and images × 4 × 9 × 8; two computed values"));

  OnnxBuilder constant = start();
  constant.node("Relu").node("Add", {constant.normal({4})});
  CHECK(contains(message_of(constant.model), "(Add): its constant of shape [4] does not fit an input of images × 4 × 9 × 8"));

  OnnxBuilder product = start();
  product.node("Mul", {product.last()});
  CHECK(contains(message_of(product.model), "(Mul): acts on two computed values; one must be a constant"));

  OnnxBuilder zero = start();
  zero.node("Div", {zero.number(0.0f)});
  CHECK(contains(message_of(zero.model), "(Div): its constant holds a value that is not finite, or divides by 0"));

  OnnxBuilder reduce = start();
  reduce.node("ReduceMean", {}, {{"axes", Integers{1}}});
  CHECK(contains(message_of(reduce.model), "(ReduceMean): takes the mean of images × 4 × 9 × 8 over its axes [1]"));
  OnnxBuilder reduce_out = start();
  reduce_out.node("ReduceMean", {}, {{"axes", Integers{4}}});
  CHECK(contains(message_of(reduce_out.model), "(ReduceMean): axis 4 is not one of"));

  OnnxBuilder softmax = start();
  softmax.node("Softmax", {}, {{"axis", std::int64_t{1}}});
  CHECK(contains(message_of(softmax.model), "(Softmax): acts on axis 1 of images × 4 × 9 × 8"));

  OnnxBuilder pool = start();
  pool.node("AveragePool");
  CHECK(contains(message_of(pool.model), "(AveragePool): attribute 'kernel_shape' = []; expected 2 numbers"));
  OnnxBuilder flat = start();
  flat.node("Flatten").node("GlobalAveragePool");
  CHECK(contains(message_of(flat.model), "(GlobalAveragePool): its input is images × 288; expected images"));

  OnnxBuilder groups = start();
  groups.quantize(2.0f, 3).conv(4, 6, {3, 3}, {1, 1}, {1, 1, 1, 1});
  groups.model.nodes.back().attributes["group"] = std::int64_t{3};
  CHECK(contains(message_of(groups.model), "(Conv): attribute 'group' = 3 does not divide its 4 input channels"));
  groups.model.nodes.back().attributes["group"] = std::int64_t{4};
  CHECK(contains(message_of(groups.model), "expected float [a multiple of 4 outputs, 1, kernel height, kernel width]"));

  OnnxBuilder training = start();
  training.node("Dropout", {training.number(0.5f), training.add(integers({1}))});
  CHECK(contains(message_of(training.model), "(Dropout): is in training mode"));

  OnnxBuilder bare = start();
  bare.node("Clip", {bare.number(0), bare.number(1)});
  bare.node("QuantizeLinear", {bare.number(1.0f / 7), bare.add(OnnxTensor::of_integers(ElementType::uint8, {}, {0}))}).node("Relu");
  CHECK(contains(message_of(bare.model), "(Relu): its input is in bare codes; put DequantizeLinear before it"));

  OnnxBuilder mask = start();
  mask.node("Dropout");
  mask.model.nodes.back().outputs.push_back("mask");
  mask.quantize(1.0f, 3).node("Flatten").dense(288, 2);
  CHECK(message_of(mask.model) == "no error");
  mask.from("mask").node("Relu");
  CHECK(contains(message_of(mask.model), "(Dropout): its output 'mask' is read; only the first is supported"));
}
