#include "devices/relaxation_law.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/errors.hpp"

namespace mho::devices {
namespace {
constexpr double grid_step = 0.05;       // in ln of the variance
constexpr double least_variance = 1e-3;  // [g_unit²] where the grid begins without a variance_floor
constexpr double still_clock = 0.01;  // ℓ²/σ² of the last point, excess kurtosis 0.03; kept beyond
constexpr double gaussian_from = 1e4;  // from here on ν is taken as infinite: s² within 1.4 % of 1
constexpr double coarsest_step = 0.3;  // in ln q

double phi(double x) { return std::exp(-0.5 * x * x) / std::sqrt(2.0 * std::numbers::pi); }
double big_phi(double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); }

// Weights of a density in y = ln(variable) on the grid y = (first + i)·step.
struct LogGrid {
  long first = 0;
  std::vector<double> weight{1.0};
};

template <class LogDensity>
LogGrid on_grid(double low, double high, double step, const LogDensity& log_density) {
  LogGrid grid;
  grid.first = static_cast<long>(std::floor(low / step));
  const long last = static_cast<long>(std::ceil(high / step));
  grid.weight.clear();
  double sum = 0.0;
  for (long i = grid.first; i <= last; ++i) {
    grid.weight.push_back(std::exp(log_density(static_cast<double>(i) * step)));
    sum += grid.weight.back();
  }
  for (double& w : grid.weight) w /= sum;
  return grid;
}

// ln s², s² = (ν−2)/χ²_ν. The range leaves out 1e-8 of E s², at most e^60 (ν close to 2).
LogGrid event_scale(double nu, double step) {
  const double high = std::min(60.0, std::max(18.0 / (0.5 * nu - 1.0), 12.0 / std::sqrt(nu)));
  const double low = std::max(-18.0 / std::sqrt(nu), std::log((nu - 2.0) / (nu + 80.0)) - 1.0);
  return on_grid(low, high, step, [&](double y) {
    const double chi = (nu - 2.0) * std::exp(-y);
    return 0.5 * nu * (std::log(0.5 * chi) - std::log(0.5 * nu)) - 0.5 * chi + 0.5 * nu;
  });
}

// ln γ, γ inverse Gaussian of mean 1 and variance 1/λ: ln of the density of ln γ is
// −½y − ½λ(e^{y/2} − e^{−y/2})² and a constant. The range ends where the exponent is −40.
LogGrid clock_scale(double lambda, double step) {
  const double high = std::acosh(1.0 + 40.0 / lambda);
  return on_grid(-high, high, step, [&](double y) {
    return -0.5 * y - 2.0 * lambda * std::pow(std::sinh(0.5 * y), 2);
  });
}
}  // namespace

RelaxationLaw::Mixture RelaxationLaw::mixture(double nu, double clock_variance) {
  const bool scaled = nu<gaussian_from, clocked = clock_variance> 0.0;
  double step = coarsest_step;
  if (scaled) step = std::min(step, 0.4 * std::sqrt(2.0 / nu));
  if (clocked) step = std::min(step, 0.4 * std::sqrt(clock_variance));
  const LogGrid event = scaled ? event_scale(nu, step) : LogGrid{};
  const LogGrid clock = clocked ? clock_scale(1.0 / clock_variance, step) : LogGrid{};
  std::vector<double> weight(event.weight.size() + clock.weight.size() - 1);
  for (size_t i = 0; i < event.weight.size(); ++i)
    for (size_t j = 0; j < clock.weight.size(); ++j)
      weight[i + j] += event.weight[i] * clock.weight[j];
  Mixture result;
  for (size_t k = 0; k < weight.size(); ++k) {
    const double q =
        std::exp(static_cast<double>(event.first + clock.first + static_cast<long>(k)) * step);
    if (weight[k] * std::max(1.0, q) < 1e-10) continue;
    result.root.push_back(std::sqrt(q));
    result.weight.push_back(weight[k]);
  }
  return result;
}

