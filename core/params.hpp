// One table per parameter struct: key, member, unit, range and meaning. It drives reading, range checks, dumps and docs.
#pragma once
#include <array>
#include <span>
#include <string>
#include <string_view>

namespace mho {

// One parameter of the struct S. All values are double in SI units.
template <class S>
struct Parameter {
  std::string_view key;
  double S::* member;
  std::string_view unit;   // "1" for a bare number
  double min, max;         // inclusive range of valid values, SI
  std::string_view meaning;
};

// Specialise for each parameter struct:  static constexpr auto table = std::to_array<Parameter<S>>({...});
template <class S>
struct ParameterTable;

}  // namespace mho
