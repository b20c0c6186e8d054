// Image recovery as a user meets it: a small run, the same result for any number of threads, and bad input as one line.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "chip/onnx_writer.hpp"
#include "chip/rbm.hpp"
#include "cli/scratch.hpp"
#include "core/json_file.hpp"
#include "core/random.hpp"

using namespace mho;

namespace {

struct Scratch : test::ScratchFolder {
  Scratch() { setenv("MHO_CACHE_DIR", (folder / "cache").c_str(), 1); }
};

const std::string job = fmt::format("{}/examples/rbm.toml", MHO_SOURCE_DIR);

// A machine with few hidden units, so that few cells are programmed.
std::string small_machine(const Scratch& scratch) {
  chip::Rbm rbm;
  rbm.weights.resize(794, 4), rbm.visible_bias.resize(794), rbm.hidden_bias.resize(4);
  RandomStream random(1, 0, 0, 0, Purpose::test);
  for (float& w : rbm.weights.reshaped()) w = static_cast<float>(0.3 * random.normal());
  rbm.visible_bias.setConstant(-2), rbm.hidden_bias.setZero();
  chip::write_onnx(chip::to_onnx(rbm), scratch.path("small.onnx"));
  return fmt::format("{} --set network.file='\"{}\"' --set infer.core=ideal --images 20 --dies 2 --set data.training_images=20", job, scratch.path("small.onnx"));
}

}  // namespace

TEST_CASE("a small run writes manifest, tables, pictures and report; threads change nothing") {
  const Scratch scratch;
  const std::string small = small_machine(scratch);
  const test::Outcome first = scratch.mho(fmt::format("run {} --threads 1 --out '{}'", small, scratch.path("out")));
  REQUIRE_MESSAGE(first.status == 0, first.err);
  const Json run = read_json_file(scratch.path("out/run.json"));
  CHECK(run["status"] == "complete");
  CHECK(run["results"]["mapping"]["blocks"]["value"] == 16);
  for (const char* corruption : {"flips", "bottom_third"}) {
    const Json& r = run["results"]["recovery"][corruption];
    CHECK(r["initial_error"]["value"].get<double>() > 0);
    CHECK(r["chip"]["dies"].size() == 2);
    CHECK(r["chip"]["dies"][0]["by_cycle"]["values"].size() == 10);
  }
  for (const char* name : {"recovery.csv", "cycles.csv", "blocks.csv", "places.csv", "recovery_flips.svg", "recovery_bottom_third.svg"})
    CHECK(std::filesystem::file_size(scratch.path(std::string("out/") + name)) > 100);
  CHECK(read_text_file(scratch.path("out/report.html")).find("<svg") != std::string::npos);
  const test::Outcome second = scratch.mho(fmt::format("run {} --threads 3 --no-cache --json --set report.pictures=false --out '{}'", small, scratch.path("again")));
  REQUIRE_MESSAGE(second.status == 0, second.err);
  CHECK(Json::parse(second.out)["results"] == run["results"]);
}

TEST_CASE("what cannot be recovered on this chip is one line with status 2") {
  const Scratch scratch;
  const auto refused = [&](const std::string& arguments, const std::string& part) {
    const test::Outcome outcome = scratch.mho(fmt::format("run {} --out '{}' {}", job, scratch.path("out"), arguments));
    CAPTURE(outcome.err);
    CHECK(outcome.status == 2);
    CHECK(outcome.error_lines() == 1);
    CHECK(outcome.err.find(part) != std::string::npos);
  };
  refused("--set rbm.groups=4", "146 columns are missing");
  refused("--set chip.core_grid_rows=1", "of its 16 blocks");
  refused("--set network.file=mnist-cnn7.onnx", "is not a restricted Boltzmann machine");
  refused("--set task=sorting", "classification, rbm");
  refused("--set rbm.cycle=3", "nearest known one is rbm.cycles");
  refused("--set rbm.hidden_neuron=relu", "stochastic, logistic");
  refused("--set effects.read_noise=true", "effects.read_noise");  // what this task does not simulate cannot be asked for
  refused("--set network.scale=column", "network.scale");
}
