// mho neuron as a user meets it: one small conversion with its files, and bad input as one line.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "cli/scratch.hpp"
#include "core/json_file.hpp"

using namespace mho;
namespace fs = std::filesystem;

namespace {

struct Scratch : test::ScratchFolder {
  test::Outcome mho(const std::string& arguments) const { return ScratchFolder::mho("neuron " + arguments); }
};

const std::string column = R"({"conductance": [1e-5, 2e-5, 1e-5, 2e-5], "levels": [[1, 1, 0, 1]], "v_read": 0.3, "v_decrement": 0.05, "max_code": 1})";

}  // namespace

TEST_CASE("mho neuron simulate runs a column from a file and writes deck and waveform") {
  const Scratch s;
  write_text_file(s.path("column.json"), column);
  const auto run = s.mho(fmt::format("simulate --json --set calibrate.circuit.rows=4 --input {} --export {} --waveform {} --out {}", s.path("column.json"), s.path("deck.cir"),
                                     s.path("w.csv"), s.path("out")));
  CAPTURE(run.err);
  REQUIRE(run.status == 0);
  const Json json = Json::parse(run.out);
  const Json& result = json.at("ngspice");
  // Mean of the inputs: 0.3 V · (1 + 2 + 2)/6, less what word lines at 2.5 V lose of it, 2.5 to 3 % (docs/circuits.md).
  CHECK(result.at("v_line_driven").at("value").at(0).get<double>() == doctest::Approx(0.97 * 0.25).scale(1e-30).epsilon(0.01));
  double sum = 0.0;
  for (const auto& [name, energy] : result.at("energy").items())
    if (name != "total") sum += energy.at("value").get<double>();
  CHECK(sum == doctest::Approx(result.at("energy").at("total").at("value").get<double>()).scale(1e-30));
  CHECK(read_text_file(s.path("deck.cir")).find(".end") != std::string::npos);
  CHECK(read_text_file(s.path("w.csv")).starts_with("time[s],"));
  CHECK(read_json_file(s.path("out/neuron_simulate.json")) == json);
}

TEST_CASE("bad input of mho neuron is one line with status 2, and no file is left") {
  const Scratch s;
  write_text_file(s.path("bad.json"), R"({"conductance": [1e-5], "levels": [[2]]})");
  write_text_file(s.path("key.json"), R"({"conductance": [1e-5], "levels": [[1]], "v_raed": 1})");
  write_text_file(s.path("column.json"), column);
  const auto complains = [&](const std::string& arguments, const std::string& words) {
    const auto run = s.mho(arguments + " --export " + s.path("deck.cir"));
    CAPTURE(run.err);
    CHECK(run.status == 2);
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
    CHECK(run.err.find(words) != std::string::npos);
    CHECK_FALSE(fs::exists(s.path("deck.cir")));
  };
  complains("simulate --input " + s.path("bad.json"), "levels[0][0]: is 2; a level is -1, 0 or 1");
  complains("simulate --input " + s.path("key.json"), "v_raed: is not a key");
  complains("simulate --input " + s.path("none.json"), "none.json");
  complains("simulate --v-read 3x", "--v-read is '3x', wants a number with the unit V");
  complains("simulate --form ode", "--form ngspice");
  complains("simulate --rows 300", "does not fit a core of 256");
  complains("simulate --set calibrate.circuit.wl_hihg=\"2 V\"", "wl_high");
  complains("simulate --input " + s.path("column.json") + " --set calibrate.program=none.toml", "none.toml");
  complains("simulate --purpose test", "purpose");
}
