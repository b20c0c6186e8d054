// LSTM cells as exporters write them agree with the gates written out one by one, and with closed forms.
#include <doctest/doctest.h>

#include "chip/onnx_builder.hpp"
#include "chip/test_networks.hpp"

using namespace mho;
using namespace mho::chip;

namespace {

using Integers = OnnxBuilder::Integers;

constexpr int frames = 7, channels = 5;

OnnxBuilder sequences(std::uint64_t seed) {
  OnnxBuilder b(1, 1, seed);
  b.model.inputs = {{"image", {-1, frames, channels}}};
  b.model.nodes.clear();
  b.from("image").quantize(2.0f, 4, true);
  return b;
}

std::string index(OnnxBuilder& b, Integers values) {
  const auto size = static_cast<std::int64_t>(values.size());
  return b.add(OnnxTensor::of_integers(ElementType::int64, {size}, std::move(values)));
}
std::string scalar_index(OnnxBuilder& b, std::int64_t value) { return b.add(OnnxTensor::of_integers(ElementType::int64, {}, {value})); }

// nn.LSTM with batch_first: what torch.onnx.export writes up to the three outputs; last() is Y.
OnnxBuilder& lstm(OnnxBuilder& b, int inputs, int hidden, bool states = true) {
  b.node("Transpose", {}, {{"perm", Integers{1, 0, 2}}});
  std::vector<std::string> constants{b.normal({1, 4 * hidden, inputs}), b.normal({1, 4 * hidden, hidden}), b.normal({1, 8 * hidden})};
  if (states) {
    const std::string zeros = b.add(OnnxTensor::of_floats({1, 1, hidden}, std::vector<float>(static_cast<size_t>(hidden), 0.0f)));
    constants.insert(constants.end(), {"", zeros, zeros});
  }
  b.node("LSTM", constants, {{"hidden_size", std::int64_t{hidden}}});
  OnnxNode& node = b.model.nodes.back();
  node.outputs = {node.name + "_out", node.name + "_h", node.name + "_c"};
  return b;
}

// The last frame of Y, as out[:, -1] gives it.
OnnxBuilder& last_frame(OnnxBuilder& b) {
  b.node("Squeeze", {index(b, {1})}).node("Transpose", {}, {{"perm", Integers{1, 0, 2}}});
  return b.node("Gather", {scalar_index(b, -1)}, {{"axis", std::int64_t{1}}});
}

OnnxBuilder one_cell(std::uint64_t seed) {
  OnnxBuilder b = sequences(seed);
  last_frame(lstm(b, channels, 6)).quantize(1.0f, 4, true).dense(6, 3);
  return b;
}

}  // namespace

TEST_CASE("a cell agrees with its gates written out, by Y and by Y_h, states given or not") {
  const ImageSet set = random_sequences(frames, channels, 20, 1);
  const OnnxBuilder y = one_cell(11);
  CHECK(worst_difference(y.model, set) < float_tolerance);

  OnnxBuilder h = sequences(11);
  lstm(h, channels, 6, false);
  h.from(h.model.nodes.back().outputs[1]).node("Squeeze", {}, {{"axes", Integers{0}}}).quantize(1.0f, 4, true).dense(6, 3);
  CHECK(worst_difference(h.model, set) < float_tolerance);
  const Network a(y.model), b(h.model);
  CHECK(logits(a, SoftwareEngine(a.matrices()), set) == logits(b, SoftwareEngine(b.matrices()), set));

  OnnxBuilder first = sequences(11);  // h_n[-1], and only that output named
  lstm(first, channels, 6);
  OnnxNode& node = first.model.nodes.back();
  const std::string h_n = node.outputs[1];
  node.outputs = {"", h_n};
  first.from(h_n).node("Gather", {scalar_index(first, -1)}, {{"axis", std::int64_t{0}}}).quantize(1.0f, 4, true).dense(6, 3);
  const Network c(first.model);
  CHECK(logits(a, SoftwareEngine(a.matrices()), set) == logits(c, SoftwareEngine(c.matrices()), set));
}

