// Another sample rate by a windowed sinc in polyphase form.
//
// At the rational ratio L / M of the rates, output m lies at input time t = m M / L, and
//   y[m] = Σ_n x[n] h(t − n),  h(t) = 2 f_c sinc(2 f_c t) w(t),
// with f_c the middle of the transition band (cycles per input sample) and w a Kaiser window. Only L different sets of
// coefficients occur. The stop band begins at the lower of the two Nyquist frequencies, so that nothing folds back, at
// `stop_band` below the pass band, which ends `transition` of that frequency before (J. F. Kaiser, in Digital Filters and
// Signal Processing, 1974: length and shape of the window).
#pragma once
#include <span>
#include <vector>

namespace mho::chip {

struct ResampleOptions {
  double stop_band = 80.0;    // [dB] attenuation
  double transition = 0.05;   // [1] width of the transition band over the lower Nyquist frequency
};

// Samples before and after the given ones count as 0. Result: ceil(size · to / from) samples. Rates in Hz, both positive.
std::vector<float> resample(std::span<const float> samples, int from, int to, const ResampleOptions& options = {});

}  // namespace mho::chip
