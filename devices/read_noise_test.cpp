// Read noise: spectrum and level against the formula, closed-form variances against paths, exact
// transitions on any grid, RTN statistics, the same path at any thread count and order.
#include <doctest/doctest.h>

#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "core/statistics.hpp"
#include "core/toml_file.hpp"
#include "devices/periodogram.hpp"
#include "devices/read_noise.hpp"

using namespace mho;
using namespace mho::devices;

namespace {
constexpr double pi = std::numbers::pi;
const std::string params_folder = std::string(MHO_SOURCE_DIR) + "/devices/params/";

NoiseKey key_of(std::uint32_t cell) { return {7, 3, 1, cell}; }

// 1/f noise alone, the same in every cell, over the band that a record of 400 Hz can show.
ReadNoiseParams flicker() {
  ReadNoiseParams p;
  p.sigma_ln = 0.0;
  p.traps = 0.0;
  p.f_min = 1e-3;
  p.f_max = 200.0;
  return p;
}

std::vector<double> record(ReadNoise noise, double rate, size_t count, double g) {
  std::vector<double> x(count);
  for (size_t i = 0; i < count; ++i) {
    noise.advance(static_cast<double>(i) / rate);
    x[i] = noise.conductance() / g;
  }
  return x;
}

// The continuum of rates, right side of (4).
double continuum(const ReadNoiseParams& p, double a, double f) {
  return a / f * 2.0 / pi * (std::atan(p.f_max / f) - std::atan(p.f_min / f));
}
}  // namespace

TEST_CASE("the built-in read noise is the shipped file, and a contradicting file is refused") {
  const ReadNoiseParams file = load_read_noise(params_folder + "read_noise.toml"), built_in;
  for (const auto& p : ParameterTable<ReadNoiseParams>::table) {
    CAPTURE(p.key);
    CHECK(file.*p.member == doctest::Approx(built_in.*p.member).scale(1e-30).epsilon(1e-14));
  }
  CHECK_THROWS_AS(load_read_noise(params_folder + "policy_wl_ramp.toml"), ConfigError);
}

TEST_CASE("the sum of relaxators is 1/f: ripple, corners and slope as stated") {
  ReadNoiseParams p = flicker();
  p.f_min = 1e-4;
  p.f_max = 1e5;
  const double g = 100e-6;
  for (const double per_decade : {1.0, 2.0, 4.0}) {
    CAPTURE(per_decade);
    p.per_decade = per_decade;
    const ReadNoise noise(p, g, key_of(0));
    CHECK(noise.density() == doctest::Approx(1e-5).scale(1e-30));
    double worst = 0.0;
    for (double f = 3e-2; f < 300.0; f *= 1.07)
      worst = std::max(worst, std::abs(noise.spectrum(f) / continuum(p, noise.density(), f) - 1.0));
    // First harmonic of the sum over an even grid, and the end of the midpoint rule, h²/24 of the
    // slope of the integrand there, seen from f = 300 f_min.
    const double h = std::log(p.f_max / p.f_min) / static_cast<double>(noise.processes());
    const double ripple = 4.0 * std::exp(-pi * pi / h),
                 end = 2.0 / pi * h * h / 24.0 * p.f_min / 3e-2;
    CHECK(worst < 1.02 * (ripple + end));
    CHECK(worst > 0.9 * ripple);
  }
  p.per_decade = 2.0;
  const ReadNoise noise(p, g, key_of(0));
  const auto relative = [&](double f) { return noise.spectrum(f) * f / noise.density(); };
  CHECK(relative(1.0) == doctest::Approx(1.0).scale(1e-30).epsilon(2e-3));
  // (2/π)·atan(10) and (2/π)·atan(1); the ripple does not decay at once at the ends.
  CHECK(relative(10.0 * p.f_min) == doctest::Approx(1.0 - 0.0635).scale(1e-30).epsilon(0.005));
  CHECK(relative(p.f_max / 10.0) == doctest::Approx(1.0 - 0.0635).scale(1e-30).epsilon(0.005));
  CHECK(relative(p.f_max) == doctest::Approx(0.5).scale(1e-30).epsilon(0.02));
  const auto slope = [&](double f) {
    return std::log(noise.spectrum(f * 1.01) / noise.spectrum(f / 1.01)) / (2.0 * std::log(1.01));
  };
  CHECK(std::abs(slope(1.0) + 1.0) < 4e-3);  // ripple·2π/h
  CHECK(std::abs(slope(p.f_max / 10.0) + 1.067) < 0.01);
  CHECK(std::abs(slope(p.f_min * 10.0) + 1.0 - 0.067) < 0.01);
}

