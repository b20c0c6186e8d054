// The program as a user meets it: a whole small run, and each kind of bad input as one line, the right exit status and nothing half-written.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "cli/scratch.hpp"
#include "core/json_file.hpp"

using namespace mho;
namespace fs = std::filesystem;

namespace {

using test::Outcome;

// A folder of this test with its own cache.
struct Scratch : test::ScratchFolder {
  Scratch() { setenv("MHO_CACHE_DIR", (folder / "cache").c_str(), 1); }

  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(folder / name, std::ios::binary) << text;
    return (folder / name).string();
  }
};

const std::string job = fmt::format("{}/examples/mnist.toml", MHO_SOURCE_DIR);
const std::string tiny = job + " --set infer.core=ideal --set infer.images=20 --set infer.dies=1 --set data.training_images=20 --set program.passes_beside=0";

// One line "mho: …" that holds all of `parts`, and nothing in the output folder.
void check_refused(const Scratch& scratch, const std::string& arguments, int status, std::initializer_list<std::string> parts) {
  CAPTURE(arguments);
  const Outcome outcome = scratch.mho(arguments);
  CHECK(outcome.status == status);
  CHECK(outcome.error_lines() == 1);
  CHECK(outcome.err.starts_with("mho: "));
  for (const std::string& part : parts) CHECK_MESSAGE(outcome.err.find(part) != std::string::npos, outcome.err, " lacks ", part);
  if (fs::exists(scratch.folder / "out")) CHECK(fs::is_empty(scratch.folder / "out"));
}

}  // namespace

TEST_CASE("a small run writes manifest, tables and report, and a second one takes everything from the cache") {
  const Scratch scratch;
  const Outcome first = scratch.mho(fmt::format("run {} --set report.code_images=5 --out '{}'", tiny, scratch.path("out")));
  REQUIRE_MESSAGE(first.status == 0, first.err);
  const Json run = read_json_file(scratch.path("out/run.json"));
  CHECK(run["status"] == "complete");
  CHECK(run["results"]["accuracy"]["software"]["value"].get<double>() > 0.8);
  CHECK(run["results"]["accuracy"]["chip_mean"].contains("error"));
  CHECK(run["config"]["infer.images"] == "20");
  CHECK(run["config"]["mapping.g_max"] == "40 µS");
  for (const char* name : {"accuracy.csv", "operating_points.csv", "programming_levels.csv", "conductance.csv", "adc_inl.csv"})
    CHECK(fs::file_size(scratch.path(std::string("out/") + name)) > 20);
  const std::string page = read_text_file(scratch.path("out/report.html"));
  CHECK(page.find("<svg") != std::string::npos);
  CHECK(page.find("src=") == std::string::npos);

  const Outcome second = scratch.mho(fmt::format("run {} --set report.code_images=5 --json --out '{}'", tiny, scratch.path("again")));
  REQUIRE(second.status == 0);
  const Json again = Json::parse(second.out);
  CHECK(again["results"] == run["results"]);
  for (const Json& step : again["steps"]["list"]) CHECK(step["from_cache"] == step["parts"]);
}

TEST_CASE("results do not depend on the number of threads") {
  const Scratch scratch;
  const Outcome one = scratch.mho(fmt::format("chip infer {} --threads 1 --no-cache --json", tiny));
  const Outcome three = scratch.mho(fmt::format("chip infer {} --threads 3 --no-cache --json", tiny));
  REQUIRE(one.status == 0);
  CHECK(one.out == three.out);
  CHECK_FALSE(fs::exists(scratch.folder / "cache"));
}

TEST_CASE("another seed is another chip") {
  const Scratch scratch;
  const Outcome one = scratch.mho(fmt::format("chip map {} --seed 1", job)), two = scratch.mho(fmt::format("chip map {} --seed 2", job));
  REQUIRE(one.status == 0);
  CHECK(one.out != two.out);
  CHECK(one.out.find("48 cores") != std::string::npos);
}

