// For tests: an ONNX model interpreted node by node as the standard says, for one image, on tensors with all their
// dimensions in double precision, with nothing shared with Network.
#pragma once
#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "chip/onnx_model.hpp"

namespace mho::chip {

// Row-major; images are [1, channels, height, width].
struct NaiveTensor {
  std::vector<int> shape;
  std::vector<double> values;
  double at(int c, int y, int x) const { return values[static_cast<size_t>((c * shape[2] + y) * shape[3] + x)]; }
};

class NaiveOnnx {
 public:
  explicit NaiveOnnx(const OnnxModel& model) : model_(model) {}

  // input: the values of one image, or of one sequence, in the order of the model's input. Result: the values of the output.
  std::vector<double> run(const std::vector<double>& input) const {
    std::map<std::string, NaiveTensor> values;
    for (const auto& [name, t] : model_.constants) {
      NaiveTensor constant{{t.shape.begin(), t.shape.end()}, {t.floats.begin(), t.floats.end()}};
      if (t.type != ElementType::float32) constant.values.assign(t.integers.begin(), t.integers.end());
      values[name] = constant;
    }
    NaiveTensor first{{}, input};
    for (const std::int64_t d : model_.inputs.at(0).shape) first.shape.push_back(d < 0 ? 1 : static_cast<int>(d));
    values[model_.inputs[0].name] = first;
    for (const OnnxNode& node : model_.nodes) {
      std::vector<NaiveTensor> inputs;
      for (const std::string& name : node.inputs) inputs.push_back(name.empty() ? NaiveTensor{} : values.at(name));
      const std::vector<NaiveTensor> outputs = apply(node, inputs);
      for (size_t i = 0; i < std::min(outputs.size(), node.outputs.size()); ++i) values[node.outputs[i]] = outputs[i];
    }
    return values.at(model_.outputs.at(0).name).values;
  }

 private:
  using Integers = std::vector<std::int64_t>;
  using Tensors = std::vector<NaiveTensor>;

  static int integer(const OnnxNode& node, const std::string& name, size_t i, int fallback) {
    const auto found = node.attributes.find(name);
    if (found == node.attributes.end()) return fallback;
    if (const auto* one = std::get_if<std::int64_t>(&found->second)) return static_cast<int>(*one);
    return static_cast<int>(std::get<Integers>(found->second)[i]);
  }
  static std::vector<int> axes_of(const OnnxNode& node, const Tensors& in, size_t rank) {
    std::vector<int> axes;
    if (in.size() > 1) {
      axes.assign(in[1].values.begin(), in[1].values.end());
    } else {
      for (const std::int64_t a : std::get<Integers>(node.attributes.at("axes"))) axes.push_back(static_cast<int>(a));
    }
    for (int& a : axes) a += a < 0 ? static_cast<int>(rank) : 0;
    std::sort(axes.begin(), axes.end());
    return axes;
  }

