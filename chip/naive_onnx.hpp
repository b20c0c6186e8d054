// For tests: an ONNX model interpreted node by node as the standard says, in double precision, with
// nothing shared with Network.
#pragma once
#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "chip/onnx_model.hpp"

namespace mho::chip {

struct NaiveTensor {
  int channels = 1, height = 1, width = 1;
  std::vector<double> values;  // (channel, row, column)
  double at(int c, int y, int x) const {
    return values[static_cast<size_t>((c * height + y) * width + x)];
  }
};

class NaiveOnnx {
 public:
  explicit NaiveOnnx(const OnnxModel& model) : model_(model) {}

  // image: height × width in 0 … 1. Result: the values of the output.
  std::vector<double> run(const std::vector<double>& image) const {
    const auto& shape = model_.inputs.at(0).shape;
    std::map<std::string, NaiveTensor> values;
    values[model_.inputs[0].name] = {static_cast<int>(shape[1]), static_cast<int>(shape[2]),
                                     static_cast<int>(shape[3]), image};
    for (const OnnxNode& node : model_.nodes)
      values[node.outputs[0]] = apply(node, values.at(node.inputs[0]));
    return values.at(model_.outputs.at(0).name).values;
  }

 private:
  using Integers = std::vector<std::int64_t>;

  const OnnxTensor& constant(const OnnxNode& node, size_t i) const {
    return model_.constants.at(node.inputs[i]);
  }
  double scalar(const OnnxNode& node, size_t i) const {
    return static_cast<double>(constant(node, i).floats[0]);
  }
  static int integer(const OnnxNode& node, const std::string& name, size_t i, int fallback) {
    const auto found = node.attributes.find(name);
    if (found == node.attributes.end()) return fallback;
    if (const auto* one = std::get_if<std::int64_t>(&found->second)) return static_cast<int>(*one);
    return static_cast<int>(std::get<Integers>(found->second)[i]);
  }

  NaiveTensor apply(const OnnxNode& node, const NaiveTensor& in) const {
    NaiveTensor out = in;
    const auto each = [&](auto function) {
      std::transform(in.values.begin(), in.values.end(), out.values.begin(), function);
    };
    if (node.type == "Relu") {
      each([](double x) { return std::max(x, 0.0); });
    } else if (node.type == "Clip") {
      each([&](double x) { return std::clamp(x, scalar(node, 1), scalar(node, 2)); });
    } else if (node.type == "QuantizeLinear") {
      const bool is_signed = constant(node, 2).type == ElementType::int8;
      each([&](double x) {
        return std::clamp(std::nearbyint(x / scalar(node, 1)), is_signed ? -128.0 : 0.0,
                          is_signed ? 127.0 : 255.0);
      });
    } else if (node.type == "DequantizeLinear") {
      each([&](double x) { return x * scalar(node, 1); });
    } else if (node.type == "Flatten" || node.type == "Reshape") {
      out.channels = static_cast<int>(in.values.size());
      out.height = out.width = 1;
    } else if (node.type == "Gemm" || node.type == "MatMul") {
      return dense(node, in);
    } else if (node.type == "Conv" || node.type == "MaxPool") {
      return slide(node, in);
    } else if (node.type == "BatchNormalization") {
      const size_t area = static_cast<size_t>(in.height * in.width);
      for (size_t i = 0; i < in.values.size(); ++i) {
        const auto get = [&](size_t k) {
          return static_cast<double>(constant(node, k).floats[i / area]);
        };
        out.values[i] = get(1) * (in.values[i] - get(3)) / std::sqrt(get(4) + 1e-5) + get(2);
      }
    } else {
      throw std::runtime_error("NaiveOnnx: " + node.type);
    }
    return out;
  }

  NaiveTensor dense(const OnnxNode& node, const NaiveTensor& in) const {
    const OnnxTensor& w = constant(node, 1);
    const bool transposed = integer(node, "transB", 0, 0) != 0;
    const size_t inputs = in.values.size(), outputs = w.floats.size() / inputs;
    NaiveTensor out{static_cast<int>(outputs), 1, 1, std::vector<double>(outputs)};
    for (size_t n = 0; n < outputs; ++n) {
      if (node.inputs.size() > 2) out.values[n] = static_cast<double>(constant(node, 2).floats[n]);
      for (size_t k = 0; k < inputs; ++k) {
        out.values[n] +=
            in.values[k] *
            static_cast<double>(w.floats[transposed ? n * inputs + k : k * outputs + n]);
      }
    }
    return out;
  }

  // Conv and MaxPool: floor or ceil of (size + pads − kernel) / stride, plus 1, positions.
  NaiveTensor slide(const OnnxNode& node, const NaiveTensor& in) const {
    const bool conv = node.type == "Conv";
    const int kh = integer(node, "kernel_shape", 0, 0), kw = integer(node, "kernel_shape", 1, 0);
    const int sy = integer(node, "strides", 0, 1), sx = integer(node, "strides", 1, 1);
    const int top = integer(node, "pads", 0, 0), left = integer(node, "pads", 1, 0);
    const bool ceil_mode = integer(node, "ceil_mode", 0, 0) != 0;
    const auto count = [&](int size, int pads, int k, int s) {
      const double n = static_cast<double>(size + pads - k) / s;
      return static_cast<int>(ceil_mode ? std::ceil(n) : std::floor(n)) + 1;
    };
    NaiveTensor out{in.channels,
                    count(in.height, top + integer(node, "pads", 2, 0), kh, sy),
                    count(in.width, left + integer(node, "pads", 3, 0), kw, sx),
                    {}};
    if (conv) out.channels = static_cast<int>(constant(node, 1).shape[0]);
    for (int n = 0; n < out.channels; ++n) {
      for (int y = 0; y < out.height; ++y) {
        for (int x = 0; x < out.width; ++x) {
          out.values.push_back(conv ? window_sum(node, in, n, y * sy - top, x * sx - left, kh, kw)
                                    : window_max(in, n, y * sy - top, x * sx - left, kh, kw));
        }
      }
    }
    return out;
  }

  static bool inside(const NaiveTensor& in, int y, int x) {
    return y >= 0 && y < in.height && x >= 0 && x < in.width;
  }

  double window_sum(const OnnxNode& node, const NaiveTensor& in, int n, int y0, int x0, int kh,
                    int kw) const {
    double sum = node.inputs.size() > 2
                     ? static_cast<double>(constant(node, 2).floats[static_cast<size_t>(n)])
                     : 0.0;
    for (int c = 0; c < in.channels; ++c) {
      for (int y = 0; y < kh; ++y) {
        for (int x = 0; x < kw; ++x) {
          if (!inside(in, y0 + y, x0 + x)) continue;
          const int index = ((n * in.channels + c) * kh + y) * kw + x;
          sum += in.at(c, y0 + y, x0 + x) *
                 static_cast<double>(constant(node, 1).floats[static_cast<size_t>(index)]);
        }
      }
    }
    return sum;
  }

  static double window_max(const NaiveTensor& in, int n, int y0, int x0, int kh, int kw) {
    double most = -1e300;
    for (int y = y0; y < y0 + kh; ++y) {
      for (int x = x0; x < x0 + kw; ++x)
        most = inside(in, y, x) ? std::max(most, in.at(n, y, x)) : most;
    }
    return most;
  }

  const OnnxModel& model_;
};

}  // namespace mho::chip