TEST_CASE("every frame's output may be used: a dense layer on each, their mean") {
  const ImageSet set = random_sequences(frames, channels, 20, 2);
  OnnxBuilder b = sequences(12);
  lstm(b, channels, 6).node("Squeeze", {}, {{"axes", Integers{1}}}).node("Transpose", {}, {{"perm", Integers{1, 0, 2}}});
  b.quantize(1.0f, 4, true).node("MatMul", {b.normal({6, 4})}).node("Add", {b.normal({4})});
  b.node("ReduceMean", {}, {{"axes", Integers{1}}, {"keepdims", std::int64_t{0}}});
  CHECK(worst_difference(b.model, set) < float_tolerance);
  const Network network(b.model);
  CHECK(network.positions(2) == frames);
}

TEST_CASE("two layers, input in the order of frames first") {
  const ImageSet set = random_sequences(frames, channels, 20, 3);
  OnnxBuilder b = sequences(13);
  lstm(b, channels, 6).node("Squeeze", {}, {{"axes", Integers{1}}}).quantize(1.0f, 4, true).node("Transpose", {}, {{"perm", Integers{1, 0, 2}}});
  last_frame(lstm(b, 6, 4)).quantize(1.0f, 4, true).dense(4, 3);
  CHECK(worst_difference(b.model, set) < float_tolerance);
  OnnxModel swapped = b.model;  // nn.LSTM without batch_first: [frames, images, channels], no transpose
  swapped.inputs[0].shape = {frames, -1, channels};
  for (auto& node : swapped.nodes)
    if (node.type == "Transpose" && &node - swapped.nodes.data() < 5) node = {node.name, "Identity", node.inputs, node.outputs, {}};
  const Network one(b.model), other(swapped);
  CHECK(logits(one, SoftwareEngine(one.matrices()), set) == logits(other, SoftwareEngine(other.matrices()), set));
}

TEST_CASE("cells in parallel, each with a dense layer, their outputs added; features normalised in the file") {
  const ImageSet set = random_sequences(frames, channels, 20, 4);
  OnnxBuilder b(1, 1, 14);
  b.model.inputs = {{"image", {-1, frames, channels}}};
  b.model.nodes.clear();
  b.from("image").node("Sub", {b.normal({channels})}).node("Div", {b.add(OnnxTensor::of_floats({1, 1, channels}, {1, 2, 0.5f, 1.5f, 1}))});
  const std::string input = b.quantize(2.0f, 4, true).last();
  std::string sum;
  for (int cell = 0; cell < 4; ++cell) {
    b.from(input);
    last_frame(lstm(b, channels, 6)).quantize(1.0f, 4, true).dense(6, 3);
    if (cell > 0) b.node("Add", {sum});
    sum = b.last();
  }
  CHECK(worst_difference(b.model, set) < float_tolerance);
  const Network network(b.model);
  REQUIRE(network.matrices().size() == 12);
  const SoftwareEngine engine(network.matrices());
  CHECK(logits(network, engine, set, {.threads = 3}) == logits(network, engine, set, {.threads = 1}));
  CHECK(logits(network, engine, set.slice(3, 5)) == logits(network, engine, set).middleCols(3, 5));
}

TEST_CASE("with gates held open the cell sums its inputs: h after t frames is tanh(t tanh b)") {
  OnnxBuilder b = sequences(15);
  lstm(b, channels, 1);
  const auto inputs = b.model.nodes.back().inputs;
  for (const size_t i : {1u, 2u}) std::fill(b.model.constants[inputs[i]].floats.begin(), b.model.constants[inputs[i]].floats.end(), 0.0f);
  b.model.constants[inputs[3]].floats = {20, 20, 20, 0.1f, 20, 20, 20, 0.05f};
  last_frame(b);
  const Network network(b.model);
  const Eigen::MatrixXf out = logits(network, SoftwareEngine(network.matrices()), random_sequences(frames, channels, 3, 5));
  for (const float h : out.reshaped()) CHECK(double(h) == doctest::Approx(std::tanh(frames * std::tanh(0.15))).epsilon(1e-6));
}

