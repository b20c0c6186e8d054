// What a device is driven with: a voltage over time, straight between corners.
#pragma once
#include <vector>

namespace mho::devices {

// Voltage at the outer terminals. Positive: the SET side is raised. Times increase strictly from t[0] = 0.
struct Drive {
  std::vector<double> t;  // [s]
  std::vector<double> v;  // [V]
  double end() const { return t.back(); }
  double at(double time) const;  // [V] constant beyond the ends
};

// 0 → v_first → 0 → v_second → 0 at `rate` [V/s], `cycles` times. A v_second of 0 leaves the second half out.
Drive triangle(double v_first, double v_second, double rate, int cycles = 1);

// One trapezoid: rise and fall within `edge`, flat for `width`.
struct PulseShape {
  double v = 1.0;        // [V]
  double width = 1e-6;   // [s]
  double edge = 10e-9;   // [s]
};
// Pulses one after another with `gap` [s] at 0 V before each and after the last.
Drive pulse_train(const std::vector<PulseShape>& pulses, double gap);

// Throws Error unless there are at least two corners, all finite, times strictly increasing from 0.
void check(const Drive& drive);

}  // namespace mho::devices
