#include "devices/read_noise.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/errors.hpp"
#include "core/toml_file.hpp"

namespace mho::devices {
namespace {
constexpr double two_pi = 2.0 * std::numbers::pi;
constexpr std::uint32_t event_blocks = 1u << 24;  // event e draws from block (e + 1)·event_blocks

// Knuth's product of uniforms; the means here are of the order of one.
int poisson(double mean, RandomStream& stream) {
  const double end = std::exp(-mean);
  int n = 0;
  for (double product = stream.uniform(); product > end; product *= stream.uniform()) ++n;
  return n;
}
}  // namespace

double median_density(const ReadNoiseParams& p, double g) {
  return std::min(p.density_max, p.density * std::pow(g / p.g_unit, -p.power));
}

double median_amplitude(const ReadNoiseParams& p, double g) {
  const double slope = std::log(p.amplitude_high / p.amplitude_low) / std::log(p.g_high / p.g_low);
  return p.amplitude_low * std::pow(std::max(g, p.g_low) / p.g_low, slope);
}

double ReadNoise::Trap::variance() const {
  const double a = amplitude / (1.0 + amplitude * occupancy);
  return a * a * occupancy * (1.0 - occupancy);
}

ReadNoise::ReadNoise(const ReadNoiseParams& p, double g, const NoiseKey& key, std::uint32_t event)
    : g_(g), path_(key.seed, key.die, key.core, key.cell, Purpose::read_noise) {
  MHO_ASSERT(g > 0.0 && event < events);
  draw_cell(p, path_);
  path_.skip_to((event + 1) * event_blocks);
  const double decades = std::log10(p.f_max / p.f_min);
  const size_t n = density_ > 0.0 ? static_cast<size_t>(std::ceil(decades * p.per_decade)) : 0;
  const double h = n > 0 ? std::log(p.f_max / p.f_min) / static_cast<double>(n) : 0.0;
  each_ = density_ * h;
  rates_.resize(n);
  x_.resize(n);
  keep_.resize(n + traps_.size());
  kick_.resize(n);
  for (size_t i = 0; i < n; ++i) {
    rates_[i] = two_pi * p.f_min * std::exp((static_cast<double>(i) + 0.5) * h);
    x_[i] = std::sqrt(each_) * path_.normal();
  }
  for (Trap& trap : traps_) trap.high = path_.uniform() < trap.occupancy;
  level_ = std::log(g) - 0.5 * each_ * static_cast<double>(n);
  for (const Trap& trap : traps_) level_ -= std::log1p(trap.amplitude * trap.occupancy);
}

void ReadNoise::draw_cell(const ReadNoiseParams& p, RandomStream stream) {
  stream.skip_to(0);
  density_ = std::min(p.density_max, p.density * std::pow(g_ / p.g_unit, -p.power) *
                                         std::exp(p.sigma_ln * stream.normal()));
  const double median = median_amplitude(p, g_), span = std::log(p.tau_max / p.tau_min);
  const int count = poisson(p.traps, stream);
  for (int k = 0; k < count; ++k) {
    const double t0 = p.tau_min * std::exp(span * stream.uniform()),
                 t1 = p.tau_min * std::exp(span * stream.uniform());
    const double amplitude = median * std::exp(p.amplitude_sigma * stream.normal());
    traps_.push_back({1.0 / t0 + 1.0 / t1, t1 / (t0 + t1), amplitude, false});
  }
}

void ReadNoise::prepare(double step) {
  if (step == step_) return;  // an even grid keeps its factors
  step_ = step;
  for (size_t i = 0; i < rates_.size(); ++i) {
    keep_[i] = std::exp(-rates_[i] * step);
    kick_[i] = std::sqrt(-each_ * std::expm1(-2.0 * rates_[i] * step));
  }
  for (size_t k = 0; k < traps_.size(); ++k)
    keep_[rates_.size() + k] = std::exp(-traps_[k].rate * step);
}

void ReadNoise::advance(double t) {
  MHO_ASSERT(t >= time_);
  if (t == time_) return;
  prepare(t - time_);
  time_ = t;
  for (size_t i = 0; i < x_.size(); ++i) x_[i] = keep_[i] * x_[i] + kick_[i] * path_.normal();
  for (size_t k = 0; k < traps_.size(); ++k) {
    Trap& trap = traps_[k];
    const double now = trap.high ? 1.0 : 0.0;
    const double p = trap.occupancy + (now - trap.occupancy) * keep_[x_.size() + k];
    trap.high = path_.uniform() < p;
  }
}

double ReadNoise::conductance() const {
  double exponent = level_, factor = 1.0;
  for (const double x : x_) exponent += x;
  for (const Trap& trap : traps_)
    if (trap.high) factor *= 1.0 + trap.amplitude;
  return factor * std::exp(exponent);
}

template <class Term>
double ReadNoise::sum(const Term& term) const {
  double total = 0.0;
  for (const double rate : rates_) total += term(each_, rate);
  for (const Trap& trap : traps_) total += term(trap.variance(), trap.rate);
  return total;
}

double ReadNoise::spectrum(double f) const {
  const double w = two_pi * f;
  return sum([&](double v, double rate) { return 4.0 * v * rate / (rate * rate + w * w); });
}

double ReadNoise::variance() const {
  double product = std::exp(each_ * static_cast<double>(rates_.size()));
  for (const Trap& trap : traps_) product *= 1.0 + trap.variance();
  return product - 1.0;
}

double ReadNoise::variance_in_band(double f1, double f2) const {
  return sum([&](double v, double rate) {
    return v * 2.0 / std::numbers::pi *
           (std::atan(two_pi * f2 / rate) - std::atan(two_pi * f1 / rate));
  });
}

// Variance of the mean of a process with autocovariance v e^(−λτ) over t: 2 v (x − 1 + e^(−x))/x²,
// x = λt.
double ReadNoise::variance_in_record(double t) const {
  return sum([&](double v, double rate) {
    const double x = rate * t;
    const double of_mean =
        x < 1e-3 ? 1.0 - x / 3.0 + x * x / 12.0 : 2.0 * (x + std::expm1(-x)) / (x * x);
    return v * (1.0 - of_mean);
  });
}

double ReadNoise::conductance_below(double rate) const {
  // The mean of the others: e^(σ²/2) of a process, 1 + a π of a trap.
  double exponent = level_, factor = 1.0;
  for (size_t i = 0; i < x_.size(); ++i) exponent += rates_[i] < rate ? x_[i] : 0.5 * each_;
  for (const Trap& trap : traps_)
    factor *= trap.rate < rate ? (trap.high ? 1.0 + trap.amplitude : 1.0)
                               : 1.0 + trap.amplitude * trap.occupancy;
  return factor * std::exp(exponent);
}

double ReadNoise::variance_above(double rate) const {
  return sum([&](double v, double of_process) { return of_process < rate ? 0.0 : v; });
}

ReadNoiseParams load_read_noise(const std::string& path) {
  TomlFile file(path);
  ReadNoiseParams p;
  file.text("source", "");
  file.read("", p);
  file.finish();
  if (p.f_max <= p.f_min) throw file.error("f_max", "must be above f_min");
  if (p.tau_max < p.tau_min) throw file.error("tau_max", "must not be below tau_min");
  if (p.g_high <= p.g_low) throw file.error("g_high", "must be above g_low");
  if (p.amplitude_low <= 0.0 || p.amplitude_high <= 0.0)
    throw file.error("amplitude_low", "and amplitude_high must be positive; traps = 0 is no RTN");
  return p;
}

}  // namespace mho::devices
