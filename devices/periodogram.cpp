#include "devices/periodogram.hpp"

#include <fmt/format.h>

#include <cmath>
#include <complex>
#include <numbers>
#include <unsupported/Eigen/FFT>

#include "core/errors.hpp"
#include "core/statistics.hpp"

namespace mho::devices {

Spectrum welch(std::span<const double> x, double rate, size_t length) {
  if (length < 2 || length % 2 != 0 || length > x.size())
    throw Error(fmt::format(
        "a spectrum of {} samples in segments of {}: wants an even number that is not larger",
        x.size(), length));
  std::vector<double> window(length), piece(length);
  double power = 0.0;
  for (size_t i = 0; i < length; ++i) {
    window[i] = 0.5 - 0.5 * std::cos(2.0 * std::numbers::pi * static_cast<double>(i) /
                                     static_cast<double>(length));
    power += window[i] * window[i];
  }
  const size_t bins = length / 2 + 1;
  Spectrum result{std::vector<double>(bins), std::vector<double>(bins, 0.0), 0};
  Eigen::FFT<double> fft;
  std::vector<std::complex<double>> transform;
  for (size_t first = 0; first + length <= x.size(); first += length / 2) {
    const auto part = x.subspan(first, length);
    const double middle = mean(part);
    for (size_t i = 0; i < length; ++i) piece[i] = (part[i] - middle) * window[i];
    fft.fwd(transform, piece);
    for (size_t k = 0; k < bins; ++k) result.density[k] += std::norm(transform[k]);
    ++result.segments;
  }
  for (size_t k = 0; k < bins; ++k) {
    const double sides = k == 0 || k == bins - 1 ? 1.0 : 2.0;
    result.frequency[k] = rate * static_cast<double>(k) / static_cast<double>(length);
    result.density[k] *= sides / (rate * power * static_cast<double>(result.segments));
  }
  return result;
}

PowerLaw fit_power_law(const Spectrum& spectrum, double low, double high) {
  constexpr double per_decade = 8.0;
  std::vector<double> x, y;
  double f = 0.0, s = 0.0, count = 0.0, group = 0.0;
  const auto close_group = [&] {
    if (s > 0.0) {
      x.push_back(std::log(f / count));
      y.push_back(std::log(s / count));
    }
    f = s = count = 0.0;
  };
  for (size_t k = 1; k < spectrum.frequency.size(); ++k) {
    if (spectrum.frequency[k] < low || spectrum.frequency[k] > high) continue;
    const double now = std::floor(per_decade * std::log10(spectrum.frequency[k]));
    if (now != group) close_group();
    group = now;
    f += spectrum.frequency[k];
    s += spectrum.density[k];
    count += 1.0;
  }
  close_group();
  const Line line = fit_line(x, y);
  return {std::exp(line.intercept), line.slope};
}

}  // namespace mho::devices
