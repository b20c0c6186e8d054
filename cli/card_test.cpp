// mho card as a user meets it: a table of currents judged, a limit missed, bad input as one line.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "cli/scratch.hpp"
#include "core/json_file.hpp"

using namespace mho;

namespace {

const std::string header = "device,corner,T[degC],W[um],L[um],Vgs[V],Vds[V],Vbs[V],Id[A]\n";

std::string file(const test::ScratchFolder& s, const std::string& text) {
  const std::string path = s.path("data.csv");
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

}  // namespace

TEST_CASE("mho card judge misses its limit on data that no such transistor makes") {
  const test::ScratchFolder s;
  std::string text = header;
  for (const char* geometry : {"0.42,0.15", "1,0.5", "5,2"})
    text += fmt::format("nfet_01v8,tt,27,{},1.8,1.8,-0.9,1e-2\n", geometry);
  const auto run = s.mho(fmt::format("card judge --data {} --json", file(s, text)));
  CHECK(run.status == 4);
  CHECK(run.err.find("n18") != std::string::npos);
  const Json json = Json::parse(run.out);
  // asinh of a ratio of some hundred.
  CHECK(json.at("sets").at(0).at("held_out").get<double>() > 2.0);
  CHECK(json.at("sets").at(0).at("geometries").at(1).at("held_out").get<bool>());
  CHECK_FALSE(json.at("sets").at(0).at("geometries").at(0).at("held_out").get<bool>());
}

TEST_CASE("bad input of mho card is one line with status 2") {
  const test::ScratchFolder s;
  const std::string good = file(s, header + "nfet_01v8,tt,27,1,0.5,1.8,1.8,0,1e-4\n");
  const auto complains = [&](const std::string& arguments, const std::string& words) {
    const auto run = s.mho("card " + arguments);
    CAPTURE(arguments);
    CAPTURE(run.err);
    CHECK(run.status == 2);
    CHECK(run.err.find(words) != std::string::npos);
    CHECK(std::count(run.err.begin(), run.err.end(), '\n') == 1);
  };
  complains("judge", "--data");
  complains("judge --data " + s.path("none.csv"), "none.csv");
  complains("fit --device n33 --data " + good, "--device");
  complains("fit --device n50 --data " + good, "n50");
  complains("fit --device n18 --stage corners --data " + good, "ss");
}
