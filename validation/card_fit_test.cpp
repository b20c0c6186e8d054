// The card's data, the rule of what is held out, and the fits on currents that a known card made.
#include "validation/card_fit.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <string>

#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "validation/card_judgement.hpp"

using namespace mho;
using namespace mho::validation;
using circuits::Corner;
using circuits::Geometry;

namespace {

spice::Session& ngspice() {
  static spice::Session session;
  return session;
}

// A file that goes away with the test.
struct Scratch {
  std::string path = fmt::format("/tmp/mho_card_test_{}.csv", ::getpid());
  explicit Scratch(const std::string& text) { write_text_file(path, text); }
  ~Scratch() { std::remove(path.c_str()); }
};

const std::string header = "device,corner,T[degC],W[um],L[um],Vgs[V],Vds[V],Vbs[V],Id[A]\n";

// What `card` conducts, as data of `corner` and `temperature`.
TransistorCurves made_by(const circuits::TransistorCard& card, Corner corner, double temperature) {
  TransistorCurves data;
  data.device = card.name;
  data.corner = corner;
  data.temperature = temperature;
  data.geometries = {{0.5e-6, 0.15e-6}, {1e-6, 0.15e-6}, {1e-6, 0.5e-6}, {3e-6, 1e-6}};
  for (const double v_bs : {0.0, -0.9})
    for (const double v_ds : {0.05, 1.8})
      for (int i = 0; i <= 9; ++i) data.biases.push_back({0.2 * i, v_ds, v_bs});
  data.held_out = held_out_geometries(data.geometries);
  data.currents = card_currents(ngspice(), card, data);
  return data;
}

}  // namespace

TEST_CASE("held out are inner geometries, every second one from the last") {
  const std::vector<Geometry> g{{0.42e-6, 0.15e-6}, {1e-6, 0.25e-6}, {1e-6, 0.5e-6}, {2e-6, 0.5e-6},
                                {5e-6, 1e-6},       {3e-6, 1e-6},    {2e-6, 2e-6}};
  const std::vector<bool> held = held_out_geometries(g);
  // Inner, by W then L: 1/0.25, 1/0.5, 2/0.5, 3/1.
  CHECK(held == std::vector<bool>{false, false, true, false, false, true, false});
  CHECK(held_out_geometries(std::vector<Geometry>{{1e-6, 1e-6}, {2e-6, 2e-6}}) ==
        std::vector<bool>{false, false});
}

TEST_CASE("a table is read, and what is wrong in it is named with its line") {
  const Scratch good(header +
                     "nfet_01v8,tt,27,1,0.5,0.9,1.8,0,1e-5\nnfet_01v8,tt,27,2,0.5,0.9,1.8,0,2e-5\n"
                     "pfet_01v8,ss,27,1,0.5,-0.9,-1.8,0,-1e-6\n");
  const auto sets = read_transistor_curves(good.path);
  REQUIRE(sets.size() == 2);
  CHECK(sets[0].device == "n18");
  CHECK(sets[0].geometries.size() == 2);
  CHECK(sets[0].currents[1][0] == 2e-5);
  CHECK(curves_of(sets, "p18", Corner::ss, 27.0).biases[0].v_ds == -1.8);
  CHECK_THROWS_AS(curves_of(sets, "p18", Corner::ff, 27.0), Error);

  const auto line_of_error = [](const std::string& text) {
    const Scratch bad(text);
    try {
      read_transistor_curves(bad.path);
    } catch (const ConfigError& e) {
      return e.line;
    }
    return -1;
  };
  CHECK(line_of_error("a,b\n") == 1);
  CHECK(line_of_error(header + "nfet_01v8,tt,27,1,0.5,0.9,1.8,0\n") == 2);
  CHECK(line_of_error(header + "nfet_01v8,tt,27,1,0.5,0.9,1.8,0,x\n") == 2);
  CHECK(line_of_error(header + "nfet_20v0,tt,27,1,0.5,0.9,1.8,0,1\n") == 2);
  // One geometry has a bias point that the other lacks.
  CHECK(line_of_error(header + "nfet_01v8,tt,27,1,0.5,0.9,1.8,0,1e-5\n"
                               "nfet_01v8,tt,27,2,0.5,0.8,1.8,0,1e-5\n") == 0);
}

TEST_CASE("the metric is the relative error above I0 and the absolute one below") {
  const Geometry g{2e-6, 0.5e-6};  // I0 = 12 nA
  CHECK(current_coordinate(1.01e-4, g) - current_coordinate(1e-4, g) ==
        doctest::Approx(std::log(1.01)).scale(1e-30).epsilon(1e-6));
  CHECK(current_coordinate(1.2e-11, g) == doctest::Approx(1e-3).scale(1e-30).epsilon(1e-6));
  CHECK(current_at(current_coordinate(-3e-8, g), g) == doctest::Approx(-3e-8).scale(1e-30).epsilon(1e-12));
}

TEST_CASE("the corner fit reproduces the currents of a corner that its parameters can make") {
  const circuits::TransistorCard card = circuits::card_named(circuits::embedded_cards(), "n18");
  circuits::CornerShift truth;
  truth.vth0 = 0.03;
  truth.u0 = -0.05;
  truth.wint = 5e-9;
  const TransistorCurves typical = made_by(card, Corner::tt, 27.0);
  const TransistorCurves slow = made_by(circuits::shifted(card, truth), Corner::ss, 27.0);
  const double before = card_errors(card_currents(ngspice(), card, slow), slow).fit;
  const circuits::CornerShift found = fit_corner(ngspice(), card, typical, slow);
  const CardErrors after =
      card_errors(card_currents(ngspice(), circuits::shifted(card, found), slow), slow);
  CHECK(before > 0.1);
  // The weak pull of the parameters towards none leaves a little.
  CHECK(after.fit < 0.02 * before);
  CHECK(after.held_out < 0.02 * before);
}

TEST_CASE("the temperature fit leaves the card at 27 degC alone") {
  circuits::TransistorCard card = circuits::card_named(circuits::embedded_cards(), "n18");
  circuits::TransistorCard truth = card;
  truth.set("kt1", -0.35);
  truth.set("ute", -1.4);
  const TransistorCurves room = made_by(card, Corner::tt, 27.0);
  const TransistorCurves hot = made_by(truth, Corner::tt, 125.0);
  card.set("kt1", -0.2);
  card.set("ute", -1.0);
  const double before = card_errors(card_currents(ngspice(), card, hot), hot).fit;
  const circuits::TransistorCard found = fit_temperature(ngspice(), card, {&room, &hot});
  CHECK(card_errors(card_currents(ngspice(), found, hot), hot).fit < 0.05 * before);
  CHECK(card_errors(card_currents(ngspice(), found, room), room).fit < 1e-5);
}
