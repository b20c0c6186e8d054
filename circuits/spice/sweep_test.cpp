// Sweeps: nothing done twice, nothing lost, whatever ends a task or the whole run.
#include "circuits/spice/sweep.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "core/errors.hpp"

using namespace mho;
using namespace mho::spice;
namespace fs = std::filesystem;

namespace {

struct Scratch {
  fs::path folder = fs::temp_directory_path() / fmt::format("mho-sweep-test-{}", getpid());
  Scratch() {
    fs::remove_all(folder);
    fs::create_directories(folder);
  }
  ~Scratch() { fs::remove_all(folder); }
  Cache cache() const { return Cache(folder / "cache"); }
  // Tasks leave a byte each, appended at once, so that runs of all processes can be counted.
  void count() const { std::ofstream(folder / "runs", std::ios::app) << 'x' << std::flush; }
  size_t counted() const {
    return fs::exists(folder / "runs") ? static_cast<size_t>(fs::file_size(folder / "runs")) : 0;
  }
  size_t stored() const {
    size_t n = 0;
    std::error_code error;
    for (auto it = fs::directory_iterator(folder / "cache" / "sweeps", error);
         it != fs::directory_iterator(); it.increment(error))
      n += !it->path().has_extension();
    return n;
  }
};

CacheKey key(size_t i) { return CacheKey("sweep test").add("i", static_cast<std::int64_t>(i)); }
std::string name(size_t i) { return fmt::format("case {}", i); }

}  // namespace

TEST_CASE("failures are listed by name in the order of the cases and lose no other") {
  const Scratch scratch;
  const SweepCases cases{12, key, name, [](size_t i, int attempt) -> std::string {
                           if (i == 7) throw NetlistError("n.cir", 2, "unknown device");
                           if (i == 2) std::raise(SIGSEGV);
                           if (i == 5 && attempt == 0) throw NumericalError("no convergence");
                           return fmt::format("{} {}", i, attempt);
                         }};
  SweepOptions options{{.workers = 3, .retries = 1}, "sweeps", ""};
  const Sweep first = run_sweep(cases, options, scratch.cache());
  CHECK(first.summary.done == 10);
  CHECK(first.summary.failed == 2);
  CHECK(first.summary.rescued == 1);
  CHECK(first.summary.bad_input == 1);
  CHECK(first.results[5].attempts.size() == 2);
  REQUIRE(first.summary.failures.size() == 2);
  CHECK(first.summary.failures[0].starts_with("case 2: signal: "));
  CHECK(first.summary.failures[0].ends_with("(2 attempts)"));
  CHECK(first.summary.failures[1] == "case 7: bad input: n.cir:2: unknown device");
  for (size_t i = 0; i < 12; ++i)
    if (i != 2 && i != 7) CHECK(first.results[i].text == fmt::format("{} {}", i, i == 5 ? 1 : 0));
  // What was rescued is found again as such, failures are tried again.
  const Sweep second = run_sweep(cases, options, scratch.cache());
  CHECK(second.summary.from_cache == 10);
  CHECK(second.summary.rescued == 1);
  CHECK(second.results[5].text == "5 1");
  CHECK(second.summary.failures == first.summary.failures);
  // Without retries the rescued result, made with other settings, does not count.
  options.worker.retries = 0;
  CHECK(run_sweep(cases, options, scratch.cache()).summary.failed == 3);
}

TEST_CASE("a list of cases gives the same as their numbers") {
  const Scratch scratch;
  const std::vector<std::string> list{"a", "bb", "ccc"};
  const Sweep sweep = run_sweep(
      list, [](const std::string& c) { return CacheKey("list").add("c", c); },
      [](const std::string& c) { return c; }, [](const std::string& c, int) { return c + c; },
      {{}, "sweeps", ""}, scratch.cache());
  for (size_t i = 0; i < list.size(); ++i) CHECK(sweep.results[i].text == list[i] + list[i]);
}

TEST_CASE("a run that is killed with SIGKILL goes on where it stopped") {
  const Scratch scratch;
  constexpr size_t count = 24, workers = 2;
  const SweepCases cases{count, key, name, [&](size_t i, int) {
                           usleep(50000);
                           scratch.count();
                           return std::to_string(i);
                         }};
  const SweepOptions options{{.workers = workers}, "sweeps", ""};
  const pid_t run = fork();
  if (run == 0) {
    run_sweep(cases, options, scratch.cache());
    _exit(0);
  }
  while (scratch.stored() < count / 2) usleep(5000);
  kill(run, SIGKILL);
  int status = 0;
  waitpid(run, &status, 0);
  REQUIRE(WIFSIGNALED(status));
  usleep(200000);  // its workers end with it, in the middle of a task at most
  const size_t stored = scratch.stored(), before = scratch.counted();
  CHECK(stored >= count / 2);
  CHECK(stored < count);
  // Lost at most what each worker had finished and the run not yet stored.
  CHECK(before <= stored + workers);
  const Sweep sweep = run_sweep(cases, options, scratch.cache());
  CHECK(sweep.summary.from_cache == stored);
  CHECK(sweep.summary.done == count);
  CHECK(scratch.counted() - before == count - stored);
  for (size_t i = 0; i < count; ++i) CHECK(sweep.results[i].text == std::to_string(i));
}
