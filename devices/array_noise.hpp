// Read noise of the cells of a core, split for a form that reads them many times: what holds while
// it does, and what is new in every read.
#pragma once
#include <Eigen/Core>

#include "devices/read_noise.hpp"

namespace mho::devices {

// R × C each.
struct ArrayNoise {
  Eigen::MatrixXd conductance;  // [S] of the cells at time t, fast processes at their mean
  Eigen::MatrixXd sigma;        // [S] standard deviation from read to read
};

// conductance: R × C [S], all > 0; cell i + R j of `core` on `die`, after programming event `event`.
// t [s] since then; rate [1/s]: processes and traps that forget within 1/rate count as new in every
// read, slower ones as constant. Half a decade on both sides of `rate` is neither. The same cells at
// another t are the same paths (read_noise.hpp). Throws Error for values out of range.
ArrayNoise array_noise(const ReadNoiseParams& params, const Eigen::MatrixXd& conductance,
                       std::uint64_t seed, std::uint32_t die, std::uint32_t core,
                       std::uint32_t event, double t, double rate);

}  // namespace mho::devices
