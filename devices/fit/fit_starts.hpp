// Where a search begins: a card, and a Latin hypercube around it.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <vector>

namespace mho::devices {

// `card` first, then `count` points card ± width, each coordinate of which falls once into each of
// `count` layers; every second point is drawn in to a third of the width, since near the card a
// cube is thin. Clipped to [lower, upper].
std::vector<Eigen::VectorXd> hypercube_starts(const Eigen::VectorXd& card,
                                              const Eigen::VectorXd& width,
                                              const Eigen::VectorXd& lower,
                                              const Eigen::VectorXd& upper, int count,
                                              std::uint64_t seed);

}  // namespace mho::devices
