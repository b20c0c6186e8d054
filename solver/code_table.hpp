// The unary ADC as a step function: codes of integrated voltages from the voltages at which the code changes.
#pragma once
#include <cstdint>
#include <vector>

namespace mho::solver {

class CodeTable {
 public:
  CodeTable() = default;
  // up, down [V]: up[k] above the sign decision is the least voltage of code k + 1, down[k] below it the largest of code −(k + 1).
  CodeTable(const std::vector<float>& up, const std::vector<float>& down);
  // distance [V] from the sign decision.
  std::int16_t operator()(float distance) const {
    int code = first_[bin(distance)];
    for (int n = 0; n < most_; ++n) code += distance >= edge_[static_cast<std::size_t>(code)];
    return static_cast<std::int16_t>(code - lowest_);
  }

 private:
  // Rises with the distance, so that an edge of a lower bin lies below it and one of a higher bin above.
  std::size_t bin(float distance) const {
    float x = (distance - low_) * per_volt_;
    x = x > 0.0f ? x : 0.0f;
    return static_cast<std::size_t>(x < top_ ? x : top_);
  }
  float low_ = 0.0f, per_volt_ = 0.0f, top_ = 0.0f;
  int lowest_ = 0, most_ = 0;           // codes below zero; edges in one bin at most
  std::vector<float> edge_;             // [V] ascending, then infinity
  std::vector<std::int16_t> first_;     // edges in the bins below
};

}  // namespace mho::solver