  Tensors apply(const OnnxNode& node, const Tensors& in) const {
    NaiveTensor out = in.at(0);
    const auto each = [&](auto function) {
      std::transform(in[0].values.begin(), in[0].values.end(), out.values.begin(), function);
      return Tensors{out};
    };
    const auto scalar = [&](size_t i) { return in.at(i).values.at(0); };
    const std::string& type = node.type;
    if (type == "Relu") return each([](double x) { return std::max(x, 0.0); });
    if (type == "Sigmoid") return each(sigmoid);
    if (type == "Tanh") return each([](double x) { return std::tanh(x); });
    if (type == "Identity" || type == "Dropout") return {out};
    if (type == "Clip") return each([&](double x) { return std::clamp(x, scalar(1), scalar(2)); });
    if (type == "QuantizeLinear") {
      const bool is_signed = model_.constants.at(node.inputs[2]).type == ElementType::int8;
      return each([&](double x) {
        return std::clamp(std::nearbyint(x / scalar(1)), is_signed ? -128.0 : 0.0, is_signed ? 127.0 : 255.0);
      });
    }
    if (type == "DequantizeLinear") return each([&](double x) { return x * scalar(1); });
    if (type == "Flatten" || type == "Reshape") {
      out.shape = {1, static_cast<int>(out.values.size())};
      return {out};
    }
    if (type == "Add") return {elementwise(in[0], in[1], [](double a, double b) { return a + b; })};
    if (type == "Sub") return {elementwise(in[0], in[1], [](double a, double b) { return a - b; })};
    if (type == "Mul") return {elementwise(in[0], in[1], [](double a, double b) { return a * b; })};
    if (type == "Div") return {elementwise(in[0], in[1], [](double a, double b) { return a / b; })};
    if (type == "Gemm" || type == "MatMul") return {dense(node, in)};
    if (type == "Conv" || type == "MaxPool" || type == "AveragePool") return {slide(node, in)};
    if (type == "GlobalAveragePool") return {mean(in[0], {2, 3}, true)};
    if (type == "ReduceMean") return {mean(in[0], axes_of(node, in, out.shape.size()), integer(node, "keepdims", 0, 1) != 0)};
    if (type == "Softmax") {
      double sum = 0;
      for (const double x : out.values) sum += std::exp(x);
      return each([&](double x) { return std::exp(x) / sum; });
    }
    if (type == "BatchNormalization") {
      const size_t area = out.values.size() / static_cast<size_t>(out.shape[1]);
      for (size_t i = 0; i < out.values.size(); ++i) {
        const auto get = [&](size_t k) { return in[k].values[i / area]; };
        out.values[i] = get(1) * (out.values[i] - get(3)) / std::sqrt(get(4) + 1e-5) + get(2);
      }
      return {out};
    }
    if (type == "Squeeze") {
      const std::vector<int> axes = axes_of(node, in, out.shape.size());
      for (auto a = axes.rbegin(); a != axes.rend(); ++a) out.shape.erase(out.shape.begin() + *a);
      return {out};
    }
    if (type == "Unsqueeze") {
      for (const int a : axes_of(node, in, out.shape.size() + (in.size() > 1 ? in[1].values.size() : 1)))
        out.shape.insert(out.shape.begin() + a, 1);
      return {out};
    }
    if (type == "LSTM") return lstm(node, in);
    if (type == "Transpose") return {transpose(node, in[0])};
    if (type == "Gather") return {gather(node, in)};
    throw std::runtime_error("NaiveOnnx: " + type);
  }

  static double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

  static size_t offset(const NaiveTensor& t, const std::vector<int>& index) {
    size_t at = 0;
    for (size_t d = 0; d < t.shape.size(); ++d) at = at * static_cast<size_t>(t.shape[d]) + static_cast<size_t>(index[d]);
    return at;
  }
  // Calls visit(index) for every element of a shape, the last index fastest.
  template <class Visit>
  static void for_each_index(const std::vector<int>& shape, Visit visit) {
    std::vector<int> index(shape.size(), 0);
    for (;;) {
      visit(index);
      size_t d = shape.size();
      while (d > 0 && ++index[d - 1] == shape[d - 1]) index[--d] = 0;
      if (d == 0) return;
    }
  }

  // Broadcasting: shapes aligned at their ends, a dimension of 1 stands for any.
  template <class Function>
  static NaiveTensor elementwise(const NaiveTensor& a, const NaiveTensor& b, Function function) {
    NaiveTensor out{a.shape.size() >= b.shape.size() ? a.shape : b.shape, {}};
    const auto pick = [&](const NaiveTensor& t, const std::vector<int>& index) {
      std::vector<int> own(index.end() - static_cast<std::ptrdiff_t>(t.shape.size()), index.end());
      for (size_t d = 0; d < own.size(); ++d) own[d] = t.shape[d] == 1 ? 0 : own[d];
      return t.values[offset(t, own)];
    };
    for_each_index(out.shape, [&](const std::vector<int>& index) { out.values.push_back(function(pick(a, index), pick(b, index))); });
    return out;
  }

