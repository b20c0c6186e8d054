// Intervals of confidence for what a finite number of runs shows.
//
//   mean   x̄ ± t_(n−1) s/√n                                             (normal samples)
//   sigma  s √((n−1)/χ²_(n−1, 1−α/2)) to s √((n−1)/χ²_(n−1, α/2))       (normal samples)
//   share  (p + z²/2n ± z √(p(1−p)/n + z²/4n²))/(1 + z²/n)              Wilson, J. Am. Stat. Assoc.
//   22, 209 (1927), doi:10.1080/01621459.1927.10502953
#pragma once
#include <cstddef>
#include <span>

namespace mho {

struct Interval {
  double low = 0.0, high = 0.0;
};
// From n ≥ 2 samples; one sample gives −∞ to ∞ for the mean and 0 to ∞ for sigma.
Interval mean_interval(std::span<const double> x, double confidence = 0.95);
Interval sigma_interval(std::span<const double> x, double confidence = 0.95);
// Of `passed` among `n` > 0.
Interval share_interval(size_t passed, size_t n, double confidence = 0.95);

}  // namespace mho
