// Sound files, sample rates and MFCC against closed forms and a plain Fourier sum.
#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <numbers>

#include "chip/speech/mfcc.hpp"
#include "chip/speech/resample.hpp"
#include "chip/speech/speech_commands.hpp"
#include "chip/speech/wav.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "core/random.hpp"

using namespace mho;
using namespace mho::chip;
using std::numbers::pi;

namespace {

struct TemporaryFolder {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("mho_speech_test_" + std::to_string(getpid()));
  TemporaryFolder() { std::filesystem::create_directories(path); }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  std::string file(const std::string& name) const {
    std::filesystem::create_directories((path / name).parent_path());
    return (path / name).string();
  }
};

std::string little_endian(std::uint32_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

std::string wav(const std::vector<int>& samples, std::uint32_t channels, std::uint32_t rate, std::uint32_t format = 1, std::uint32_t bits = 16) {
  std::string data;
  for (const int s : samples) data += little_endian(static_cast<std::uint32_t>(s), 2);
  const std::string header = "fmt " + little_endian(16, 4) + little_endian(format, 2) + little_endian(channels, 2) + little_endian(rate, 4) +
                             little_endian(rate * channels * 2, 4) + little_endian(channels * 2, 2) + little_endian(bits, 2);
  const std::string odd = "LIST" + little_endian(3, 4) + "abc" + std::string(1, '\0');  // a chunk of odd length
  const std::string body = "WAVE" + header + odd + "data" + little_endian(static_cast<std::uint32_t>(data.size()), 4) + data;
  return "RIFF" + little_endian(static_cast<std::uint32_t>(body.size()), 4) + body;
}

std::string message(const std::string& path) {
  try {
    read_wav(path);
  } catch (const IoError& e) {
    const std::string text = e.what();
    CHECK(text.find('\n') == std::string::npos);
    CHECK(text.find(path) == 0);
    return text;
  }
  return "no error";
}

std::vector<float> tone(double frequency, double rate, size_t count) {
  std::vector<float> samples(count);
  for (size_t n = 0; n < count; ++n) samples[n] = static_cast<float>(std::sin(2 * pi * frequency * double(n) / rate + 0.3));
  return samples;
}

// rms of samples 1/4 … 3/4, away from the ends, of a − b.
double rms_of_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  const size_t first = a.size() / 4, last = a.size() * 3 / 4;
  for (size_t i = first; i < last; ++i) sum += std::pow(double(a[i]) - double(b[i]), 2);
  return std::sqrt(sum / double(last - first));
}

std::vector<double> random_samples(int n, std::uint64_t seed) {
  RandomStream random(seed, 0, 0, 0, Purpose::test);
  std::vector<double> x(static_cast<size_t>(n));
  for (double& v : x) v = random.normal();
  return x;
}

}  // namespace

TEST_CASE("samples of a WAV file, one and two channels, chunks between header and samples") {
  const TemporaryFolder folder;
  write_text_file(folder.file("mono.wav"), wav({0, 16384, -32768, 32767}, 1, 8000));
  const Sound mono = read_wav(folder.file("mono.wav"));
  CHECK(mono.sample_rate == 8000);
  CHECK(mono.samples == std::vector<float>{0.0f, 0.5f, -1.0f, 32767.0f / 32768.0f});
  write_text_file(folder.file("stereo.wav"), wav({100, 300, -32768, 32767, 5, 5}, 2, 44100));
  const Sound stereo = read_wav(folder.file("stereo.wav"));
  CHECK(stereo.sample_rate == 44100);
  CHECK(stereo.samples == std::vector<float>{200.0f / 32768, -0.5f / 32768, 5.0f / 32768});
}