  static NaiveTensor mean(const NaiveTensor& in, const std::vector<int>& axes, bool keep) {
    NaiveTensor out{in.shape, {}};
    double count = 1;
    for (const int a : axes) count *= in.shape[static_cast<size_t>(a)], out.shape[static_cast<size_t>(a)] = 1;
    size_t size = 1;
    for (const int d : out.shape) size *= static_cast<size_t>(d);
    out.values.assign(size, 0.0);
    for_each_index(in.shape, [&](std::vector<int> index) {
      const double x = in.values[offset(in, index)];
      for (const int a : axes) index[static_cast<size_t>(a)] = 0;
      out.values[offset(out, index)] += x / count;
    });
    if (!keep)
      for (auto a = axes.rbegin(); a != axes.rend(); ++a) out.shape.erase(out.shape.begin() + *a);
    return out;
  }

  static NaiveTensor transpose(const OnnxNode& node, const NaiveTensor& in) {
    const auto& order = std::get<Integers>(node.attributes.at("perm"));
    NaiveTensor out;
    for (const std::int64_t d : order) out.shape.push_back(in.shape[static_cast<size_t>(d)]);
    for_each_index(out.shape, [&](const std::vector<int>& index) {
      std::vector<int> from(index.size());
      for (size_t d = 0; d < index.size(); ++d) from[static_cast<size_t>(order[d])] = index[d];
      out.values.push_back(in.values[offset(in, from)]);
    });
    return out;
  }

  static NaiveTensor gather(const OnnxNode& node, const Tensors& in) {
    const auto axis = static_cast<size_t>(integer(node, "axis", 0, 0));
    const int chosen = static_cast<int>(in[1].values[0]);
    NaiveTensor out{in[0].shape, {}};
    out.shape.erase(out.shape.begin() + static_cast<std::ptrdiff_t>(axis));
    for_each_index(in[0].shape, [&](const std::vector<int>& index) {
      if (index[axis] == (chosen < 0 ? chosen + in[0].shape[axis] : chosen)) out.values.push_back(in[0].values[offset(in[0], index)]);
    });
    return out;
  }

  // Frame by frame, gate by gate; the hidden state rounded as mho.hidden_bits says before it meets R.
  Tensors lstm(const OnnxNode& node, const Tensors& in) const {
    int bits = 4;
    for (const auto& [key, text] : model_.metadata) bits = key == "mho.hidden_bits" ? std::stoi(text) : bits;
    const double steps = std::pow(2.0, bits - 1) - 1;
    const int frames = in[0].shape[0], inputs = in[0].shape[2], hidden = integer(node, "hidden_size", 0, 0);
    const auto value = [](const NaiveTensor& t, int i) { return t.values[static_cast<size_t>(i)]; };
    std::vector<double> h(static_cast<size_t>(hidden), 0.0), c = h;
    NaiveTensor all{{frames, 1, 1, hidden}, {}};
    for (int t = 0; t < frames; ++t) {
      const auto gate = [&](int g, size_t unit) {  // 0 input, 1 output, 2 forget, 3 cell
        const int row = g * hidden + static_cast<int>(unit);
        double sum = in.size() > 3 ? value(in[3], row) + value(in[3], 4 * hidden + row) : 0.0;
        for (int k = 0; k < inputs; ++k) sum += value(in[1], row * inputs + k) * value(in[0], t * inputs + k);
        for (int k = 0; k < hidden; ++k) sum += value(in[2], row * hidden + k) * std::nearbyint(h[static_cast<size_t>(k)] * steps) / steps;
        return sum;
      };
      std::vector<double> next(h.size());
      for (size_t u = 0; u < h.size(); ++u) {
        c[u] = sigmoid(gate(2, u)) * c[u] + sigmoid(gate(0, u)) * std::tanh(gate(3, u));
        next[u] = sigmoid(gate(1, u)) * std::tanh(c[u]);
      }
      h = next;
      all.values.insert(all.values.end(), h.begin(), h.end());
    }
    return {all, {{1, 1, hidden}, h}, {{1, 1, hidden}, c}};
  }

