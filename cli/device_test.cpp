// mho device as a user meets it: both engines, files and pictures, and bad input as one line.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "cli/scratch.hpp"
#include "core/json_file.hpp"

using namespace mho;

namespace {

struct Scratch : test::ScratchFolder {
  struct Outcome {
    int status;
    std::string out, err;
  };
  Outcome mho(const std::string& arguments) const {
    const int status = std::system(fmt::format("'{}' {} >'{}' 2>'{}' </dev/null", MHO_BINARY, arguments, path("stdout"), path("stderr")).c_str());
    return {WEXITSTATUS(status), read_text_file(path("stdout")), read_text_file(path("stderr"))};
  }
};

}  // namespace

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
  CHECK(value(0, "resistance_end") == doctest::Approx(value(1, "resistance_end")).epsilon(5e-3));
  for (const char* engine : {"ode", "ngspice"}) CHECK(read_text_file(s.path(fmt::format("out/iv_{}.csv", engine))).starts_with("t[s],drive[V]"));
  CHECK(read_text_file(s.path("out/iv.svg")).find("<svg") != std::string::npos);
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
  complains("iv stanford_v1 --param gap_max='-1 nm'", "gap_max");
  complains("iv stanford_v1 --start gap='9 nm'", "gap");
  complains("iv stanford_v1 --r-series=-5", "--r-series");
  complains("pulse stanford_v1 --set 0 --reset 0", "--set");
  complains("program stanford_d_analog --targets '500 uS'", "--targets");
  complains("program stanford_d_analog --targets '150 uS'", "window");
  complains("program stanford_d_analog --policy /nowhere.toml", "/nowhere.toml");
  complains("relax --times '1 s,1 s'", "--times");
}