TEST_CASE("files that are no 16-bit PCM, truncated or without samples are refused in one line") {
  const TemporaryFolder folder;
  const auto check = [&](const std::string& bytes, const std::string& part) {
    write_text_file(folder.file("x.wav"), bytes);
    const std::string text = message(folder.file("x.wav"));
    CAPTURE(text);
    CHECK(text.find(part) != std::string::npos);
  };
  const std::string good = wav({1, 2, 3, 4}, 1, 16000);
  check("", "is empty");
  check("not sound at all", "does not begin with RIFF");
  check(wav({1, 2}, 1, 16000, 3, 32), "32 bits of format 3; expected 16-bit PCM");
  check(wav({1, 2}, 1, 16000, 1, 8), "8 bits of format 1");
  check(wav({1, 2}, 0, 16000), "0 channels at 16000 Hz");
  check(wav({}, 1, 16000), "holds no samples");
  check(good.substr(0, good.size() - 3), "the header says 8 bytes of samples, the file has 5");
  check(good.substr(0, 40), "is truncated");
  for (size_t length = 0; length < good.size(); ++length) {
    write_text_file(folder.file("x.wav"), good.substr(0, length));
    CHECK_THROWS_AS(read_wav(folder.file("x.wav")), IoError);
  }
  CHECK_THROWS_AS(read_wav(folder.file("missing.wav")), IoError);
}

TEST_CASE("a tone stays a tone at another rate, and neither images nor aliases reach -60 dB") {
  const double limit = std::pow(10.0, -60.0 / 20);
  struct Case {
    int from, to;
    double frequency;
  };
  for (const Case& c : {Case{8000, 16000, 1000}, {8000, 16000, 3500}, {44100, 16000, 7000}, {16000, 11025, 440}, {22050, 16000, 5000}, {48000, 16000, 60}}) {
    CAPTURE(c.from);
    CAPTURE(c.to);
    const std::vector<float> out = resample(tone(c.frequency, c.from, static_cast<size_t>(c.from) / 2), c.from, c.to);
    CHECK(out.size() == static_cast<size_t>((c.from / 2 * std::int64_t{c.to} + c.from - 1) / c.from));
    CHECK(rms_of_difference(out, tone(c.frequency, c.to, out.size())) < limit * std::sqrt(0.5));
  }
  // Above the new Nyquist frequency nothing is left.
  for (const double frequency : {8000.0, 8100.0, 10000.0, 15900.0, 20000.0}) {
    CAPTURE(frequency);
    const std::vector<float> out = resample(tone(frequency, 44100, 44100), 44100, 16000);
    CHECK(rms_of_difference(out, std::vector<float>(out.size(), 0.0f)) < limit * std::sqrt(0.5));
  }
  const std::vector<float> same = tone(100, 16000, 50);
  CHECK(resample(same, 16000, 16000) == same);
}

TEST_CASE("the power spectrum is that of a plain Fourier sum, for any length") {
  for (const int n : {2, 7, 11, 60, 400, 641}) {
    const std::vector<double> x = random_samples(n, 1);
    const Eigen::VectorXd power = PowerSpectrum(n)(x);
    REQUIRE(power.size() == n / 2 + 1);
    for (int k = 0; k <= n / 2; ++k) {
      std::complex<double> sum = 0;
      for (int j = 0; j < n; ++j) sum += x[static_cast<size_t>(j)] * std::polar(1.0, -2 * pi * double(std::int64_t{j} * k % n) / n);
      CHECK(power[k] == doctest::Approx(std::norm(sum)).epsilon(1e-9));
    }
  }
}

TEST_CASE("Parseval: the energy of the spectrum is that of the samples") {
  for (const int n : {640, 641}) {
    const std::vector<double> x = random_samples(n, 2);
    const Eigen::VectorXd power = PowerSpectrum(n)(x);
    // Frequencies k and n − k hold the same; 0 and, for even n, n / 2 occur once.
    const double both = 2 * power.sum() - power[0] - (n % 2 == 0 ? power[n / 2] : 0.0);
    double energy = 0;
    for (const double v : x) energy += v * v;
    CHECK(both / n == doctest::Approx(energy).epsilon(1e-10));
  }
}

