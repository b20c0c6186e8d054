// The circuit designer's commands as a user meets them: short conversions of the converter alone or
// of four rows, at a loose tolerance.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "cli/scratch.hpp"
#include "core/data_path.hpp"
#include "core/json_file.hpp"

using namespace mho;
namespace fs = std::filesystem;

namespace {

// Runs with a cache of their own.
struct Scratch : test::ScratchFolder {
  Scratch() { setenv("MHO_CACHE_DIR", path("cache").c_str(), 1); }
  test::Outcome mho(const std::string& arguments) const {
    return ScratchFolder::mho("neuron " + arguments);
  }
  Json json(const std::string& arguments) const {
    const auto run = mho(arguments + " --json");
    CAPTURE(run.err);
    REQUIRE(run.status == 0);
    return Json::parse(run.out);
  }
};

const std::string converter =
    " --program preset_unary --max-code 2 --v-decrement \"80 mV\" --tolerance 1e-4 ";
const std::string column =
    R"({"conductance": [1e-5, 2e-5, 1e-5, 2e-5], "levels": [[1, 1, 0, 1]], "v_read": 0.4, "v_decrement": 0.1, "max_code": 1})";
const std::string four_rows = " --set calibrate.circuit.rows=4 --tolerance 1e-4 ";

double value(const Json& json) { return json.at("value").get<double>(); }

}  // namespace

TEST_CASE("what is named wrongly is one line with status 2") {
  const Scratch s;
  const auto complains = [&](const std::string& arguments, const std::string& words) {
    const auto run = s.mho(arguments);
    CAPTURE(run.err);
    CHECK(run.status == 2);
    CHECK(run.error_lines() == 1);
    CHECK(run.err.find(words) != std::string::npos);
  };
  complains("simulate --program tahn",
            "no control program \"tahn\", shipped or as a file; shipped are baseline_binary, ");
  complains("simulate --program tanh --parameter b9=1", "it has forward, cds, b1, b2, b3, b4");
  complains("simulate --program tanh --parameter b1", "KEY=VALUE");
  complains("simulate --corner typical", "there are tt, ss, ff, sf, fs");
  complains("simulate --preset 0.1", "no parameter v_preset");
  complains("simulate --program preset_unary --input x.json", "reads no column");
  complains("simulate --form ode --vdd \"1.7 V\"", "calibrated circuit");
  complains("simulate --set calibrate.corner=slow", "calibrate.corner: \"slow\" is not one of tt, ss");
  complains("simulate --vdd \"3 V\"", "--vdd is 3 V, outside 1.2 to 2.5 V");
  complains("simulate --amplifier none.sub", "none.sub");
  complains("modes nothing", "shipped are");
  complains("export --program tanh", "--deck");
  complains("sweep" + converter, "--vary");
  for (const char* vary : {"v_read", "v_read=", "v_read=0:1", "v_read=0:1:1", "v_read=0:1:2.5",
                           "v_read=a:b:3", "v_read=1,,2"})
    complains(fmt::format("sweep --vary {}", vary), "from:to:n");
  complains("sweep --vary v_raed=1,2", "there is no \"v_raed\"");
  complains("sweep --vary corner=tt,xx", "there are tt, ss, ff, sf, fs");
  complains("sweep --vary c_sample=1,2", "outside 1e-15 to 1e-12 F");
  complains("sweep --vary max_code=1.5,2", "whole number");
  complains("montecarlo --spec code=3", "KEY=low..high");
  complains("montecarlo --spec gain=3..4", "among code");
}

TEST_CASE("the list of modes names every program, and one is shown step by step") {
  const Scratch s;
  const auto list = s.mho("modes");
  for (const char* name : {"held_line_unary", "tanh", "lif", "stochastic", "hold"})
    CHECK(list.out.find(name) != std::string::npos);
  const auto one = s.mho("modes lif");
  CHECK(one.out.find("lk    left plate of C_sample to the output") != std::string::npos);
  CHECK(one.out.find("next       reset if q > 0") != std::string::npos);
}

