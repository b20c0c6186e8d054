// Switching events of a sweep: what a curve of current over voltage says about when and by how much
// the device switched.
#pragma once
#include <span>
#include <vector>

namespace mho::devices {

// An excursion: a run of one polarity with |v| ≥ 5 % of the sweep's peak, from 0 to its own peak
// and back. With G = |i|/|v|, G_before and G_after are the medians over its way out and back where
// |v| is 10 to 50 % of its own peak; the event is where G first passes √(G_before G_after). It is a
// functional of the curve, continuous in the curve's parameters although single currents jump.
struct Excursion {
  size_t first = 0, peak = 0, last = 0;    // indices
  double ln_before = 0.0, ln_after = 0.0;  // [ln S]; NaN where there are no such points
  double v_switch = 0.0;  // [V] with its sign; NaN: G changes by less than min_ratio
  size_t at = 0;          // index of the first point beyond it
  double ratio() const;   // [1] larger of G_after/G_before and its inverse; 1 where unknown
  bool rises() const { return ln_after > ln_before; }
};

// Points with |i| ≤ floor [A] say nothing and are passed over.
std::vector<Excursion> excursions(std::span<const double> v, std::span<const double> i,
                                  double floor, double min_ratio = 1.3);

// Largest ratio of conductance in a sweep: before and after an excursion, and across a jump within
// one (medians of three points on either side, |v| beyond 10 % of the peak), for sweeps without a
// way back.
double switching_ratio(std::span<const double> v, std::span<const double> i, double floor);

}  // namespace mho::devices
