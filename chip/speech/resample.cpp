#include "chip/speech/resample.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <numeric>

#include "core/errors.hpp"

namespace mho::chip {
namespace {

double sinc(double x) { return x == 0.0 ? 1.0 : std::sin(std::numbers::pi * x) / (std::numbers::pi * x); }

// Kaiser's β for an attenuation above 50 dB.
double kaiser_beta(double attenuation) { return 0.1102 * (attenuation - 8.7); }

}  // namespace

std::vector<float> resample(std::span<const float> samples, int from, int to, const ResampleOptions& options) {
  MHO_ASSERT(from > 0 && to > 0 && options.stop_band > 50 && options.transition > 0 && options.transition < 1);
  if (from == to) return {samples.begin(), samples.end()};
  const std::int64_t common = std::gcd(from, to), up = to / common, down = from / common;  // L, M
  const double nyquist = 0.5 * std::min(1.0, double(to) / from);                           // [1 / input sample] the lower one
  const double cutoff = nyquist * (1.0 - options.transition / 2);
  const double width = 2 * std::numbers::pi * nyquist * options.transition;                // [rad / input sample]
  const auto half = static_cast<std::int64_t>(std::ceil((options.stop_band - 7.95) / (2.285 * width) / 2));
  const double beta = kaiser_beta(options.stop_band);
  const std::int64_t taps = 2 * half;
  // h(phase / L + half − 1 − k) for each phase: weights of input samples floor(t) − half + 1 + k.
  std::vector<double> filter(static_cast<size_t>(up * taps));
  for (std::int64_t phase = 0; phase < up; ++phase) {
    double sum = 0;
    double* h = filter.data() + phase * taps;
    for (std::int64_t k = 0; k < taps; ++k) {
      const double t = double(phase) / double(up) + double(half - 1 - k), u = t / double(half);
      h[k] = std::abs(u) < 1 ? 2 * cutoff * sinc(2 * cutoff * t) * std::cyl_bessel_i(0.0, beta * std::sqrt(1 - u * u)) / std::cyl_bessel_i(0.0, beta)
                             : 0.0;
      sum += h[k];
    }
    for (std::int64_t k = 0; k < taps; ++k) h[k] /= sum;  // a constant stays what it is
  }
  const auto size = static_cast<std::int64_t>(samples.size());
  std::vector<float> out(static_cast<size_t>((size * up + down - 1) / down));
  for (size_t m = 0; m < out.size(); ++m) {
    const std::int64_t at = static_cast<std::int64_t>(m) * down;
    const std::int64_t first = at / up - half + 1;
    const double* h = filter.data() + at % up * taps;
    double sum = 0;
    for (std::int64_t k = std::max<std::int64_t>(0, -first); k < std::min(taps, size - first); ++k)
      sum += h[k] * static_cast<double>(samples[static_cast<size_t>(first + k)]);
    out[m] = static_cast<float>(sum);
  }
  return out;
}

}  // namespace mho::chip