TEST_CASE(
    "variance in a band is the integral of the spectrum, and all of it is A ln(f_max/f_min)") {
  ReadNoiseParams p;
  p.sigma_ln = 0.5;
  p.traps = 3.0;
  const ReadNoise noise(p, 30e-6, key_of(4));
  REQUIRE(noise.trap_count() > 0);
  const auto by_log = [&](double y) { return noise.spectrum(std::exp(y)) * std::exp(y); };
  using boost::math::quadrature::gauss_kronrod;
  for (const auto& [f1, f2] : {std::pair{0.01, 1.0}, {1.0, 20.0}, {1e-3, 1e4}})
    CHECK(noise.variance_in_band(f1, f2) ==
          doctest::Approx(
              gauss_kronrod<double, 61>::integrate(by_log, std::log(f1), std::log(f2), 12, 1e-10)).scale(1e-30)
              .epsilon(1e-8));
  p.traps = 0.0;
  const ReadNoise no_rtn(p, 30e-6, key_of(4));
  const double sigma2 = no_rtn.density() * std::log(p.f_max / p.f_min);
  CHECK(no_rtn.variance_in_band(0.0, 1e12) == doctest::Approx(sigma2).scale(1e-30).epsilon(1e-6));
  CHECK(no_rtn.variance() == doctest::Approx(std::expm1(sigma2)).scale(1e-30).epsilon(1e-12));
  CHECK(no_rtn.variance_in_record(1e12) == doctest::Approx(sigma2).scale(1e-30).epsilon(1e-6));
  CHECK(no_rtn.variance_in_record(1e-12) < 1e-6 * sigma2);
}

TEST_CASE(
    "Welch periodogram: white noise has its level, a tone its power, 1/f its slope and level") {
  RandomStream stream(1, 0, 0, 0, Purpose::test);
  std::vector<double> white(1 << 17), tone(white.size());
  for (size_t i = 0; i < white.size(); ++i) {
    white[i] = 0.3 * stream.normal();
    tone[i] = 2.0 * std::sin(2.0 * pi * 25.0 * static_cast<double>(i) / 400.0);
  }
  const Spectrum of_white = welch(white, 400.0, 1024), of_tone = welch(tone, 400.0, 1024);
  // 2·0.09/400 over 511 bins of 255 segments: standard error below 0.5 %.
  std::vector<double> inner(of_white.density.begin() + 2, of_white.density.end() - 1);
  CHECK(mean(inner) == doctest::Approx(0.09 / 200.0).scale(1e-30).epsilon(0.02));
  double power = 0.0;
  for (const double s : of_tone.density) power += s * 400.0 / 1024.0;
  CHECK(power == doctest::Approx(2.0).scale(1e-30).epsilon(1e-3));
  CHECK_THROWS_AS(welch(white, 400.0, 1023), Error);
  CHECK_THROWS_AS(welch(std::span(white).first(100), 400.0, 1024), Error);

  // Sampling folds what lies above 200 Hz; at 20 Hz that is Σ_k S(400 k ± 20). Slope and level are
  // held against the spectrum of the model folded in the same way.
  const ReadNoiseParams p = flicker();
  const double g = 100e-6;
  Spectrum sum;
  constexpr std::uint32_t cells = 16;
  std::vector<Spectrum> each(cells);
  parallel_for(cells, 2, [&](size_t c) {
    const ReadNoise noise(p, g, key_of(static_cast<std::uint32_t>(c)));
    each[c] = welch(record(noise, 400.0, 50000, g), 400.0, 8192);
  });
  sum = each[0];
  for (std::uint32_t c = 1; c < cells; ++c)
    for (size_t k = 0; k < sum.density.size(); ++k) sum.density[k] += each[c].density[k];
  for (double& s : sum.density) s /= cells;
  const ReadNoise noise(p, g, key_of(0));
  Spectrum folded = sum;
  for (size_t k = 1; k < folded.frequency.size(); ++k) {
    const double f = folded.frequency[k];
    folded.density[k] = noise.spectrum(f);
    for (int m = 1; m < 200; ++m)
      folded.density[k] += noise.spectrum(400.0 * m - f) + noise.spectrum(400.0 * m + f);
  }
  const PowerLaw measured = fit_power_law(sum, 0.1, 20.0),
                 formula = fit_power_law(folded, 0.1, 20.0);
  MESSAGE("slope " << measured.slope << " (formula " << formula.slope << "), S(1 Hz) "
                   << measured.level << " (formula " << formula.level << ")");
  // Nineteen groups of bins of 16·11 half-overlapping segments. The Hann window leaks the steep low end into
  // its first bins, a bias of the order of 0.01 in the slope.
  CHECK(std::abs(measured.slope - formula.slope) < 0.03);
  CHECK(std::abs(measured.slope + 1.0) < 0.06);
  CHECK(measured.level == doctest::Approx(formula.level).scale(1e-30).epsilon(0.05));
  CHECK(measured.level == doctest::Approx(1e-5).scale(1e-30).epsilon(0.12));
}