TEST_CASE("tone and white noise under the Hann window have the powers of the closed forms") {
  const Mfcc mfcc({});
  const int n = 641;
  const Eigen::VectorXd& w = mfcc.window();
  CHECK(w.sum() == doctest::Approx(n / 2.0).epsilon(1e-12));              // Σ w = n / 2
  CHECK(w.squaredNorm() == doctest::Approx(3.0 * n / 8).epsilon(1e-12));  // Σ w² = 3 n / 8
  const PowerSpectrum spectrum(n);
  std::vector<double> frame(n);
  const int k = 40;  // a sine of amplitude A on bin k: |X_k| = A / 2 · Σ w, and half of that beside it
  for (int j = 0; j < n; ++j) frame[static_cast<size_t>(j)] = w[j] * 0.8 * std::sin(2 * pi * k * j / n);
  const Eigen::VectorXd tone_power = spectrum(frame);
  CHECK(tone_power[k] == doctest::Approx(std::pow(0.4 * n / 2, 2)).epsilon(1e-9));
  CHECK(tone_power[k + 1] == doctest::Approx(std::pow(0.2 * n / 2, 2)).epsilon(1e-9));
  CHECK(tone_power[k + 5] < 1e-9);
  double mean = 0;
  constexpr int frames = 200;
  for (int f = 0; f < frames; ++f) {
    std::vector<double> noise = random_samples(n, 100 + static_cast<std::uint64_t>(f));
    for (int j = 0; j < n; ++j) noise[static_cast<size_t>(j)] *= w[j];
    mean += spectrum(noise).segment(5, 300).mean() / frames;
  }
  // |X|² is exponential; about a half of the bins are independent under the window: 4 standard errors.
  CHECK(mean == doctest::Approx(3.0 * n / 8).epsilon(4 / std::sqrt(frames * 300 / 2.0)));
}

TEST_CASE("the mel scale has its published value, is undone by its inverse, and neighbouring bands add up to 1") {
  CHECK(mel_of(1000) == doctest::Approx(999.99).epsilon(1e-5));  // O'Shaughnessy 1987 as HTK writes it
  CHECK(mel_of(0) == 0);
  for (const double f : {20.0, 440.0, 4000.0, 8000.0}) CHECK(frequency_of(mel_of(f)) == doctest::Approx(f).epsilon(1e-12));
  MfccOptions o;
  const Mfcc mfcc(o);
  const double step = (mel_of(o.high) - mel_of(o.low)) / (o.mel_bands + 1);
  for (Eigen::Index k = 0; k < mfcc.filters().cols(); ++k) {
    const double f = double(k) * o.sample_rate / o.n_fft;
    const bool inside = f >= frequency_of(mel_of(o.low) + step) && f <= frequency_of(mel_of(o.high) - step);
    if (inside) CHECK(mfcc.filters().col(k).sum() == doctest::Approx(1.0).epsilon(1e-12));
    if (f < o.low || f > o.high) CHECK(mfcc.filters().col(k).isZero());
  }
}

TEST_CASE("the cosine transform is orthonormal, and gives a constant one coefficient") {
  const Eigen::MatrixXd m = Mfcc({}).cosines();
  CHECK((m * m.transpose()).isIdentity(1e-12));
  const Eigen::VectorXd c = m * Eigen::VectorXd::Constant(160, 2.5);
  CHECK(c[0] == doctest::Approx(2.5 * std::sqrt(160.0)).epsilon(1e-12));
  CHECK(c.tail(39).cwiseAbs().maxCoeff() < 1e-11);
}

TEST_CASE("coefficients of silence and of a louder clip follow from the logarithm") {
  const MfccOptions o;
  const Mfcc mfcc(o);
  const Eigen::MatrixXf silence = mfcc(std::vector<float>(16000, 0.0f));
  REQUIRE(silence.rows() == 40);
  REQUIRE(silence.cols() == 50);
  for (int t = 0; t < 50; ++t) {
    CHECK(double(silence(0, t)) == doctest::Approx(std::log(1e-6) * std::sqrt(160.0)).epsilon(1e-6));
    CHECK(silence.col(t).tail(39).cwiseAbs().maxCoeff() < 1e-4f);
  }
  // Twice the amplitude: four times the energy, ln 4 in every band that holds a bin, so the change is the same in all frames.
  std::vector<float> noise(16000), loud(16000);
  RandomStream random(5, 0, 0, 0, Purpose::test);
  for (size_t i = 0; i < noise.size(); ++i) loud[i] = 2 * (noise[i] = static_cast<float>(0.2 * random.normal()));
  Eigen::VectorXd change = Eigen::VectorXd::Zero(160);
  for (int b = 0; b < 160; ++b) change[b] = mfcc.filters().row(b).maxCoeff() > 0 ? std::log(4.0) : 0.0;
  const Eigen::VectorXd expected = mfcc.cosines() * change;
  const Eigen::MatrixXf difference = mfcc(loud) - mfcc(noise);
  for (int t = 0; t < 50; ++t) CHECK((difference.col(t).cast<double>() - expected).cwiseAbs().maxCoeff() < 0.01);
}

