// mho device as a user meets it: both engines, files and pictures, and bad input as one line.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/scratch.hpp"
#include "core/json_file.hpp"

using namespace mho;

using Scratch = test::ScratchFolder;

TEST_CASE("mho device list and show name every card with its model") {
  const Scratch s;
  const auto list = s.mho("device list --json");
  REQUIRE(list.status == 0);
  const Json cards = Json::parse(list.out);
  CHECK(cards.size() >= 15);
  for (const Json& card : cards) {
    CHECK(card.at("conductance_low").at("value").get<double>() < card.at("conductance_high").at("value").get<double>());
    const auto show = s.mho(fmt::format("device show {} --json", card.at("card").get<std::string>()));
    REQUIRE(show.status == 0);
    CHECK(Json::parse(show.out).at("model") == card.at("model"));
  }
}

TEST_CASE("mho device iv gives the same butterfly by both engines, with CSV and picture") {
  const Scratch s;
  const auto run = s.mho(fmt::format("device iv stanford_2016_d --set 1.5 --reset 1.5 --compliance '10 uA' --engine both --json --out {}", s.path("out")));
  CAPTURE(run.err);
  REQUIRE(run.status == 0);
  const Json json = Json::parse(run.out);
  REQUIRE(json.size() == 2);
  const auto value = [&](size_t engine, const char* key) { return json.at(engine).at(key).at("value").get<double>(); };
  // Steps of the drive are 2 mV.
  CHECK(std::abs(value(0, "v_set") - value(1, "v_set")) < 2.1e-3);
  CHECK(value(0, "resistance_end") == doctest::Approx(value(1, "resistance_end")).scale(1e-30).epsilon(5e-3));
  for (const char* engine : {"ode", "ngspice"}) CHECK(read_text_file(s.path(fmt::format("out/iv_{}.csv", engine))).starts_with("t[s],drive[V]"));
  CHECK(read_text_file(s.path("out/iv.svg")).find("<svg") != std::string::npos);
}

TEST_CASE("mho device iv draws PNG or SVG and lies on its own curve as reference") {
  const Scratch s;
  const std::string sweep = "device iv stanford_2016_d --set 1.5 --reset 1.5 --compliance '10 uA' --json ";
  REQUIRE(s.mho(sweep + fmt::format("--out {} --picture {}", s.path("first"), s.path("a.png"))).status == 0);
  CHECK(read_text_file(s.path("a.png")).starts_with("\x89PNG"));
  const auto run = s.mho(sweep + fmt::format("--reference {} --picture {}", s.path("first/iv_ode.csv"), s.path("b.svg")));
  CAPTURE(run.err);
  REQUIRE(run.status == 0);
  CHECK(read_text_file(s.path("b.svg")).find("reference") != std::string::npos);
  // The table carries finitely many digits.
  CHECK(Json::parse(run.out).at(0).at("reference").at("worst_of_limit").get<double>() < 0.01);
}

TEST_CASE("bad input of mho device is one line with status 2") {
  const Scratch s;
  const auto complains = [&](const std::string& arguments, const std::string& words) {
    const auto run = s.mho("device " + arguments);
    CAPTURE(arguments);
    CAPTURE(run.err);
    CHECK(run.status == 2);
    CHECK(run.err.find(words) != std::string::npos);
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  };
  complains("iv nobody", "nobody");
  complains("iv stanford_v1 --rate '3 V'", "--rate");
  complains("iv stanford_v1 --picture x.jpg", ".png");
  complains("iv stanford_v1 --reference nowhere.csv", "nowhere.csv");
  complains("iv stanford_v1 --param gap_max='-1 nm'", "gap_max");
  complains("iv stanford_v1 --start gap='9 nm'", "gap");
  complains("iv stanford_v1 --r-series=-5", "--r-series");
  complains("pulse stanford_v1 --set 0 --reset 0", "--set");
  complains("program stanford_d_analog --targets '500 uS'", "--targets");
  complains("program stanford_d_analog --targets '150 uS'", "window");
  complains("program stanford_d_analog --policy /nowhere.toml", "/nowhere.toml");
  complains("relax --times '1 s,1 s'", "--times");
}

TEST_CASE("mho device fit: the shipped example converges and leaves a card that loads, a bad measurement is one line") {
  const Scratch s;
  const std::string root = MHO_SOURCE_DIR;
  const auto fit = s.mho(fmt::format("device fit stanford_gap {0}/examples/device_fit/sweeps.csv --card {0}/devices/params/stanford_2016_e.toml --free g0,v0,gamma0_set --starts 4 --out {1}", root, s.path("fit")));
  CAPTURE(fit.err);
  REQUIRE(fit.status == 0);
  CHECK(read_text_file(s.path("fit/fit.svg")).find("<svg") != std::string::npos);
  CHECK(s.mho(fmt::format("device show {}", s.path("fit/card.toml"))).status == 0);
  write_text_file(s.path("bad.csv"), "time[s],v[V],i[A]\n0,0,0\n1,nan,1\n");
  const auto bad = s.mho("device fit stanford_gap " + s.path("bad.csv"));
  CHECK(bad.status == 2);
  CHECK(bad.error_lines() == 1);
  CHECK(bad.err.find("bad.csv:3") != std::string::npos);
}