TEST_CASE("what config dump prints is a config that reads the same") {
  const Scratch scratch;
  const Outcome dump = scratch.mho(fmt::format("config dump {} --set mapping.g_max='\"30 uS\"' --set operating_point.swing='\"300 mV\"'", job));
  REQUIRE(dump.status == 0);
  std::string text = dump.out;
  CHECK(text.find("g_max = '30 uS'") != std::string::npos);
  // Its file names are relative to the folder of the original.
  const Outcome checked = scratch.mho(fmt::format("config check {}", job));
  CHECK(checked.status == 0);
}

TEST_CASE("unknown keys, wrong values and wrong units are refused with file, line and key") {
  const Scratch scratch;
  const std::string broken = scratch.file("broken.toml", "seed = 1\nsede = 2\n[network]\nfile = \"x.onnx\"\n[data]\nfolder = \".\"\n");
  check_refused(scratch, fmt::format("run '{}' --out '{}'", broken, scratch.path("out")), 2, {"broken.toml:2", "sede", "nearest known one is seed"});
  check_refused(scratch, fmt::format("run '{}' --out '{}'", scratch.file("syntax.toml", "seed = = 1\n"), scratch.path("out")), 2, {"syntax.toml:1"});
  const std::string out = fmt::format(" --out '{}'", scratch.path("out"));
  check_refused(scratch, "run " + job + out + " --set infer.dies=0", 2, {"infer.dies", "outside 1 to"});
  check_refused(scratch, "run " + job + out + " --set infer.core=perfect", 2, {"infer.core", "calibrated, ideal"});
  check_refused(scratch, "run " + job + out + " --set mapping.g_max='\"40 V\"'", 2, {"neurram.toml", "mapping.g_max", "quantity in S"});
  check_refused(scratch, "run " + job + out + " --set mapping.g_maxx=1", 2, {"mapping.g_maxx", "nearest known one is mapping.g_max"});
  check_refused(scratch, "run " + job + out + " --set nonsense", 2, {"nonsense", "key=value"});
  check_refused(scratch, "run " + job + out + " --set calibrate.corner=slow", 2, {"calibrate.corner", "tt, ss, ff, sf, fs"});
  check_refused(scratch, "run " + job + out + " --set calibrate.temperature=-60", 2, {"calibrate.temperature", "outside -55 to 175"});
  check_refused(scratch, "run " + job + out + " --set calibrate.circuit.v_dd='\"9 V\"'", 2, {"calibrate.circuit.v_dd", "outside 1.2 V to 2.5 V"});
}

TEST_CASE("missing files and folders are named") {
  const Scratch scratch;
  const std::string out = fmt::format(" --out '{}'", scratch.path("out"));
  check_refused(scratch, "run /nonexistent/job.toml" + out, 2, {"/nonexistent/job.toml"});
  check_refused(scratch, "run " + tiny + out + " --set network.file='\"none.onnx\"'", 2, {"none.onnx"});
  check_refused(scratch, "run " + tiny + out + " --data /nonexistent", 2, {"/nonexistent"});
  check_refused(scratch, "run " + tiny + out + " --set chip_file='\"chips/none.toml\"'", 2, {"chips/none.toml"});
  check_refused(scratch, "run " + tiny + " --out /proc/mho", 2, {"/proc/mho"});
}