TEST_CASE("frames are centred at multiples of the hop: a click shows in its own frames only") {
  std::vector<float> click(16000, 0.0f);
  click[20 * 320] = 0.5f;
  const Eigen::MatrixXf m = Mfcc({})(click);
  for (int t = 0; t < 50; ++t) {
    const double quiet = std::log(1e-6) * std::sqrt(160.0);
    CHECK((std::abs(double(m(0, t)) - quiet) > 1) == (t == 20));  // the window is 0 one hop away, but for half a sample
  }
}

TEST_CASE("clips get the length of a second in their middle") {
  const std::vector<float> x{1, 2, 3, 4, 5};
  CHECK(fit_length(x, 5) == x);
  CHECK(fit_length(x, 3) == std::vector<float>{2, 3, 4});
  CHECK(fit_length(x, 9) == std::vector<float>{0, 0, 1, 2, 3, 4, 5, 0, 0});
}

TEST_CASE("options of features that make no sense are refused") {
  for (const MfccOptions& o : {MfccOptions{.n_fft = 640}, MfccOptions{.high = 9000}, MfccOptions{.coefficients = 161}, MfccOptions{.low = 5000},
                               MfccOptions{.frames = 0}, MfccOptions{.log_offset = 0}, MfccOptions{.frames = 1, .hop = 100}})
    CHECK_THROWS_AS(Mfcc{o}, ConfigError);
}

TEST_CASE("words in folders of a split, and in folders with the official lists") {
  const TemporaryFolder folder;
  const auto clip = [&](const std::string& name, int amplitude) {
    std::vector<int> samples(4000);
    for (size_t n = 0; n < samples.size(); ++n) samples[n] = static_cast<int>(amplitude * std::sin(0.3 * double(n)));
    write_text_file(folder.file(name), wav(samples, 1, 8000));
  };
  for (const std::string word : {"yes", "no", "_background_noise_"})
    for (const std::string file : {"a", "b", "c"}) {
      clip("split/train/" + word + "/" + file + ".wav", 3000);
      clip("lists/" + word + "/" + file + ".wav", 3000);
    }
  clip("split/test/yes/d.wav", 9000);
  const ImageSet train = load_speech(folder.file("split"), Split::train), test = load_speech(folder.file("split"), Split::test);
  CHECK(speech_words(folder.file("split")) == std::vector<std::string>{"no", "yes"});
  CHECK(train.size() == 6);
  CHECK(test.size() == 1);
  CHECK(test.labels[0] == 1);
  CHECK(train.height == 50);
  CHECK(train.width == 1);
  CHECK(train.channels == 40);
  CHECK(train.features.size() == 6 * 2000);
  CHECK(train.pixels.empty());
  const ImageSet part = train.slice(2, 3);
  CHECK(part.size() == 3);
  CHECK(std::equal(part.features.begin(), part.features.end(), train.sequence(2)));

  // No lists yet: neither layout.
  CHECK_THROWS_AS(load_speech(folder.file("lists"), Split::train), IoError);
  write_text_file(folder.file("lists/testing_list.txt"), "yes/a.wav\nno/c.wav\r\n");
  write_text_file(folder.file("lists/validation_list.txt"), "no/a.wav\n");
  const ImageSet rest = load_data_set(DataSet::speech, folder.file("lists"), Split::train);
  CHECK(rest.size() == 4);
  CHECK(rest.labels.back() == 0);  // the one of the validation list comes last
  CHECK(load_speech(folder.file("lists"), Split::test).size() == 2);

  write_text_file(folder.file("split/test/yes/d.wav"), "RIFF");
  const auto text = [&] {
    try {
      load_speech(folder.file("split"), Split::test);
    } catch (const IoError& e) {
      return std::string(e.what());
    }
    return std::string();
  }();
  CHECK(text.find("yes/d.wav") != std::string::npos);
  std::filesystem::remove(folder.file("split/test/yes/d.wav"));
  CHECK_THROWS_AS(load_speech(folder.file("split"), Split::test), IoError);
  CHECK_THROWS_AS(load_speech(folder.file("nothing"), Split::test), IoError);
}
