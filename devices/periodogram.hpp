// Spectral density of evenly sampled data by Welch's method: mean of the periodograms of
// half-overlapping segments, each without its mean and under a Hann window. Welch, IEEE Trans.
// Audio Electroacoust. 15, 70 (1967), 10.1109/TAU.1967.1161901.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace mho::devices {

struct Spectrum {
  std::vector<double> frequency;  // [Hz] 0 … rate/2
  std::vector<double> density;    // [unit²/Hz] one-sided
  size_t segments = 0;            // averaged
};

// x at `rate` [Hz], segments of `length` samples (even, not more than x has, else Error).
Spectrum welch(std::span<const double> x, double rate, size_t length);

// S(f) = level·f^slope over [low, high] Hz: least squares in logarithms over the means of eight
// groups of bins per decade, so that every decade counts the same.
struct PowerLaw {
  double level;  // [unit²/Hz] at 1 Hz
  double slope;  // [1]
};
PowerLaw fit_power_law(const Spectrum& spectrum, double low, double high);

}  // namespace mho::devices
