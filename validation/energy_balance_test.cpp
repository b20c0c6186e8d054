// First law on whole conversions, part by part, and the rewriting of the deck behind it.
#include "validation/energy_balance.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "core/errors.hpp"
#include "validation/energy_designs.hpp"

using namespace mho;
using namespace mho::validation;

namespace {

spice::Session& ngspice() {
  static spice::Session session;
  return session;
}

// Four rows in a core of four, a range of one step: at most two decrements.
circuits::ConversionSetup four_rows(const EnergyDesign& design) {
  EnergyDesign d = design;
  d.circuit.rows = 4;
  circuits::ColumnInput column = energy_column(3, 0, 4);
  column.point.max_code = 1;
  return design_setup(d, column, full_scale_sum(3, 4));
}

double part(const EnergyBalance& balance, const std::string& kind) {
  for (const auto& [name, joule] : balance.parts)
    if (name == kind) return joule;
  return NAN;
}

}  // namespace

TEST_CASE("sources deliver what the parts of a conversion take") {
  circuits::ConversionOptions options;
  options.tolerance = 1e-4;
  for (const EnergyDesign& design :
       {baseline_design(Converter::unary), low_energy_design(Converter::unary)}) {
    const EnergyBalance balance = balance_energy(ngspice(), four_rows(design), options);
    INFO(design.name);
    CHECK(balance.delivered > 0.0);
    // Kirchhoff's current law holds to Newton's tolerance at each point; the heat of resistors is
    // summed by another rule than the charge of sources. Both are far below 1e-3, which a part or a
    // pin left out would exceed: the smallest part that counts, the latch, takes some per cent.
    CHECK(std::abs(balance.residual()) < 1e-3);
    for (const char* kind : {"amplifier", "bias generator", "switch drivers", "word line drivers",
                             "latch", "cells (resistive part)", "select transistors"}) {
      INFO(kind);
      CHECK(part(balance, kind) > 0.0);
    }
    // The second law for what only turns work into heat.
    CHECK(part(balance, "drivers and wires (resistors)") > 0.0);
  }
}

TEST_CASE("meters change no conversion") {
  circuits::ConversionOptions options;
  options.tolerance = 1e-4;
  const circuits::ConversionSetup setup = four_rows(low_energy_design(Converter::binary));
  const circuits::ConversionRecord plain = circuits::run_conversion(ngspice(), setup, options);
  double joule = 0.0;
  for (double component : plain.joule) joule += component;
  // The steps that ngspice chooses change with the meters; energies follow within its tolerance.
  CHECK(balance_energy(ngspice(), setup, options).delivered ==
        doctest::Approx(joule).scale(1e-30).epsilon(2e-3));
}

TEST_CASE("a deck with an element that cannot be metered is refused") {
  CHECK_THROWS_AS(metered_deck("b1 a 0 v=1\n"), Error);
}

TEST_CASE(
    "subcircuits neuron and cell are opened with their parameters, others get a meter at every pin "
    "off ground") {
  const MeteredDeck deck = metered_deck(
      ".subckt cell bl wl sl r=1meg\nrr bl m {r}\nms m wl sl 0 n50 w=1u\n.ends\nxc0 b0 wl sl cell "
      "r=5k\nxq a 0 b other\n");
  REQUIRE(deck.resistors.size() == 1);
  CHECK(deck.resistors[0].value == doctest::Approx(5e3).scale(1e-30));
  CHECK(deck.resistors[0].a == "b0");
  CHECK(deck.resistors[0].b == "m_xc0");
  REQUIRE(deck.pins.size() == 5);  // three of the transistor, two of the other
  CHECK(deck.pins[0].node == "m_xc0");
}

TEST_CASE("a column of the energy bench is differential and uniform over its codes") {
  const circuits::ColumnInput column = energy_column(1, 7);
  REQUIRE(column.conductance.size() == 256);
  REQUIRE(column.levels.size() == 3);
  for (size_t row = 0; row < 256; row += 2) {
    CHECK(std::min(column.conductance[row], column.conductance[row + 1]) == doctest::Approx(1e-6).scale(1e-30));
    for (const auto& bit : column.levels) CHECK(bit[row] == -bit[row + 1]);
  }
  CHECK(std::abs(ideal_sum(column)) < 7.0);
}