TEST_CASE("matrices of a cell say what they take, and recorded codes hold every frame of both") {
  OnnxBuilder b = one_cell(16);
  b.model.metadata = {{"mho.hidden_bits", "5"}};
  const ImageSet set = random_sequences(frames, channels, 37, 6);
  CHECK(worst_difference(b.model, set) < float_tolerance);
  const Network network(b.model);
  REQUIRE(network.matrices().size() == 3);
  const MatrixSpec &input = network.matrices()[0], &hidden = network.matrices()[1];
  CHECK(input.name.find("/ih") != std::string::npos);
  CHECK(hidden.name.find("/hh") != std::string::npos);
  CHECK(input.weights.rows() == channels);
  CHECK(hidden.weights.rows() == 6);
  CHECK(hidden.weights.cols() == 24);
  CHECK(input.input_bits == 4);
  CHECK(hidden.input_bits == 5);
  CHECK(hidden.input_signed);
  CHECK(hidden.input_lsb == doctest::Approx(1.0 / 15).scale(1e-30));
  CHECK(network.positions(0) == frames);
  CHECK(network.positions(1) == frames);
  const SoftwareEngine engine(network.matrices());
  const std::vector<InputCodes> codes = record_input_codes(network, engine, set, {.threads = 2});
  CHECK(codes[0].cols() == 37 * frames);
  CHECK(codes[1].cols() == 37 * frames);
  // Sequences one after the other, frames within: the codes of the features, and a hidden state that starts at 0.
  Eigen::Index resting = 0;  // columns of hidden states that are 0; by chance one may come later
  for (size_t i = 0; i < set.size(); ++i) {
    for (int t = 0; t < frames; ++t) {
      const auto column = static_cast<Eigen::Index>(i) * frames + t;
      for (int c = 0; c < channels; ++c) {
        const float x = std::clamp(set.sequence(i)[t * channels + c], -2.0f, 2.0f);
        CHECK(codes[0](c, column) == static_cast<int>(std::nearbyint(x / (2.0f / 7))));
      }
      if (t == 0) CHECK(codes[1].col(column).isZero());
      resting += codes[1].col(column).isZero() ? 1 : 0;
    }
  }
  CHECK(resting < 37 + 10);
  CHECK(codes[1].maxCoeff() <= 15);
  CHECK(codes[1].minCoeff() >= -15);
}

TEST_CASE("initial states made by nodes, as exports with any number of images have them") {
  OnnxBuilder b = one_cell(17);
  OnnxModel model = b.model;
  size_t at = 0;
  while (model.nodes[at].type != "LSTM") ++at;
  const std::string x = model.nodes[at].inputs[0];
  model.nodes[at].inputs[5] = "h0", model.nodes[at].inputs[6] = "c0";
  model.constants["one"] = OnnxTensor::of_integers(ElementType::int64, {}, {1});
  model.constants["ends"] = OnnxTensor::of_integers(ElementType::int64, {1}, {1});
  model.constants["axis"] = OnnxTensor::of_integers(ElementType::int64, {1}, {0});
  const std::vector<OnnxNode> chain{{"s", "Shape", {x}, {"shape"}, {}},
                                    {"g", "Gather", {"shape", "one"}, {"count"}, {{"axis", std::int64_t{0}}}},
                                    {"u", "Unsqueeze", {"count", "axis"}, {"counts"}, {}},
                                    {"k", "Concat", {"ends", "counts", "ends"}, {"sizes"}, {{"axis", std::int64_t{0}}}},
                                    {"z", "ConstantOfShape", {"sizes"}, {"c0"}, {{"value", OnnxTensor::of_floats({1}, {0})}}},
                                    {"e", "Expand", {"zero", "sizes"}, {"h0"}, {}}};
  model.constants["zero"] = OnnxTensor::of_floats({}, {0});
  model.nodes.insert(model.nodes.begin() + static_cast<std::ptrdiff_t>(at), chain.begin(), chain.end());
  const Network one(b.model), other(model);
  const ImageSet set = random_sequences(frames, channels, 5, 7);
  CHECK(logits(one, SoftwareEngine(one.matrices()), set) == logits(other, SoftwareEngine(other.matrices()), set));
  for (OnnxNode& node : model.nodes)
    if (node.name == "z") node.attributes["value"] = OnnxTensor::of_floats({1}, {0.5f});
  CHECK(contains(message_of(model), "node 's': operator Shape is not supported"));
}