TEST_CASE("a sweep goes on from what the cache holds, and gives code and linearity") {
  const Scratch s;
  const std::string command = "sweep" + converter + "--vary v_preset=";
  const Json first = s.json(command + "-0.02,0.02,0.03");
  CHECK(first.at("from_cache") == 0);
  const Json more = s.json(command + "-0.02,0.02,0.03,0.04 --out " + s.path("out"));
  CHECK(more.at("from_cache") == 3);
  for (size_t i = 0; i < 3; ++i) CHECK(more.at("runs").at(i) == first.at("runs").at(i));
  // 13.08 mV nominally a code, truncated towards zero: 20 mV is code 1, 30 mV code 2.
  CHECK(more.at("runs").at(0).at("code") == -1);
  CHECK(more.at("runs").at(1).at("code") == 1);
  CHECK(more.at("runs").at(2).at("code") == 2);
  CHECK(read_text_file(s.path("out/transfer.svg")).starts_with("<svg"));
  CHECK(fs::exists(s.path("out/linearity.svg")));
  CHECK(read_text_file(s.path("out/neuron_sweep.csv"))
            .starts_with("v_preset[SI],code[1],v_integrated[V]"));
}

TEST_CASE("temperature, corner and supply of a sweep each make a run of their own") {
  const Scratch s;
  const Json json = s.json(
      "sweep --program preset_unary --max-code 1 --preset \"5 mV\" --tolerance 1e-4 --vary "
      "temp=-40,125 --vary corner=ss,ff");
  std::vector<double> energy;
  for (const Json& run : json.at("runs")) energy.push_back(value(run.at("energy")));
  std::sort(energy.begin(), energy.end());
  REQUIRE(energy.size() == 4);
  for (size_t i = 1; i < 4; ++i) CHECK(energy[i] > energy[i - 1] * 1.0001);
}

TEST_CASE("corner and temperature of a job hold where the command line gives none") {
  const Scratch s;
  const std::string run = "simulate --program preset_unary --max-code 1 --preset \"5 mV\" --tolerance 1e-4 ";
  const Json of_job = s.json(run + "--set calibrate.corner=ff --set calibrate.temperature=85"),
             given = s.json(run + "--corner ff --temp 85"),
             both = s.json(run + "--corner ff --temp 85 --set calibrate.corner=ss");
  CHECK(of_job.at("corner") == "ff");
  CHECK(value(of_job.at("temperature")) == 85);
  CHECK(of_job.at("ngspice").at("energy") == given.at("ngspice").at("energy"));
  CHECK(both.at("ngspice").at("energy") == given.at("ngspice").at("energy"));
}

TEST_CASE(
    "a deck of moved levels runs in plain ngspice and agrees with the run it was written from") {
  const Scratch s;
  const Json json =
      s.json(fmt::format("export --program preset_binary --preset \"50 mV\" --max-code 3 "
                         "--v-decrement \"100 mV\" --tolerance 1e-4 -o {} --raw {}",
                         s.path("deck.cir"), s.path("w.raw")));
  const std::string command =
      fmt::format("cd '{0}' && HOME='{0}' ngspice -b deck.cir >printed 2>&1", s.folder.string());
  REQUIRE(std::system(command.c_str()) == 0);
  const std::string printed = read_text_file(s.path("printed"));
  const size_t at = printed.find("v_integrated = ");
  REQUIRE(at != std::string::npos);
  // Both follow the same waveforms at a reltol of 1e-4; their time points differ.
  CHECK(std::abs(std::strtod(printed.c_str() + at + 15, nullptr) - value(json.at("v_integrated"))) <
        0.5e-3);
}

TEST_CASE("a raw file has the points that its header states, and plain ngspice loads it") {
  const Scratch s;
  write_text_file(s.path("column.json"), column);
  const Json json =
      s.json(fmt::format("simulate --program comparator --input {} {} --raw {} --svg {}",
                         s.path("column.json"), four_rows, s.path("w.raw"), s.path("w.svg")));
  const std::string raw = read_text_file(s.path("w.raw"));
  int variables = 0, points = 0;
  REQUIRE(std::sscanf(raw.c_str() + raw.find("No. Variables:"), "No. Variables: %d\nNo. Points: %d",
                      &variables, &points) == 2);
  CHECK(points == json.at("ngspice").at("points").get<int>());
  const size_t start = raw.find("Binary:\n") + 8;
  CHECK(raw.size() - start == 8 * static_cast<size_t>(variables) * static_cast<size_t>(points));
  write_text_file(
      s.path("load.cir"),
      "* loads\n.control\nload w.raw\nprint length(v(out)) length(v(c_az))\nquit\n.endc\n.end\n");
  REQUIRE(std::system(fmt::format("cd '{0}' && HOME='{0}' ngspice -b load.cir >printed 2>&1",
                                  s.folder.string())
                          .c_str()) == 0);
  CHECK(read_text_file(s.path("printed"))
            .find(fmt::format("length(v(out)) = {:.6e}", static_cast<double>(points))) !=
        std::string::npos);
  const std::string picture = read_text_file(s.path("w.svg"));
  CHECK(picture.find(">integrate<") != std::string::npos);  // a phase by its name
}

