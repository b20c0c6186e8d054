// Points that fill the unit cube, and how well points fill it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/random.hpp"

namespace mho::validation {

using UnitPoint = std::vector<double>;  // one coordinate in (0, 1) per axis

// Point `index`, from 0, of Sobol's sequence (Boost.Random; direction numbers of Joe and Kuo, SIAM J. Sci. Comput. 30, 2635 (2008)), each axis under Owen's nested scrambling, hashed as
// in Burley, J. Comput. Graph. Tech. 9(4), 1 (2020). `stream` separates sequences of one seed. More points keep the earlier ones, so that a plan can grow.
UnitPoint sobol_point(std::uint64_t seed, std::uint32_t stream, std::uint32_t index, size_t axes, Purpose purpose);

// Centred L2 discrepancy (Hickernell, Math. Comp. 67, 299 (1998), Eq. 5.1c, its square root): how far the share of points in a box is from the box's volume, over all boxes
// from the nearest corner and all projections. Points must not be empty.
double centred_discrepancy(const std::vector<UnitPoint>& points);
// Least distance of two points. At least two.
double smallest_distance(const std::vector<UnitPoint>& points);

}  // namespace mho::validation