TEST_CASE("truncated data and networks are refused") {
  const Scratch scratch;
  const std::string data = fmt::format("{}/examples/data/mnist", MHO_SOURCE_DIR);
  fs::create_directory(scratch.folder / "data");
  for (const auto& entry : fs::directory_iterator(data)) fs::copy(entry.path(), scratch.folder / "data");
  fs::resize_file(scratch.folder / "data/t10k-images-idx3-ubyte.gz", 1000);
  check_refused(scratch, fmt::format("chip infer {} --data '{}'", tiny, scratch.path("data")), 2, {"t10k-images-idx3-ubyte.gz"});
  fs::copy(fmt::format("{}/examples/mnist-cnn7.onnx", MHO_SOURCE_DIR), scratch.folder / "cut.onnx");
  fs::resize_file(scratch.folder / "cut.onnx", 5000);
  check_refused(scratch, fmt::format("chip map {} --set network.file='\"{}\"'", tiny, scratch.path("cut.onnx")), 2, {"cut.onnx"});
}

TEST_CASE("a network that does not fit says how much is missing") {
  const Scratch scratch;
  check_refused(scratch, fmt::format("run {} --set chip.core_grid_rows=1 --set chip.core_grid_columns=1 --set chip.columns=64 --set mapping.max_columns=64 --out '{}'", tiny,
                                     scratch.path("out")), 2, {"does not fit"});
}

TEST_CASE("ideal cores know no energy, and say so") {
  const Scratch scratch;
  check_refused(scratch, "chip energy " + tiny, 2, {"infer.core", "no energy"});
  check_refused(scratch, "bench energy " + tiny, 2, {"infer.core", "no energy"});
}

TEST_CASE("a wrong command line is one line with status 2, help is status 0") {
  const Scratch scratch;
  check_refused(scratch, "run", 2, {"mho --help"});
  check_refused(scratch, "fly", 2, {"mho --help"});
  check_refused(scratch, fmt::format("chip map {} --wings", job), 2, {"--wings"});
  const Outcome help = scratch.mho("--help");
  CHECK(help.status == 0);
  CHECK(help.out.find("calibrate") != std::string::npos);
  const Outcome version = scratch.mho("version --json");
  REQUIRE(version.status == 0);
  CHECK(Json::parse(version.out)["program"]["libraries"].size() >= 10);
}

TEST_CASE("without gnuplot the report step alone fails, and all numbers are there") {
  const Scratch scratch;
  const std::string out = (scratch.folder / "stdout").string(), err = (scratch.folder / "stderr").string();
  const int status = std::system(fmt::format("PATH=/nonexistent '{}' run {} --set report.code_images=5 --out '{}' >'{}' 2>'{}'", MHO_BINARY, tiny,
                                             scratch.path("out"), out, err).c_str());
  CHECK(WEXITSTATUS(status) == 2);
  CHECK(read_text_file(err).find("mho: gnuplot is not installed") != std::string::npos);
  CHECK(fs::exists(scratch.folder / "out/run.json"));
  CHECK_FALSE(fs::exists(scratch.folder / "out/report.html"));
}

TEST_CASE("an interrupted run ends with status 130 and a later one reuses what was finished") {
  const Scratch scratch;
  const std::string many = job + " --set infer.core=ideal --set infer.dies=40 --set infer.images=20 --set program.passes_beside=0";
  const pid_t child = fork();
  if (child == 0) {
    const std::string command = fmt::format("exec '{}' chip program {} >/dev/null 2>'{}'", MHO_BINARY, many, scratch.path("stderr"));
    execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
    _exit(99);
  }
  const auto dies = [&] {
    size_t n = 0;
    if (fs::exists(scratch.folder / "cache/die"))
      for (const auto& entry : fs::directory_iterator(scratch.folder / "cache/die")) n += entry.path().extension() != ".tmp";
    return n;
  };
  for (int n = 0; n < 600 && dies() < 1; ++n) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  kill(child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  CHECK(WEXITSTATUS(status) == 130);
  CHECK(read_text_file(scratch.path("stderr")).find("mho: interrupted") != std::string::npos);
  const size_t kept = dies();
  REQUIRE(kept >= 1);
  const Outcome again = scratch.mho(fmt::format("chip program {} --dies 1", many));
  CHECK(again.status == 0);
  CHECK(again.out.find("1 of 1") != std::string::npos);
}