TEST_CASE("what an LSTM cannot do ends in one line that names node and operator") {
  const auto refused = [](const std::function<void(OnnxModel&, OnnxNode&)>& change, const std::string& part) {
    OnnxBuilder b = one_cell(18);
    for (OnnxNode& node : b.model.nodes) {
      if (node.type != "LSTM") continue;
      change(b.model, node);
      break;
    }
    const std::string text = message_of(b.model);
    CHECK(contains(text, part));
    CHECK(contains(text, "node 'LSTM"));
  };
  refused([](auto&, auto& n) { n.attributes["direction"] = std::string("bidirectional"); }, "'direction' = bidirectional; only forward");
  refused([](auto&, auto& n) { n.attributes["layout"] = std::int64_t{1}; }, "'layout' is not supported unless 0");
  refused([](auto&, auto& n) { n.attributes["clip"] = 3.0f; }, "'clip' is not supported");
  refused([](auto&, auto& n) { n.attributes["hidden_size"] = std::int64_t{5}; }, "its W is of shape [1, 24, 5]; expected float [1, 20, 5]");
  refused([](auto&, auto& n) { n.attributes.erase("hidden_size"); }, "'hidden_size' = 0");
  refused([](auto& m, auto& n) { m.constants[n.inputs[2]].shape = {1, 6, 24}; }, "its R is of shape [1, 6, 24]; expected float [1, 24, 6]");
  refused([](auto& m, auto& n) { m.constants[n.inputs[5]].floats[2] = 0.1f; }, "its initial states are not zero");
  refused([](auto&, auto& n) { n.inputs[4] = n.inputs[3]; }, "has lengths of sequences");
  refused([](auto& m, auto&) { m.metadata = {{"mho.hidden_bits", "9"}}; }, "metadata 'mho.hidden_bits' is '9'; expected 2 to 7");
  refused([](auto& m, auto& n) { m.constants[n.inputs[1]].floats[0] = std::numeric_limits<float>::infinity(); }, "a weight or bias is not finite");
  refused([](auto& m, auto& n) { n.inputs[0] = m.nodes[2].outputs[0]; }, "its input is images × 7 × 5; expected a sequence, [frames, images, channels]");
  refused([](auto&, auto& n) { n.inputs[0] = "image"; }, "its input is not in integer codes");

  OnnxBuilder state = one_cell(19);  // the cell's state is read
  state.from(state.model.nodes[4].outputs[2]).node("Tanh");
  CHECK(contains(message_of(state.model), "_c' is read; only the first is supported"));

  OnnxBuilder frame = sequences(20);
  frame.node("Gather", {scalar_index(frame, frames)}, {{"axis", std::int64_t{1}}});
  CHECK(contains(message_of(frame.model), "(Gather): its index 7 is outside of images × 7 × 5"));
  OnnxBuilder channel = sequences(21);
  channel.node("Gather", {scalar_index(channel, 0)}, {{"axis", std::int64_t{2}}});
  CHECK(contains(message_of(channel.model), "(Gather): only one frame of a sequence can be taken"));
  OnnxBuilder squeeze = sequences(22);
  squeeze.node("Squeeze", {}, {{"axes", Integers{1}}});
  CHECK(contains(message_of(squeeze.model), "(Squeeze): takes axis 1 out of images × 7 × 5; it must be of size 1"));
  OnnxBuilder order = sequences(23);
  order.node("Transpose", {}, {{"perm", Integers{1, 0}}});
  CHECK(contains(message_of(order.model), "(Transpose): attribute 'perm' = [1, 0] is not an order of images × 7 × 5"));
}

TEST_CASE("features are refused where a network takes pixels, and the other way round") {
  const OnnxBuilder b = one_cell(24);
  const Network network(b.model);
  ImageSet pixels{.channels = channels, .height = frames, .width = 1, .pixels = std::vector<std::uint8_t>(35), .labels = {0}, .source = "pixels"};
  CHECK_THROWS_AS(logits(network, SoftwareEngine(network.matrices()), pixels), ConfigError);
  OnnxBuilder image(7, 1, 25, 5);
  image.conv(5, 2, {7, 1}, {1, 1}, {0, 0, 0, 0});
  const Network other(image.model);
  CHECK_THROWS_AS(logits(other, SoftwareEngine(other.matrices()), random_sequences(frames, channels, 1, 1)), ConfigError);
}
