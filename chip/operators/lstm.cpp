// LSTM, one layer in forward direction, as two matrices on the chip: W_ih takes the codes of a frame, W_hh those of the
// hidden state, and everything else is digital. With gates in ONNX's order input, output, forget, cell:
//
//   i, o, f = σ(W x + R h' + b),  g = tanh(W x + R h' + b),  c = f c' + i g,  h = o tanh(c)
//
// where h' is the hidden state of the frame before in signed codes of b bits, of −1 … 1 in steps of 1 / (2^(b−1) − 1). ONNX has no
// node for that rounding, so b comes from the metadata `mho.hidden_bits`. h itself stays a float.
#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "chip/operators/operator.hpp"

namespace mho::chip {
namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr int default_hidden_bits = 4, most_hidden_bits = 7;

int read_hidden_bits(const NodeReader& node) {
  const std::string* text = node.metadata("mho.hidden_bits");
  if (!text) return default_hidden_bits;
  int bits = 0;
  const char* end = text->data() + text->size();
  if (std::from_chars(text->data(), end, bits).ptr != end || bits < 2 || bits > most_hidden_bits)
    throw node.error(fmt::format("metadata 'mho.hidden_bits' is '{}'; expected 2 to {}", *text, most_hidden_bits));
  return bits;
}

// inputs × gates from ONNX's [1, gates, inputs].
Eigen::MatrixXf read_weights(const NodeReader& node, size_t index, std::string_view name, std::int64_t gates, std::int64_t inputs) {
  const OnnxTensor& t = node.required_constant(index, name);
  if (t.type != ElementType::float32 || t.shape != std::vector<std::int64_t>{1, gates, inputs})
    throw node.error(fmt::format("its {} is of shape [{}]; expected float [1, {}, {}]", name, fmt::join(t.shape, ", "), gates, inputs));
  return Eigen::Map<const RowMajor>(t.floats.data(), gates, inputs).transpose();
}

void refuse_what_is_missing(const NodeReader& node) {
  if (const std::string d = node.text("direction", "forward"); d != "forward")
    throw node.error(fmt::format("attribute 'direction' = {}; only forward is supported", d));
  for (const char* name : {"activations", "activation_alpha", "activation_beta", "clip"})
    if (node.node().attributes.contains(name)) throw node.error(fmt::format("attribute '{}' is not supported", name));
  for (const char* name : {"input_forget", "layout"})
    if (node.integer(name, 0) != 0) throw node.error(fmt::format("attribute '{}' is not supported unless 0", name));
  for (const size_t index : {5u, 6u}) {
    const OnnxTensor* state = node.constant(index);
    if (state && std::any_of(state->floats.begin(), state->floats.end(), [](float x) { return x != 0.0f; }))
      throw node.error("its initial states are not zero");
  }
  for (const size_t index : {4u, 7u})
    if (index < node.node().inputs.size() && !node.node().inputs[index].empty())
      throw node.error(index == 4 ? "has lengths of sequences; every sequence must be of full length" : "has peepholes, which are not supported");
}

struct Cell {
  int inputs, hidden, frames;
  size_t input_matrix, hidden_matrix;
  float codes_of_one;  // code of a hidden state of 1
};

// One frame: c and h of all images from the sum of both matrices' outputs, 4 · hidden × images.
void step(const Eigen::MatrixXf& sum, Eigen::MatrixXf& c, Eigen::MatrixXf& h) {
  const Eigen::Index n = c.rows();
  const auto sigmoid = [](float x) { return 1.0f / (1.0f + std::exp(-x)); };
  const auto tanh = [](float x) { return std::tanh(x); };
  const Eigen::ArrayXXf i = sum.topRows(n).unaryExpr(sigmoid), o = sum.middleRows(n, n).unaryExpr(sigmoid),
                        f = sum.middleRows(2 * n, n).unaryExpr(sigmoid), g = sum.bottomRows(n).unaryExpr(tanh);
  c = f * c.array() + i * g;
  h = o * c.array().unaryExpr(tanh);
}

void run_cell(const Cell& cell, const InputCodes& codes, Eigen::MatrixXf& output, const Run& run) {
  const auto gates = Eigen::Index{4} * cell.hidden;
  Eigen::MatrixXf from_input, sums, c = Eigen::MatrixXf::Zero(cell.hidden, run.images), h = c;
  run.engine.multiply(cell.input_matrix, codes, from_input);
  if (run.observe) run.observe(run.first_image, cell.input_matrix, codes, from_input);
  output.resize(cell.hidden, run.images * cell.frames);
  InputCodes hidden, all_hidden(run.observe ? cell.hidden : 0, run.images * cell.frames);
  Eigen::MatrixXf all_sums(run.observe ? gates : 0, run.images * cell.frames);
  for (Eigen::Index t = 0; t < cell.frames; ++t) {
    const auto frame = Eigen::seqN(t, run.images, cell.frames);  // columns of this frame
    hidden = (h * cell.codes_of_one).unaryExpr([](float x) { return std::nearbyint(x); }).cast<std::int8_t>();
    run.engine.multiply(cell.hidden_matrix, hidden, sums);
    if (run.observe) {
      all_hidden(Eigen::all, frame) = hidden;
      all_sums(Eigen::all, frame) = sums;
    }
    step(sums + from_input(Eigen::all, frame), c, h);
    output(Eigen::all, frame) = h;
  }
  if (run.observe) run.observe(run.first_image, cell.hidden_matrix, all_hidden, all_sums);
}

}  // namespace

