// mho neuron check as a user meets it: table, JSON and pictures of an amplifier, the exit status of
// a missed limit, and bad input as one line.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <map>

#include "chip/effects.hpp"
#include "cli/scratch.hpp"
#include "core/data_path.hpp"
#include "core/json_file.hpp"

using namespace mho;
namespace fs = std::filesystem;

namespace {

struct Scratch : test::ScratchFolder {
  test::Outcome check(const std::string& arguments) const {
    return mho("neuron check " + arguments);
  }
};

const std::string shipped = data_path("netlists/ota.sub");

}  // namespace

TEST_CASE("mho neuron check measures the shipped amplifier and writes its pictures") {
  const Scratch s;
  const auto run =
      s.check(fmt::format("{} --json --need noise=\"10 mV\" --out {}", shipped, s.path("out")));
  CAPTURE(run.err);
  REQUIRE(run.status == 0);
  const Json json = Json::parse(run.out);
  CHECK(read_json_file(s.path("out/neuron_check.json")) == json);
  int limits = 0;
  for (const Json& row : json.at("rows")) {
    CAPTURE(row.dump());
    CHECK(std::isfinite(row.at("value").get<double>()));
    CHECK_FALSE(row.at("how").get<std::string>().empty());
    if (!row.contains("limit")) continue;
    ++limits;
    CHECK(row.at("passes").get<bool>());
    const double value = row.at("value"), limit = row.at("limit");
    CHECK((row.at("bound") == "at least" ? value >= limit : value <= limit));
  }
  CHECK(limits >= 15);
  for (const char* file : {"bode.svg", "transfer.svg", "step.svg", "loop.csv", "transfer.csv"})
    CHECK(fs::file_size(s.path(std::string("out/") + file)) > 500);
}

TEST_CASE("the noise that a job takes for the circuit is that of the shipped amplifier") {
  const Scratch s;
  const auto run = s.check(shipped + " --json --need noise=\"10 mV\"");
  REQUIRE(run.status == 0);
  std::map<std::string, double> noise;
  const Json rows = Json::parse(run.out).at("rows");
  for (const Json& row : rows) noise[row.at("quantity")] = row.at("value");
  const chip::Effects effects;
  // Two digits are given.
  CHECK(effects.sample_noise == doctest::Approx(std::hypot(noise.at("noise of one sample"), noise.at("noise of one hold"))).scale(1e-30).epsilon(0.01));
  CHECK(effects.decision_noise == doctest::Approx(noise.at("noise of one decision")).scale(1e-30).epsilon(0.01));
}

TEST_CASE("a missed limit is status 4, with the table in full and one line that names it") {
  const Scratch s;
  const auto run = s.check(shipped + " --need supply_current=\"1 uA\" --need noise=\"0 V\"");
  CHECK(run.status == 4);
  CHECK(run.error_lines() == 1);
  CHECK(run.err.find("1 limit missed, the first: supply current, ") != std::string::npos);
  CHECK(run.out.find("FAIL") != std::string::npos);
  CHECK(run.out.find("bias generator of a core") != std::string::npos);
}

TEST_CASE("linearity and energy of the whole converter follow the amplifier, with a PDK's bins as with the card") {
  const Scratch s;
  const auto row = [](const Json& json, const std::string& quantity) {
    for (const Json& r : json.at("rows"))
      if (r.at("quantity") == quantity) return r;
    return Json();
  };
  const std::string few = " --json --max-code 3 --need noise=\"10 mV\"";
  const auto card = s.check(shipped + few);
  CAPTURE(card.err);
  REQUIRE(card.status == 0);
  const Json with_card = Json::parse(card.out);
  CHECK(row(with_card, "INL of the converter").at("value").get<double>() < 0.5);
  CHECK(row(with_card, "codes missing").at("value").get<double>() == 0.0);
  const char* energy = "energy of a conversion to the largest code";
  CHECK(row(with_card, energy).at("value").get<double>() > 1e-12);
  CHECK_FALSE(row(with_card, energy).contains("limit"));

  // The installation holds the card's numbers.
  const std::string pdk = data_path("circuits/testdata/pdk");
  setenv("PDK_ROOT", pdk.c_str(), 1);
  setenv("PDK", "fixture130", 1);
  const auto bins = s.check(shipped + few);
  unsetenv("PDK_ROOT");
  unsetenv("PDK");
  CAPTURE(bins.err);
  REQUIRE(bins.status == 0);
  for (const char* quantity : {"INL of the converter", "DNL of the converter", energy})
    CHECK(row(Json::parse(bins.out), quantity).at("value").get<double>() == doctest::Approx(row(with_card, quantity).at("value").get<double>()).epsilon(0.02));

  // Wires in place of an amplifier convert nothing.
  write_text_file(s.path("wires.sub"), ".subckt ota inp inm out vdd bn bp cn cp\nr1 out 0 1k\nr2 inp inm 1meg\n.ends\n");
  const auto wires = s.check(s.path("wires.sub") + " --json --max-code 3 --need energy=\"1 fJ\"");
  CHECK(wires.status == 4);
  const Json without = Json::parse(wires.out);
  CHECK_FALSE(row(without, "INL of the converter").at("passes").get<bool>());
  CHECK_FALSE(row(without, energy).at("passes").get<bool>());
  CHECK(row(without, "codes missing").at("value").get<double>() == 6.0);
}

TEST_CASE("bad input of mho neuron check is one line with status 2") {
  const Scratch s;
  write_text_file(s.path("pins.sub"),
                  "* my amplifier\n.subckt ota inp inm out vdd bn bp cn\n.ends\n");
  write_text_file(s.path("inside.sub"),
                  ".subckt ota inp inm out vdd bn bp cn cp\nr1 out 0 1k bogus=1\n.ends\n");
  const auto complains = [&](const std::string& arguments, const std::string& words) {
    const auto run = s.check(arguments);
    CAPTURE(run.err);
    CHECK(run.status == 2);
    CHECK(run.error_lines() == 1);
    CHECK(run.err.find(words) != std::string::npos);
  };
  complains(s.path("pins.sub"), "pins.sub:2: ota: lacks the pins cp");
  complains(s.path("inside.sub"), "inside.sub:2: ");
  complains(s.path("none.sub"), "none.sub");
  complains(shipped + " --name mine", "defines no .subckt mine; it has ota, ota_bias");
  complains(shipped + " --need gian=100", "gain");
  complains(shipped + " --need gain=-5", "gain");
  complains(shipped + " --corner fg", "fg");
  complains(shipped + " --temp 500", "--temp");
  complains(shipped + " --v-read 3x", "--v-read");
  complains(shipped + " --set calibrate.program=netlists/programs/line_pulses.toml",
            "phase.sample");
}
