#include "core/random.hpp"

#include <Random123/philox.h>

#include <cmath>
#include <numbers>

namespace mho {

RandomStream::RandomStream(std::uint64_t seed, std::uint32_t die, std::uint32_t core, std::uint32_t cell, Purpose purpose)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
      counter_{0, cell, (die << 12) ^ core, static_cast<std::uint32_t>(purpose)}, block_{} {}

void RandomStream::refill() {
  const r123::Philox4x32::ctr_type counter{{counter_[0], counter_[1], counter_[2], counter_[3]}};
  const r123::Philox4x32::key_type key{{key_[0], key_[1]}};
  const auto out = r123::Philox4x32{}(counter, key);
  for (size_t i = 0; i < 4; ++i) block_[i] = out[i];
  ++counter_[0];
  used_ = 0;
}

void RandomStream::skip_to(std::uint32_t block) {
  counter_[0] = block;
  used_ = 4;
  has_spare_ = false;
}

std::uint32_t RandomStream::next_u32() {
  if (used_ == 4) refill();
  return block_[used_++];
}

double RandomStream::uniform() { return (static_cast<double>(next_u32()) + 0.5) * 0x1p-32; }

double RandomStream::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2.0 * std::log(uniform()));
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle);
  has_spare_ = true;
  return radius * std::cos(angle);
}

std::uint32_t RandomStream::below(std::uint32_t n) {
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(next_u32()) * n) >> 32);
}

// Marsaglia and Tsang (ACM TOMS 26, 2000) for the gamma distribution with shape degrees/2; χ² is twice it.
double RandomStream::chi_squared(double degrees) {
  double shape = 0.5 * degrees, boost = 1.0;
  if (shape < 1.0) {
    boost = std::pow(uniform(), 1.0 / shape);
    shape += 1.0;
  }
  const double d = shape - 1.0 / 3.0, c = 1.0 / std::sqrt(9.0 * d);
  while (true) {
    const double x = normal();
    const double v = std::pow(1.0 + c * x, 3);
    if (v <= 0.0) continue;
    if (std::log(uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return 2.0 * d * v * boost;
  }
}

}  // namespace mho