BuiltOperator build_lstm(NodeReader& node) {
  const ValueInfo in = node.codes_input();
  if (in.axes != "HNC")
    throw node.error(fmt::format("its input is {}; expected a sequence, [frames, images, channels]", in.shape_text()));
  refuse_what_is_missing(node);
  const std::int64_t hidden = node.integer("hidden_size", 0);
  if (hidden < 1 || hidden > 1 << 16) throw node.error(fmt::format("attribute 'hidden_size' = {}", hidden));
  const std::int64_t gates = 4 * hidden;
  Eigen::MatrixXf input_weights = read_weights(node, 1, "W", gates, in.channels), hidden_weights = read_weights(node, 2, "R", gates, hidden);
  Eigen::VectorXf input_bias = Eigen::VectorXf::Zero(gates), hidden_bias = input_bias;
  if (node.constant(3)) {
    const std::vector<float>& b = node.floats(3, "the bias", static_cast<size_t>(2 * gates));
    input_bias = Eigen::Map<const Eigen::VectorXf>(b.data(), gates);
    hidden_bias = Eigen::Map<const Eigen::VectorXf>(b.data() + gates, gates);
  }
  const int bits = read_hidden_bits(node);
  Cell cell{.inputs = in.channels, .hidden = static_cast<int>(hidden), .frames = in.height, .input_matrix = 0, .hidden_matrix = 0,
            .codes_of_one = static_cast<float>((1 << (bits - 1)) - 1)};
  cell.input_matrix = node.add_matrix({.name = "/ih", .weights = std::move(input_weights), .bias = std::move(input_bias),
                                       .input_bits = in.bits, .input_signed = in.is_signed, .input_lsb = in.lsb}, in.height);
  cell.hidden_matrix = node.add_matrix({.name = "/hh", .weights = std::move(hidden_weights), .bias = std::move(hidden_bias),
                                        .input_bits = bits, .input_signed = true, .input_lsb = 1.0f / cell.codes_of_one}, in.height);
  const auto kernel = [cell](std::span<const Value* const> inputs, Value& output, const Run& run) {
    run_cell(cell, inputs[0]->codes, output.floats, run);
  };
  // Y is [frames, 1, images, hidden].
  return {.result = {.channels = cell.hidden, .height = in.height, .low = -1.0f, .high = 1.0f, .axes = "H1NC"}, .kernel = kernel};
}

namespace {

// Whether a value is zero whatever the images are: a constant of zeros, or one spread to a computed shape.
bool is_zero(const OnnxModel& model, const std::string& value) {
  const auto all_zero = [](const OnnxTensor& t) {
    return std::all_of(t.floats.begin(), t.floats.end(), [](float x) { return x == 0.0f; });
  };
  if (const auto found = model.constants.find(value); found != model.constants.end()) return all_zero(found->second);
  const OnnxNode* node = writer_of(model, value);
  if (!node) return false;
  if (node->type == "Expand") return is_zero(model, node->inputs.at(0));
  if (node->type != "ConstantOfShape") return false;
  const auto fill = node->attributes.find("value");
  return fill == node->attributes.end() || (std::holds_alternative<OnnxTensor>(fill->second) && all_zero(std::get<OnnxTensor>(fill->second)));
}

}  // namespace

// Initial states of zeros become absent inputs, and Y_h, the hidden state after the last frame, the last frame of Y.
void simplify_lstm(OnnxModel& model) {
  for (size_t n = 0; n < model.nodes.size(); ++n) {
    if (model.nodes[n].type != "LSTM") continue;
    for (const size_t index : {5u, 6u}) {
      if (index >= model.nodes[n].inputs.size() || !is_zero(model, model.nodes[n].inputs[index])) continue;
      const std::string state = std::exchange(model.nodes[n].inputs[index], "");
      const std::string name = model.nodes[n].name;
      erase_unread(model, state);
      while (n >= model.nodes.size() || model.nodes[n].type != "LSTM" || model.nodes[n].name != name) --n;  // nodes before it are gone
    }
    OnnxNode& node = model.nodes[n];
    if (node.outputs.empty()) continue;
    if (node.outputs[0].empty()) node.outputs[0] = node.name + "/Y";
    if (node.outputs.size() < 2 || node.outputs[1].empty() || reader_count(model, node.outputs[1]) == 0) continue;
    const std::string last = std::exchange(node.outputs[1], ""), index = node.name + "/last";
    const OnnxNode gather{node.name, "Gather", {node.outputs[0], index}, {last}, {{"axis", std::int64_t{0}}}};
    model.constants[index] = OnnxTensor::of_integers(ElementType::int64, {}, {-1});
    model.nodes.insert(model.nodes.begin() + static_cast<std::ptrdiff_t>(n) + 1, gather);
  }
}

}  // namespace mho::chip
