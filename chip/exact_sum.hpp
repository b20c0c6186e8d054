// Sums whose result does not depend on the order of their terms.
#pragma once
#include <cmath>
#include <vector>

#include "solver/energy_model.hpp"

namespace mho::chip {

// A fixed-point sum with a step of 2^-step_bits. Exact for whole numbers; other terms are rounded to the step, each by itself. Up to ±2^(127 −
// step_bits).
class ExactSum {
 public:
  explicit ExactSum(int step_bits) : step_bits_(step_bits) {}
  void add(double x) {
    int exponent = 0;
    const double fraction = std::frexp(x, &exponent);  // x = fraction · 2^exponent
    const auto mantissa = static_cast<Wide>(std::ldexp(fraction, 53));
    const int shift = exponent - 53 + step_bits_;
    if (shift >= 0)
      sum_ += mantissa << shift;
    else if (shift > -64)
      sum_ += mantissa >> -shift;
  }
  double value() const { return std::ldexp(static_cast<double>(sum_), -step_bits_); }

 private:
  __extension__ using Wide = __int128;
  Wide sum_ = 0;
  int step_bits_;
};

// Event counts of many chunks: the same total for any order of the chunks.
class EventLedger {
 public:
  EventLedger();
  void add(const solver::EventCounts& counts);
  solver::EventCounts total() const;

 private:
  // 2^-100 J = 8e-31 J up to 1e8 J; 2^-80 s or V up to 1e14; whole events.
  static int step_bits(const solver::EventField& field) { return field.unit == "J" ? 100 : field.unit == "1" ? 0 : 80; }
  std::vector<ExactSum> sums_;
};

}  // namespace mho::chip