TEST_CASE("dies do not depend on the number of workers, and more dies keep the first") {
  const Scratch s;
  const std::string command = "montecarlo" + converter +
                              "--preset \"20 mV\" --no-cache --spec code=1..1 --dies 3 --seed 7 ";
  const Json one = s.json(command + "--threads 1"), two = s.json(command + "--threads 2");
  CHECK(one == two);
  CHECK(one.at("v_integrated").at("sigma").get<double>() > 0.0);
  CHECK(one.at("yield").at(0).at("dies") == 3);
}

TEST_CASE("energy by phase adds up to the conversion's, and most of it is static") {
  const Scratch s;
  const Json json = s.json(
      "energy --program preset_unary --preset \"20 mV\" --max-code 3 --tolerance 1e-4 --out " +
      s.path("out"));
  double sum = 0.0;
  for (const Json& phase : json.at("phases"))
    for (const auto& [name, part] : phase.at("energy").items()) sum += value(part);
  CHECK(sum == doctest::Approx(value(json.at("total"))).scale(1e-30));
  CHECK(value(json.at("static")) + value(json.at("dynamic")) + value(json.at("bias")) ==
        doctest::Approx(value(json.at("total"))).scale(1e-30));
  // A class-A amplifier draws its current whatever it does.
  CHECK(value(json.at("static")) > 0.5 * value(json.at("total")));
  CHECK(fs::exists(s.path("out/energy.svg")));
  CHECK(json.at("levers").back().at("what").get<std::string>().starts_with(
      "preset_binary in place of preset_unary"));
}

TEST_CASE("spikes of several inputs are a raster, more of them for a larger input") {
  const Scratch s;
  write_text_file(s.path("column.json"), column);
  const Json json =
      s.json(fmt::format("sweep --program lif --parameter time_steps=8 --parameter leak_every=0 "
                         "--input {} {} --vary v_read=0.2,0.6 --out {}",
                         s.path("column.json"), four_rows, s.path("out")));
  const auto spikes = [&](size_t run) { return json.at("runs").at(run).at("code").get<int>(); };
  CHECK(spikes(1) > spikes(0));
  CHECK(json.at("runs").at(1).at("marks").size() == static_cast<size_t>(spikes(1)));
  CHECK(fs::exists(s.path("out/raster.svg")));
}

TEST_CASE("a subcircuit of netlists/ that lost a pin is one line with file and line, before ngspice sees it") {
  const Scratch s;
  std::filesystem::create_directories(s.path("root"));
  std::filesystem::copy(data_path("netlists"), s.path("root/netlists"), std::filesystem::copy_options::recursive);
  const auto with = [&](const std::string& file, const std::string& from, const std::string& to, const std::string& words) {
    const std::string path = s.path("root/netlists/" + file), whole = read_text_file(path);
    std::string broken = whole;
    REQUIRE(broken.find(from) != std::string::npos);
    broken.replace(broken.find(from), from.size(), to);
    write_text_file(path, broken);
    setenv("MHO_ROOT", s.path("root").c_str(), 1);
    const auto run = s.mho("simulate --program preset_unary");
    unsetenv("MHO_ROOT");
    write_text_file(path, whole);
    CAPTURE(run.err);
    CHECK(run.status == 2);
    CHECK(run.error_lines() == 1);
    CHECK(run.err.find(words) != std::string::npos);
  };
  with("latch.sub", "latch inp inm clk q qb vdd", "latch inp inm clk q vdd", "latch.sub:3: latch: lacks the pins qb; they are inp inm clk q qb vdd");
  with("switch.sub", "swdrv in g gb vdd", "swdrv in gb g vdd", "swdrv: has its pins in another order");
  with("neuron.sub", " lat latb cs=", " lat latb extra cs=", "neuron: has pins too many: extra");
  with("cell.sub", ".subckt cell ", ".subckt zell ", "cell: the file defines no such .subckt");
}