TEST_CASE(
    "paths have the variance, the variance about a record's mean and the mean that are stated") {
  ReadNoiseParams p = flicker();
  p.density = 1e-4;
  const double g = 100e-6;
  std::vector<double> single, within;
  for (std::uint32_t cell = 0; cell < 3000; ++cell) {
    const std::vector<double> x = record(ReadNoise(p, g, key_of(cell)), 10.0, 100, g);
    single.push_back(x[0]);
    const double m = mean(x);
    double sum = 0.0;
    for (const double v : x) sum += (v - m) * (v - m);
    within.push_back(sum / static_cast<double>(x.size()));
  }
  const ReadNoise noise(p, g, key_of(0));
  // Standard error of a variance from n values: √(2/n) = 2.6 %; of the mean σ/√n.
  CHECK(std::pow(standard_deviation(single), 2) == doctest::Approx(noise.variance()).scale(1e-30).epsilon(0.10));
  CHECK(std::abs(mean(single) - 1.0) < 4.0 * std::sqrt(noise.variance() / 3000.0));
  // The closed form is of a continuous record; of one of 100 samples it is off by O(1 %).
  CHECK(mean(within) == doctest::Approx(noise.variance_in_record(10.0)).scale(1e-30).epsilon(0.05));
}

TEST_CASE("a coarse grid and a fine one have the same law of the increment") {
  ReadNoiseParams p = flicker();
  p.traps = 2.0;
  const double g = 20e-6;
  std::vector<double> once, steps;
  for (std::uint32_t cell = 0; cell < 4000; ++cell) {
    ReadNoise a(p, g, key_of(cell), 0), b(p, g, key_of(cell), 1);
    const double a0 = a.conductance(), b0 = b.conductance();
    a.advance(0.5);
    for (const double t : {0.001, 0.02, 0.021, 0.3, 0.5}) b.advance(t);
    once.push_back(std::log(a.conductance() / a0));
    steps.push_back(std::log(b.conductance() / b0));
  }
  // Kolmogorov–Smirnov of two samples of 4000 from the same law: below 0.036 with probability 0.99.
  std::sort(once.begin(), once.end());
  std::sort(steps.begin(), steps.end());
  double distance = 0.0;
  for (size_t i = 0, j = 0; i < once.size() && j < steps.size();) {
    once[i] < steps[j] ? ++i : ++j;
    distance =
        std::max(distance, std::abs(static_cast<double>(i) - static_cast<double>(j)) / 4000.0);
  }
  CHECK(distance < 0.036);
}

