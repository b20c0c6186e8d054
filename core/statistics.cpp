#include "core/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace mho {

double mean(std::span<const double> x) {
  return x.empty() ? 0.0 : std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size());
}

double rms(std::span<const double> x) {
  double sum = 0.0;
  for (double v : x) sum += v * v;
  return x.empty() ? 0.0 : std::sqrt(sum / static_cast<double>(x.size()));
}

double standard_deviation(std::span<const double> x) {
  if (x.size() < 2) return 0.0;
  const double m = mean(x);
  double sum = 0.0;
  for (double v : x) sum += (v - m) * (v - m);
  return std::sqrt(sum / static_cast<double>(x.size() - 1));
}

double quantile(std::vector<double> x, double p) {
  if (x.empty()) return std::nan("");
  std::sort(x.begin(), x.end());
  const double at = p * static_cast<double>(x.size() - 1);
  const size_t i = static_cast<size_t>(at);
  if (i + 1 >= x.size()) return x.back();
  return x[i] + (at - static_cast<double>(i)) * (x[i + 1] - x[i]);
}

Line fit_line(std::span<const double> x, std::span<const double> y) {
  const double n = static_cast<double>(x.size()), mx = mean(x), my = mean(y);
  double sxx = 0.0, sxy = 0.0;
  for (size_t i = 0; i < x.size(); ++i) {
    sxx += (x[i] - mx) * (x[i] - mx);
    sxy += (x[i] - mx) * (y[i] - my);
  }
  Line line{sxx > 0 ? sxy / sxx : 0.0, 0.0, 0.0};
  line.intercept = my - line.slope * mx;
  double sum = 0.0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double r = y[i] - line.slope * x[i] - line.intercept;
    sum += r * r;
  }
  line.residual_rms = n > 0 ? std::sqrt(sum / n) : 0.0;
  return line;
}

}  // namespace mho