RelaxationLaw::RelaxationLaw(const RelaxationParams& params) : params_(params) {
  const double rate = std::pow(params.jump_length / params.g_unit, 2);  // ℓ² in g_unit²
  if (rate == 0.0) {
    mixtures_.push_back(mixture(params.nu, 0.0));
    return;
  }
  grid_low_ = std::log(std::max(params.variance_floor, least_variance));
  const double high = std::max(grid_low_, std::log(rate / still_clock));
  for (double y = grid_low_; y < high + grid_step; y += grid_step)
    mixtures_.push_back(mixture(params.nu, rate * std::exp(-y)));
}

const RelaxationLaw::Mixture& RelaxationLaw::mixture_at(double variance) const {
  if (mixtures_.size() == 1) return mixtures_.front();
  const double y = std::log(variance / (params_.g_unit * params_.g_unit));
  const double index =
      std::clamp((y - grid_low_) / grid_step + 0.5, 0.0, static_cast<double>(mixtures_.size() - 1));
  return mixtures_[static_cast<size_t>(index)];
}

double RelaxationLaw::rise(double m, double variance) const {
  const double sigma = std::sqrt(variance);
  const Mixture& mix = mixture_at(variance);
  double sum = 0.0;
  for (size_t k = 0; k < mix.root.size(); ++k) {
    const double s = sigma * mix.root[k], z = m / s;
    if (z > 9.0) continue;  // below 1e-19 of s
    sum += mix.weight[k] * (s * phi(z) - m * big_phi(-z));
  }
  return 2.0 * sum;
}

double RelaxationLaw::mean(double g, double t) const {
  const double m = g + relaxation_mean(params_, g, t);
  return m + rise(m, relaxation_variance(params_, g, t));
}

double RelaxationLaw::variance(double g, double t) const {
  const double m = g + relaxation_mean(params_, g, t);
  const double v = relaxation_variance(params_, g, t), e = m + rise(m, v);
  return m * m + v - e * e;
}

double RelaxationLaw::cdf(double g, double t, double x) const {
  if (x < 0.0) return 0.0;
  const double m = g + relaxation_mean(params_, g, t);
  const double v = relaxation_variance(params_, g, t), sigma = std::sqrt(v);
  const Mixture& mix = mixture_at(v);
  double sum = 0.0;
  for (size_t k = 0; k < mix.root.size(); ++k) {
    const double s = sigma * mix.root[k];
    sum += mix.weight[k] * (big_phi((x - m) / s) - big_phi((-x - m) / s));
  }
  return sum;
}

double RelaxationLaw::density(double g, double t, double x) const {
  const double m = g + relaxation_mean(params_, g, t);
  const double v = relaxation_variance(params_, g, t), sigma = std::sqrt(v);
  const Mixture& mix = mixture_at(v);
  const bool reflected = m * x < 40.0 * v;  // beyond, the image is below e^(−80/q)
  // Roots ascend; a component narrower than a ninth of the distance adds less than e^−40.
  const double narrowest = std::abs(x - m) / (9.0 * sigma);
  const auto first = std::lower_bound(mix.root.begin(), mix.root.end(), narrowest);
  double sum = 0.0;
  for (auto k = static_cast<size_t>(first - mix.root.begin()); k < mix.root.size(); ++k) {
    const double s = sigma * mix.root[k], z = (x - m) / s, image = (x + m) / s;
    double value = std::exp(-0.5 * z * z);
    if (reflected && image < 9.0) value += std::exp(-0.5 * image * image);
    sum += mix.weight[k] * value / s;
  }
  return sum / std::sqrt(2.0 * std::numbers::pi);
}

double RelaxationLaw::quantile(double g, double t, double p) const {
  MHO_ASSERT(p > 0.0 && p < 1.0);
  double low = 0.0, high = std::max(g, params_.g_unit);
  while (cdf(g, t, high) < p) high *= 2.0;
  for (int i = 0; i < 60 && high - low > 1e-9 * high; ++i) {
    const double middle = 0.5 * (low + high);
    (cdf(g, t, middle) < p ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace mho::devices