TEST_CASE(
    "RTN: Poisson traps, two levels a apart, dwell by the two times, amplitude by conductance") {
  ReadNoiseParams p;
  p.density = 0.0;
  p.amplitude_sigma = 0.0;
  size_t traps = 0, empty = 0;
  for (std::uint32_t cell = 0; cell < 5000; ++cell) {
    const ReadNoise noise(p, 50e-6, key_of(cell));
    traps += noise.trap_count();
    empty += noise.trap_count() == 0;
  }
  CHECK(std::abs(static_cast<double>(traps) - 5000.0) < 4.0 * std::sqrt(5000.0));
  CHECK(std::abs(static_cast<double>(empty) - 5000.0 / std::numbers::e) <
        4.0 * std::sqrt(5000.0 * 0.37 * 0.63));

  CHECK(median_amplitude(p, 100e-6) == doctest::Approx(0.02).scale(1e-30));
  CHECK(median_amplitude(p, 5e-6) == doctest::Approx(0.10).scale(1e-30));
  CHECK(median_amplitude(p, 1e-6) == doctest::Approx(0.10).scale(1e-30));
  CHECK(median_amplitude(p, std::sqrt(500.0) * 1e-6) == doctest::Approx(std::sqrt(0.02 * 0.10)).scale(1e-30));

  // One trap with both times near 10 ms: levels, share of time, transitions per second.
  p.tau_min = 9.99e-3;
  p.tau_max = 10.01e-3;
  std::uint32_t cell = 0;
  while (ReadNoise(p, 100e-6, key_of(cell)).trap_count() != 1) ++cell;
  const ReadNoise noise(p, 100e-6, key_of(cell));
  const std::vector<double> x = record(noise, 10000.0, 400000, 1.0);
  const double low = *std::min_element(x.begin(), x.end()),
               high = *std::max_element(x.begin(), x.end());
  CHECK(high / low == doctest::Approx(1.02).scale(1e-30).epsilon(1e-9));
  size_t up = 0, changes = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const bool is_high = x[i] > 0.5 * (low + high);
    CHECK_MESSAGE((x[i] == doctest::Approx(low).scale(1e-30).epsilon(1e-9) || is_high), "two levels only");
    up += is_high;
    changes += i > 0 && is_high != (x[i - 1] > 0.5 * (low + high));
  }
  // Samples Δ = 0.1 ms apart differ with probability 2π(1−π)(1 − e^(−λΔ)), λ = 200/s; some 4000
  // changes.
  const double expected = 0.5 * (1.0 - std::exp(-0.02)) * 400000.0;
  CHECK(std::abs(static_cast<double>(changes) - expected) < 5.0 * std::sqrt(expected));
  CHECK(static_cast<double>(up) / 400000.0 == doctest::Approx(0.5).scale(1e-30).epsilon(0.07));  // 4σ of 40 s
  CHECK(mean(x) == doctest::Approx(100e-6).scale(1e-30).epsilon(1e-3));
  CHECK(noise.variance() == doctest::Approx(std::pow(0.02 / 1.01, 2) / 4.0).scale(1e-30).epsilon(1e-4));
}

TEST_CASE("a cell's noise depends on its key and event alone, not on threads, order, neighbours") {
  const ReadNoiseParams p;
  constexpr size_t cells = 200;
  const auto last = [&](std::uint32_t cell, std::uint32_t event) {
    ReadNoise noise(p, 10e-6, key_of(cell), event);
    for (int i = 1; i < 20; ++i) noise.advance(1e-3 * i * i);
    return noise.conductance();
  };
  std::vector<double> one(cells), five(cells), backward(cells);
  parallel_for(cells, 1, [&](size_t i) { one[i] = last(static_cast<std::uint32_t>(i), 0); });
  parallel_for(cells, 5, [&](size_t i) { five[i] = last(static_cast<std::uint32_t>(i), 0); });
  for (size_t i = cells; i-- > 0;) backward[i] = last(static_cast<std::uint32_t>(i), 0);
  CHECK(one == five);
  CHECK(one == backward);
  // Another event, die or seed is another path; the cell itself stays what it is.
  const ReadNoise a(p, 10e-6, key_of(5), 0), b(p, 10e-6, key_of(5), 1), die(p, 10e-6, {7, 4, 1, 5});
  CHECK(a.density() == b.density());
  CHECK(a.variance() == b.variance());
  CHECK(a.conductance() != b.conductance());
  CHECK(a.density() != die.density());
}

TEST_CASE("between cells the density is lognormal about its median and never above its limit") {
  ReadNoiseParams p;
  std::vector<double> ln;
  for (std::uint32_t cell = 0; cell < 4000; ++cell)
    ln.push_back(std::log(ReadNoise(p, 250e-6, key_of(cell)).density()));
  CHECK(std::abs(quantile(ln, 0.5) - std::log(median_density(p, 250e-6))) <
        4.0 * 1.25 * 2.0 / std::sqrt(4000.0));
  CHECK((quantile(ln, 0.5) - quantile(ln, 0.1587)) == doctest::Approx(2.0).scale(1e-30).epsilon(0.1));
  for (std::uint32_t cell = 0; cell < 500; ++cell)
    CHECK(ReadNoise(p, 2e-6, key_of(cell)).density() <= p.density_max);
  CHECK(median_density(p, 50e-6) == doctest::Approx(4e-5).scale(1e-30));
}
