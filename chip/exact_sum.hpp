// Sums whose result does not depend on the order of their terms.
#pragma once
#include <cmath>

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
  void add(const solver::EventCounts& counts);
  solver::EventCounts total() const;

 private:
  // 1 event; 2^-100 J = 8e-31 J up to 1e8 J; 2^-80 s up to 1e14 s.
  ExactSum conversions_{0}, wl_pulses_{0}, bit_columns_{0}, samples_{0}, compares_{0}, decrements_{0}, macs_{0};
  ExactSum array_joule_{100}, line_charge_joule_{100}, time_{80}, core_time_{80};
};

}  // namespace mho::chip