  // x · w + c for each row x of the last axis.
  static NaiveTensor dense(const OnnxNode& node, const Tensors& in) {
    const NaiveTensor& w = in[1];
    const bool transposed = integer(node, "transB", 0, 0) != 0;
    const auto inputs = static_cast<size_t>(in[0].shape.back()), outputs = w.values.size() / inputs;
    NaiveTensor out{in[0].shape, {}};
    out.shape.back() = static_cast<int>(outputs);
    for (size_t row = 0; row < in[0].values.size() / inputs; ++row) {
      for (size_t n = 0; n < outputs; ++n) {
        double sum = in.size() > 2 ? in[2].values[n] : 0.0;
        for (size_t k = 0; k < inputs; ++k)
          sum += in[0].values[row * inputs + k] * w.values[transposed ? n * inputs + k : k * outputs + n];
        out.values.push_back(sum);
      }
    }
    return out;
  }

  // Conv and pools.
  static NaiveTensor slide(const OnnxNode& node, const Tensors& inputs) {
    const NaiveTensor& in = inputs[0];
    const bool conv = node.type == "Conv";
    const int kh = integer(node, "kernel_shape", 0, 0), kw = integer(node, "kernel_shape", 1, 0);
    const int sy = integer(node, "strides", 0, 1), sx = integer(node, "strides", 1, 1);
    const int top = integer(node, "pads", 0, 0), left = integer(node, "pads", 1, 0);
    const int bottom = integer(node, "pads", 2, 0), right = integer(node, "pads", 3, 0);
    const bool ceil_mode = integer(node, "ceil_mode", 0, 0) != 0;
    const bool with_padding = integer(node, "count_include_pad", 0, 0) != 0;
    // Windows that lie within image and padding; with ceil_mode one more that hangs over, if it begins before the end padding.
    const auto count = [&](int size, int begin, int end, int k, int s) {
      int n = 0;
      while (n * s + k <= size + begin + end) ++n;
      return ceil_mode && (n - 1) * s + k < size + begin + end && n * s < size + begin ? n + 1 : n;
    };
    const int channels = conv ? inputs[1].shape[0] : in.shape[1];
    NaiveTensor out{{1, channels, count(in.shape[2], top, bottom, kh, sy), count(in.shape[3], left, right, kw, sx)}, {}};
    const int groups = integer(node, "group", 0, 1);
    for_each_index(out.shape, [&](const std::vector<int>& index) {
      const int n = index[1], y0 = index[2] * sy - top, x0 = index[3] * sx - left;
      if (conv) {
        const int per_group = in.shape[1] / groups, first = n / (channels / groups) * per_group;
        double sum = inputs.size() > 2 ? inputs[2].values[static_cast<size_t>(n)] : 0.0;
        for (int c = 0; c < per_group; ++c)
          for (int y = 0; y < kh; ++y)
            for (int x = 0; x < kw; ++x)
              if (inside(in, y0 + y, x0 + x))
                sum += in.at(first + c, y0 + y, x0 + x) * inputs[1].values[static_cast<size_t>(((n * per_group + c) * kh + y) * kw + x)];
        out.values.push_back(sum);
        return;
      }
      double most = -1e300, sum = 0;
      int counted = 0;
      for (int y = y0; y < y0 + kh; ++y)
        for (int x = x0; x < x0 + kw; ++x) {
          const bool pixel = inside(in, y, x);
          const bool padding = y >= -top && x >= -left && y < in.shape[2] + bottom && x < in.shape[3] + right;
          if (pixel) most = std::max(most, in.at(n, y, x)), sum += in.at(n, y, x);
          counted += pixel || (with_padding && padding) ? 1 : 0;
        }
      out.values.push_back(node.type == "MaxPool" ? most : sum / counted);
    });
    return out;
  }

  static bool inside(const NaiveTensor& in, int y, int x) { return y >= 0 && y < in.shape[2] && x >= 0 && x < in.shape[3]; }

  const OnnxModel& model_;
};

}  // namespace mho::chip
