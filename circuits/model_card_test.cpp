// The embedded card as values, its corners, and the physics that every corner must have.
#include "circuits/model_card.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "circuits/transistor_curves.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"

using namespace mho;
using namespace mho::circuits;

namespace {

spice::Session& ngspice() {
  static spice::Session session;
  return session;
}

const std::string devices[] = {"n18", "p18", "n50", "p50"};
bool is_p(const std::string& device) { return device[0] == 'p'; }
double supply(const std::string& device) { return device.ends_with("50") ? 5.0 : 1.8; }
double shortest(const std::string& device) { return device.ends_with("50") ? 0.5e-6 : 0.15e-6; }

std::vector<std::vector<double>> currents(const std::string& text, const std::string& device,
                                          double temperature, const std::vector<Geometry>& g,
                                          const std::vector<TerminalBias>& b) {
  return drain_curves(ngspice(), {text, device, "", temperature}, g, b);
}

double on_current(Corner corner, const std::string& device, double temperature = 27.0) {
  const double v = is_p(device) ? -supply(device) : supply(device);
  return std::abs(currents(card_text(corner), device, temperature, {{1e-6, shortest(device)}},
                           {{v, v, 0.0}})[0][0]);
}

}  // namespace

TEST_CASE("tt is the file itself, and values survive text") {
  CHECK(card_text(Corner::tt) == read_text_file(data_path("netlists/card_130nm.lib")));
  const std::vector<TransistorCard> cards = embedded_cards();
  REQUIRE(cards.size() == 4);
  for (const TransistorCard& card : cards) {
    CHECK(card.value("version", 0.0) == 4.5);
    CHECK(card.value("tnom", 0.0) == 27.0);
    CHECK(card.type == (is_p(card.name) ? "pmos" : "nmos"));
    std::string all;
    for (const TransistorCard& other : cards) all += card_text(other);
    const Geometry g{1e-6, 1e-6};
    const double v = is_p(card.name) ? -1.2 : 1.2;
    CHECK(currents(all, card.name, 27.0, {g}, {{v, v, 0.0}})[0][0] ==
          currents(card_text(Corner::tt), card.name, 27.0, {g}, {{v, v, 0.0}})[0][0]);
  }
}

TEST_CASE("a shift changes what it names") {
  const TransistorCard card = card_named(embedded_cards(), "n18");
  CornerShift shift;
  shift.vth0 = 0.02;
  shift.u0 = -0.1;
  const TransistorCard other = shifted(card, shift);
  CHECK(other.value("vth0", 0.0) == doctest::Approx(card.value("vth0", 0.0) + 0.02).scale(1e-30));
  CHECK(other.value("u0", 0.0) == doctest::Approx(0.9 * card.value("u0", 0.0)).scale(1e-30));
  CHECK(other.value("k1", 0.0) == card.value("k1", 0.0));
}

TEST_CASE("slow is slow and fast is fast, and the skewed corners are apart") {
  for (const std::string& device : devices) {
    CAPTURE(device);
    const double tt = on_current(Corner::tt, device);
    CHECK(on_current(Corner::ss, device) < 0.95 * tt);
    CHECK(on_current(Corner::ff, device) > 1.05 * tt);
    // In SKY130's names the first letter of a skewed corner is the p-channel transistor.
    CHECK((on_current(Corner::sf, device) < tt) == is_p(device));
    CHECK((on_current(Corner::fs, device) < tt) != is_p(device));
  }
  CHECK_THROWS_AS(corner_of("st"), Error);
}

TEST_CASE("leakage grows with temperature and the mobility falls") {
  for (const std::string& device : devices) {
    CAPTURE(device);
    const double s = is_p(device) ? -1.0 : 1.0, v = s * supply(device);
    const Geometry g{1e-6, 1e-6};
    const auto at = [&](double t, double v_g, double v_d) {
      return std::abs(currents(card_text(Corner::tt), device, t, {g}, {{v_g, v_d, 0.0}})[0][0]);
    };
    CHECK(at(125.0, 0.5 * s, s) > 2.0 * at(27.0, 0.5 * s, s));
    CHECK(at(-40.0, 0.5 * s, s) < 0.5 * at(27.0, 0.5 * s, s));
    // Far above the threshold and at a small V_DS the mobility decides.
    CHECK(at(125.0, v, 0.05 * s) < at(27.0, v, 0.05 * s));
  }
}

TEST_CASE("the current rises with the gate and with the drain at every corner and temperature") {
  for (const std::string& device : devices) {
    const double s = is_p(device) ? -1.0 : 1.0, top = supply(device);
    std::vector<TerminalBias> biases;
    constexpr int steps = 18;
    for (const double v_b : {0.0, -0.5 * s * top})
      for (int i = 1; i <= steps; ++i)
        for (int j = 1; j <= steps; ++j)
          biases.push_back({s * top * i / steps, s * top * j / steps, v_b});
    const std::vector<Geometry> geometries{{0.42e-6, shortest(device)},
                                           {0.84e-6, shortest(device)},
                                           {1.68e-6, shortest(device)},
                                           {1e-6, 0.5e-6},
                                           {3e-6, 1e-6},
                                           {5e-6, 2e-6},
                                           {0.6e-6, 2e-6}};
    for (const auto& [corner, temperature] :
         {std::pair(Corner::tt, 27.0), std::pair(Corner::tt, -40.0), std::pair(Corner::tt, 125.0),
          std::pair(Corner::ss, 27.0), std::pair(Corner::ff, 27.0), std::pair(Corner::sf, 27.0),
          std::pair(Corner::fs, 27.0)}) {
      CAPTURE(device);
      CAPTURE(corner_name(corner));
      CAPTURE(temperature);
      const auto all = currents(card_text(corner), device, temperature, geometries, biases);
      int falls_with_gate = 0, falls_with_drain = 0;
      for (const std::vector<double>& i : all)
        for (size_t k = 0; k < biases.size(); ++k) {
          const size_t j = k % steps, row = k % (steps * steps);
          // ngspice's reltol is 1e-6, and 1 fA is below the leakage of the junctions.
          const auto falls = [&](size_t before) {
            return s * i[k] < s * i[before] * (1.0 - 1e-5) - 1e-15;
          };
          if (j > 0 && falls(k - 1)) ++falls_with_drain;
          if (row >= steps && falls(k - steps)) ++falls_with_gate;
        }
      CHECK(falls_with_gate == 0);
      CHECK(falls_with_drain == 0);
    }
  }
}
