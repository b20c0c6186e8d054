#include "devices/array_noise.hpp"

#include <cmath>

#include "core/errors.hpp"

namespace mho::devices {

ArrayNoise array_noise(const ReadNoiseParams& params, const Eigen::MatrixXd& conductance,
                       std::uint64_t seed, std::uint32_t die, std::uint32_t core,
                       std::uint32_t event, double t, double rate) {
  if (!(conductance.array() > 0.0).all() || !conductance.allFinite())
    throw Error("read noise of an array: conductances must be more than 0");
  if (!(t >= 0.0 && rate >= 0.0)) throw Error("read noise of an array: time and rate must be 0 or more");
  if (event >= ReadNoise::events) throw Error("read noise of an array: too many programming events");
  ArrayNoise noise{conductance, conductance};
  for (Eigen::Index n = 0; n < conductance.size(); ++n) {
    ReadNoise cell(params, conductance.data()[n], {seed, die, core, static_cast<std::uint32_t>(n)}, event);
    cell.advance(t);
    noise.conductance.data()[n] = cell.conductance_below(rate);
    noise.sigma.data()[n] = conductance.data()[n] * std::sqrt(cell.variance_above(rate));
  }
  return noise;
}

}  // namespace mho::devices
