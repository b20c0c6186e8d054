#include "chip/speech/mfcc.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <unsupported/Eigen/FFT>

#include "core/errors.hpp"

namespace mho::chip {
namespace {

using std::numbers::pi;
using Complex = std::complex<double>;

bool is_smooth(int n) {  // no prime factor above 5
  for (const int p : {2, 3, 5})
    while (n % p == 0) n /= p;
  return n == 1;
}

// exp(−iπ j² / n); j² modulo 2n, since the exponential has that period.
std::vector<Complex> make_chirp(int n) {
  std::vector<Complex> chirp;
  for (std::int64_t j = 0; j < n; ++j) chirp.push_back(std::polar(1.0, -pi * double(j * j % (2 * std::int64_t{n})) / n));
  return chirp;
}

Eigen::MatrixXd mel_filters(const MfccOptions& o) {
  const double low = mel_of(o.low), step = (mel_of(o.high) - low) / (o.mel_bands + 1);
  Eigen::MatrixXd filters(o.mel_bands, o.n_fft / 2 + 1);
  for (int b = 0; b < o.mel_bands; ++b) {
    const double begin = frequency_of(low + b * step), peak = frequency_of(low + (b + 1) * step), end = frequency_of(low + (b + 2) * step);
    for (int k = 0; k < filters.cols(); ++k) {
      const double f = double(k) * o.sample_rate / o.n_fft;
      filters(b, k) = std::max(0.0, std::min((f - begin) / (peak - begin), (end - f) / (end - peak)));
    }
  }
  return filters;
}

Eigen::MatrixXd cosine_transform(int coefficients, int bands) {
  Eigen::MatrixXd m(coefficients, bands);
  for (int c = 0; c < coefficients; ++c)
    for (int b = 0; b < bands; ++b) m(c, b) = std::sqrt((c == 0 ? 1.0 : 2.0) / bands) * std::cos(pi * c * (b + 0.5) / bands);
  return m;
}

// Index of a sample continued by reflection about the first and the last.
std::ptrdiff_t reflected(std::ptrdiff_t i, std::ptrdiff_t size) {
  if (i < 0) i = -i;
  return i < size ? i : 2 * (size - 1) - i;
}

const MfccOptions& checked(const MfccOptions& o) {
  const auto fail = [](const char* key, const std::string& what) { throw ConfigError("speech features", 0, key, what); };
  if (o.sample_rate < 1 || o.hop < 1 || o.frames < 1) fail("frames", "sample rate, hop and frames must be positive");
  if (o.window < 2 || o.n_fft < o.window) fail("n_fft", fmt::format("{} is less than the window of {} samples", o.n_fft, o.window));
  if (o.samples() <= o.n_fft / 2) fail("frames", "the clip is shorter than half a window");
  if (!(o.low >= 0 && o.low < o.high && o.high <= 0.5 * o.sample_rate))
    fail("high", fmt::format("{} to {} Hz is not within 0 to {} Hz", o.low, o.high, 0.5 * o.sample_rate));
  if (o.coefficients < 1 || o.mel_bands < o.coefficients)
    fail("coefficients", fmt::format("{} from {} bands; at most as many as bands are possible", o.coefficients, o.mel_bands));
  if (!(o.log_offset > 0)) fail("log_offset", "must be positive");
  return o;
}

}  // namespace

double mel_of(double frequency) { return 2595.0 * std::log10(1.0 + frequency / 700.0); }
double frequency_of(double mel) { return 700.0 * (std::pow(10.0, mel / 2595.0) - 1.0); }

PowerSpectrum::PowerSpectrum(int n) : n_(n), length_(n) {
  if (is_smooth(n)) return;
  // X_k = c_k Σ_j (x_j c_j) conj(c_{k−j}), c the chirp: a convolution, done by a longer transform (L. Bluestein, 1970).
  chirp_ = make_chirp(n);
  for (length_ = 2 * n - 1; !is_smooth(length_);) ++length_;
  std::vector<Complex> kernel(static_cast<size_t>(length_));
  kernel[0] = 1.0;
  for (size_t j = 1; j < chirp_.size(); ++j) kernel[j] = kernel[kernel.size() - j] = std::conj(chirp_[j]);
  Eigen::FFT<double>().fwd(chirp_spectrum_, kernel);
}

Eigen::VectorXd PowerSpectrum::operator()(std::span<const double> samples) const {
  MHO_ASSERT(samples.size() == static_cast<size_t>(n_));
  static thread_local Eigen::FFT<double> fft;  // holds the twiddle factors
  std::vector<Complex> x(static_cast<size_t>(length_)), spectrum;
  for (size_t j = 0; j < samples.size(); ++j) x[j] = chirp_.empty() ? samples[j] : samples[j] * chirp_[j];
  fft.fwd(spectrum, x);
  if (!chirp_.empty()) {  // |c_k| is 1
    for (size_t j = 0; j < spectrum.size(); ++j) spectrum[j] *= chirp_spectrum_[j];
    fft.inv(x, spectrum);
    spectrum.swap(x);
  }
  Eigen::VectorXd power(n_ / 2 + 1);
  for (Eigen::Index k = 0; k < power.size(); ++k) power[k] = std::norm(spectrum[static_cast<size_t>(k)]);
  return power;
}

std::string MfccOptions::summary() const {
  return fmt::format("MFCC: {} coefficients of {} mel bands {} to {} Hz, {} Hz, window {}, hop {}, n_fft {}, {} frames, ln(E + {})", coefficients,
                     mel_bands, low, high, sample_rate, window, hop, n_fft, frames, log_offset);
}

Mfcc::Mfcc(const MfccOptions& options)
    : options_(checked(options)),
      spectrum_(options.n_fft),
      window_(Eigen::VectorXd::Zero(options.n_fft)),
      filters_(mel_filters(options)),
      cosines_(cosine_transform(options.coefficients, options.mel_bands)) {
  const int first = (options.n_fft - options.window) / 2;
  for (int n = 0; n < options.window; ++n) window_[first + n] = 0.5 - 0.5 * std::cos(2 * pi * n / options.window);
}

Eigen::MatrixXf Mfcc::operator()(std::span<const float> clip) const {
  MHO_ASSERT(clip.size() == static_cast<size_t>(options_.samples()));
  const auto size = static_cast<std::ptrdiff_t>(clip.size());
  Eigen::MatrixXf result(options_.coefficients, options_.frames);
  std::vector<double> frame(static_cast<size_t>(options_.n_fft));
  for (int t = 0; t < options_.frames; ++t) {
    const std::ptrdiff_t begin = std::ptrdiff_t{t} * options_.hop - options_.n_fft / 2;
    for (std::ptrdiff_t n = 0; n < options_.n_fft; ++n)
      frame[static_cast<size_t>(n)] = window_[n] * static_cast<double>(clip[static_cast<size_t>(reflected(begin + n, size))]);
    const Eigen::VectorXd energy = filters_ * spectrum_(frame);
    result.col(t) = (cosines_ * (energy.array() + options_.log_offset).log().matrix()).cast<float>();
  }
  return result;
}

std::vector<float> fit_length(std::span<const float> samples, int length) {
  std::vector<float> clip(static_cast<size_t>(length), 0.0f);
  const auto size = static_cast<std::ptrdiff_t>(samples.size());
  const std::ptrdiff_t from = std::max<std::ptrdiff_t>(0, (size - length) / 2), to = std::max<std::ptrdiff_t>(0, (length - size) / 2);
  std::copy_n(samples.begin() + from, std::min<std::ptrdiff_t>(size, length), clip.begin() + to);
  return clip;
}

}  // namespace mho::chip
