// Cubic in two variables: what the tables of samples consist of (phase_map.hpp, program_blocks.hpp).
#pragma once
#include <array>
#include <type_traits>

namespace mho::solver {

// 10 coefficients: of 1, a, b, a², ab, b², a³, a²b, ab², b³.
template <class T>
using CubicOf = std::array<T, 10>;
using Cubic = CubicOf<double>;

// The same operations in the same order for every T. Inlined always: fast_kernel.cpp is compiled for several instruction sets, with options of its own.
template <class T>
[[gnu::always_inline]] inline T evaluate(const CubicOf<T>& c, std::type_identity_t<T> a, std::type_identity_t<T> b) {
  return c[0] + a * (c[1] + a * (c[3] + a * c[6] + b * c[7]) + b * (c[4] + b * c[8])) + b * (c[2] + b * (c[5] + b * c[9]));
}

}  // namespace mho::solver
