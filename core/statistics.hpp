// Small statistics of samples.
#pragma once
#include <span>
#include <vector>

namespace mho {

double mean(std::span<const double> x);
double rms(std::span<const double> x);
double standard_deviation(std::span<const double> x);               // n−1 in the denominator
double quantile(std::vector<double> x, double p);                   // linear interpolation, p in [0, 1]
struct Line { double slope, intercept, residual_rms; };
Line fit_line(std::span<const double> x, std::span<const double> y); // least squares

}  // namespace mho
