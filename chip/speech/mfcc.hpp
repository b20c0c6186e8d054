// Mel-frequency cepstral coefficients (S. Davis, P. Mermelstein, IEEE Trans. ASSP 28, 357, 1980) with the options of the speech
// network of the NeuRRAM chip (Wan et al., Nature 608, 504, 2022):
//
//   frame t, around sample t · hop:  X_k = Σ_n w_n x_n exp(−2πi k n / n_fft),  w a periodic Hann window
//   band b:                          E_b = Σ_k T_b(k · rate / n_fft) |X_k|²,  T_b a triangle of height 1 on the mel scale
//   coefficient c:                   C_c = s_c Σ_b ln(E_b + offset) cos(π c (b + ½) / bands),  orthonormal
//
// mel(f) = 2595 log10(1 + f / 700 Hz). The clip is continued by reflection at its ends.
#pragma once
#include <Eigen/Core>
#include <complex>
#include <span>
#include <string>
#include <vector>

namespace mho::chip {

double mel_of(double frequency);   // frequency in Hz
double frequency_of(double mel);   // [Hz]

// |X_k|² for k = 0 … n / 2 of n real samples, any n: by the mixed-radix FFT of Eigen (kissfft), with Bluestein's algorithm
// where n has a prime factor above 5.
class PowerSpectrum {
 public:
  explicit PowerSpectrum(int n);
  Eigen::VectorXd operator()(std::span<const double> samples) const;

 private:
  int n_, length_;                                        // length_: of the transform that is done
  std::vector<std::complex<double>> chirp_, chirp_spectrum_;  // empty where length_ is n_
};

struct MfccOptions {
  int sample_rate = 16000;    // [Hz]
  int frames = 50;            // of a clip
  int window = 641;           // [samples]
  int hop = 320;              // [samples]
  int n_fft = 641;            // [samples]
  double low = 20;            // [Hz] where the first band begins
  double high = 4000;         // [Hz] where the last one ends
  int mel_bands = 160;
  int coefficients = 40;
  double log_offset = 1e-6;   // [1] added to the energy of a band; a full-scale sine has some 10⁴

  int samples() const { return frames * hop; }  // of a clip
  std::string summary() const;                  // every option
};

class Mfcc {
 public:
  // Throws ConfigError for options that make no sense.
  explicit Mfcc(const MfccOptions& options);
  // coefficients × frames of options.samples() samples.
  Eigen::MatrixXf operator()(std::span<const float> clip) const;

  const Eigen::MatrixXd& filters() const { return filters_; }  // bands × (n_fft / 2 + 1)
  const Eigen::MatrixXd& cosines() const { return cosines_; }  // coefficients × bands
  const Eigen::VectorXd& window() const { return window_; }    // n_fft

 private:
  MfccOptions options_;
  PowerSpectrum spectrum_;
  Eigen::VectorXd window_;
  Eigen::MatrixXd filters_, cosines_;
};

// `samples` at options.sample_rate, as long as a clip: longer ones lose as much at both ends, shorter ones get zeros.
std::vector<float> fit_length(std::span<const float> samples, int length);

}  // namespace mho::chip
