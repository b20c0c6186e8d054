// The netlist of a core: what bent cells carry, and what is no core.
#include "circuits/core_array.hpp"

#include <doctest/doctest.h>

#include "core/errors.hpp"

using namespace mho;
using namespace mho::circuits;

namespace {

CoreInput two_by_two() {
  CoreInput input;
  input.conductance = {{1e-6, 2e-6}, {3e-6, 4e-6}};
  input.levels = {{1, -1}};
  return input;
}

size_t count(const std::string& text, const std::string& what) {
  size_t n = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("cells are ohmic, or bent with their conductance at 0 V") {
  CoreInput input = two_by_two();
  const std::string ohmic = core_part({}, {}, input).netlist;
  CHECK(count(ohmic, " cell r=") == 4);
  CHECK(count(ohmic, "cell_sinh") == 0);
  input.sinh_scale = {{0.25, 0.5}, {0.5, 0.5}};
  const std::string bent = core_part({}, {}, input).netlist;
  CHECK(count(bent, ".subckt cell_sinh") == 1);
  CHECK(count(bent, " cell_sinh i0=") == 4);
  CHECK(count(bent, " cell r=") == 0);
  CHECK(bent.find("v0=0.25") != std::string::npos);
}

TEST_CASE("voltage scales that do not fit the cells are refused") {
  CoreInput input = two_by_two();
  input.sinh_scale = {{0.25, 0.5}};
  CHECK_THROWS_WITH_AS(core_part({}, {}, input), doctest::Contains("voltage scales for 1 of 2 bit lines"), Error);
  input.sinh_scale = {{0.25, 0.5}, {0.5}};
  CHECK_THROWS_WITH_AS(core_part({}, {}, input), doctest::Contains("1 voltage scales for 2 cells"), Error);
  input.sinh_scale = {{0.25, 0.5}, {0.5, 0.0}};
  CHECK_THROWS_WITH_AS(core_part({}, {}, input), doctest::Contains("wants 0.02 V to 1 kV"), Error);
}
