// QuantizeLinear and DequantizeLinear: floats to integer codes, and what a code stands for. The
// number of bits follows from the largest code that the Clip before lets through: Clip(0, c) with
// scale c / 7 gives codes 0 … 7, 3 bits.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "chip/operators/operator.hpp"

namespace mho::chip {
namespace {

constexpr int largest_bits_unsigned = 7,
              largest_bits_signed = 8;  // codes are held in one signed byte

float read_scale(const NodeReader& node) {
  const float scale = node.floats(1, "the scale", 1)[0];
  if (!(scale > 0.0f)) throw node.error(fmt::format("its scale is {}; it must be positive", scale));
  return scale;
}

// Element type of the codes; the zero point must be 0.
ElementType read_code_type(const NodeReader& node) {
  const OnnxTensor* zero = node.constant(2);
  if (!zero) return ElementType::uint8;  // the default of ONNX
  if (zero->size() != 1 || (zero->type != ElementType::uint8 && zero->type != ElementType::int8) ||
      zero->integers[0] != 0) {
    throw node.error("its zero point must be one uint8 or int8 that is 0");
  }
  return zero->type;
}

}  // namespace

BuiltOperator build_quantize(NodeReader& node) {
  const ValueInfo in = node.numbers_input();
  ValueInfo result = in;
  const float scale = read_scale(node);
  const bool is_signed = read_code_type(node) == ElementType::int8;
  const float low = is_signed ? -128.0f : 0.0f,
              high = is_signed ? 127.0f : 255.0f;  // saturation of ONNX
  result.low = std::clamp(std::nearbyint(result.low / scale), low, high);
  result.high = std::clamp(std::nearbyint(result.high / scale), low, high);
  const auto largest = static_cast<unsigned>(std::max(result.high, -result.low));
  result.bits = std::max(1, static_cast<int>(std::bit_width(largest))) + (is_signed ? 1 : 0);
  result.is_signed = is_signed;
  result.lsb = 1.0f;
  result.dequantised = false;
  if (result.bits > (is_signed ? largest_bits_signed : largest_bits_unsigned)) {
    throw node.error(
        fmt::format("gives codes of {} to {}; at most 7 bits without or 8 bits with sign are "
                    "supported: put Clip before it with "
                    "limits of scale · (2^bits − 1)",
                    result.low, result.high));
  }
  const auto kernel = [in, scale, least = result.low, most = result.high](
                          std::span<const Value* const> inputs, Value& output, const Run&) {
    Eigen::MatrixXf scratch;
    const Eigen::MatrixXf& from = numbers_of(in, *inputs[0], scratch);
    output.codes.resize(from.rows(), from.cols());
    const float* x = from.data();
    std::int8_t* code = output.codes.data();
    for (Eigen::Index i = 0; i < from.size(); ++i) {
      const float rounded = std::nearbyint(x[i] / scale);  // half to even, as ONNX says
      code[i] =
          static_cast<std::int8_t>(static_cast<int>(std::min(most, std::max(least, rounded))));
    }
  };
  return {.result = result, .kernel = kernel};
}

BuiltOperator build_dequantize(NodeReader& node) {
  ValueInfo result = node.input();
  if (!result.is_codes() || result.dequantised)
    throw node.error("its input does not come from QuantizeLinear");
  result.lsb = read_scale(node);
  if ((read_code_type(node) == ElementType::int8) != result.is_signed)
    throw node.error("its zero point has not the type of QuantizeLinear's");
  result.low *= result.lsb;
  result.high *= result.lsb;
  result.dequantised = true;
  return {.result = result, .kernel = {}};
}

}  // namespace mho::chip
