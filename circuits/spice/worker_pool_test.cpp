// Worker processes: a crash, a hang or an error costs its own task only.
#include "circuits/spice/worker_pool.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <vector>

#include "circuits/spice/session.hpp"
#include "core/errors.hpp"

using namespace mho;
using namespace mho::spice;

namespace {

std::map<size_t, TaskOutcome> run(size_t count, WorkerOptions options, const std::function<std::string(size_t)>& task) {
  std::map<size_t, TaskOutcome> outcomes;
  run_in_workers(count, options, task, [&](size_t i, TaskOutcome outcome) {
    CHECK(outcomes.count(i) == 0);
    outcomes[i] = std::move(outcome);
  });
  CHECK(outcomes.size() == count);
  return outcomes;
}

void check_others_finished(const std::map<size_t, TaskOutcome>& outcomes, size_t bad) {
  for (const auto& [i, outcome] : outcomes)
    if (i != bad) {
      CHECK(outcome.ok);
      CHECK(outcome.result == std::to_string(i * i));
    }
}

std::set<std::string> worker_folders() {
  std::set<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::temp_directory_path()))
    if (entry.path().filename().string().starts_with("mho-worker-")) found.insert(entry.path().string());
  return found;
}

}  // namespace

TEST_CASE("every task gives its own result, for any number of workers") {
  for (int workers : {1, 2, 5})
    check_others_finished(run(17, {.workers = workers}, [](size_t i) { return std::to_string(i * i); }), 17);
  run_in_workers(0, {}, [](size_t) { return std::string(); }, [](size_t, TaskOutcome) { FAIL("there was no task"); });
}

TEST_CASE("large results arrive whole") {
  const auto outcomes = run(3, {}, [](size_t i) { return std::string(3000000 + i, 'x'); });
  for (const auto& [i, outcome] : outcomes) CHECK(outcome.result.size() == 3000000 + i);
}

TEST_CASE("a worker that crashes costs only its task, and the signal is named") {
  for (int workers : {1, 2}) {
    const auto outcomes = run(9, {.workers = workers}, [](size_t i) {
      if (i == 3) std::raise(SIGSEGV);
      return std::to_string(i * i);
    });
    check_others_finished(outcomes, 3);
    CHECK_FALSE(outcomes.at(3).ok);
    CHECK(outcomes.at(3).error.find("signal 11") != std::string::npos);
    CHECK(outcomes.at(3).error.find("Segmentation fault") != std::string::npos);
  }
}

TEST_CASE("workers that all crash leave one error each") {
  const auto outcomes = run(4, {}, [](size_t) -> std::string { std::raise(SIGKILL); return {}; });
  for (const auto& [i, outcome] : outcomes) CHECK(outcome.error.find("signal 9") != std::string::npos);
}

TEST_CASE("a worker that ends by itself is an error too") {
  const auto outcomes = run(3, {.workers = 1}, [](size_t i) {
    if (i == 0) _exit(7);
    return std::to_string(i * i);
  });
  check_others_finished(outcomes, 0);
  CHECK(outcomes.at(0).error.find("status 7") != std::string::npos);
}

TEST_CASE("a task that hangs is ended when its time is over") {
  const auto start = std::chrono::steady_clock::now();
  const auto outcomes = run(5, {.workers = 2, .timeout = 0.4}, [](size_t i) {
    if (i == 1) sleep(60);
    return std::to_string(i * i);
  });
  check_others_finished(outcomes, 1);
  CHECK(outcomes.at(1).error.find("0.4 s") != std::string::npos);
  CHECK(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < 10.0);
}

TEST_CASE("errors of tasks come back as their line, bad input marked as such") {
  const auto outcomes = run(4, {}, [](size_t i) -> std::string {
    if (i == 0) throw NetlistError("n.cir", 3, "no such thing");
    if (i == 1) throw NumericalError("did not converge");
    if (i == 2) throw std::runtime_error("something else");
    return "9";
  });
  CHECK(outcomes.at(0).error == "n.cir:3: no such thing");
  CHECK(outcomes.at(0).bad_input);
  CHECK(outcomes.at(1).error == "did not converge");
  CHECK_FALSE(outcomes.at(1).bad_input);
  CHECK(outcomes.at(2).error == "something else");
  CHECK(outcomes.at(3).ok);
}

TEST_CASE("each task meets a fresh process, after an error or a crash too") {
  for (bool crash : {false, true}) {
    int before = 0;  // changed in workers only
    const auto outcomes = run(3, {.workers = 1}, [&](size_t i) {
      const int seen = before++;
      if (i == 0 && crash) std::raise(SIGSEGV);
      if (i == 0) throw Error("bad");
      return std::to_string(seen);
    });
    CHECK(outcomes.at(1).result == "0");
    CHECK(outcomes.at(2).result == "0");
    CHECK(before == 0);
  }
}

TEST_CASE("a crash inside ngspice costs one run, and so does a netlist after which ngspice cannot go on") {
  std::unique_ptr<Session> session;  // lives in the workers
  const auto outcomes = run(4, {.workers = 1, .timeout = 60}, [&](size_t i) {
    if (!session) session = std::make_unique<Session>();
    TransientRequest r{.name = "n.cir", .netlist = "v1 a 0 1\nr1 a b 1k\nr2 b 0 1k", .external = {}, .watch = {"b"}, .t_stop = 1e-8, .dt_max = 1e-9, .options = "reltol=1e-4"};
    Hooks hooks;
    if (i == 0) r.netlist = "v1 a 0 1\nr1 a b {nopar}";
    if (i == 2) hooks.accepted = [](double, std::span<const double>) { std::abort(); };
    session->transient(r, hooks);
    return std::to_string(i * i);
  });
  CHECK(outcomes.at(0).bad_input);
  CHECK(outcomes.at(0).error.find("nopar") != std::string::npos);
  CHECK(outcomes.at(1).ok);
  CHECK(outcomes.at(2).error.find("signal 6") != std::string::npos);
  CHECK(outcomes.at(3).ok);
}

TEST_CASE("workers work in private folders and leave none behind") {
  const auto before = worker_folders();
  const std::string here = std::filesystem::current_path();
  const auto outcomes = run(4, {.workers = 2}, [](size_t i) {
    const std::string folder = std::filesystem::current_path();
    if (i == 2) std::raise(SIGKILL);
    return folder + " " + std::getenv("HOME");
  });
  CHECK(std::filesystem::current_path() == here);
  const std::string& text = outcomes.at(0).result;
  CHECK(text.find("mho-worker-") != std::string::npos);
  CHECK(text.substr(0, text.find(' ')) == text.substr(text.find(' ') + 1));
  for (const std::string& folder : worker_folders()) {
    CAPTURE(folder);
    CHECK((before.count(folder) == 1 || text.find(folder) == std::string::npos));
  }
  CHECK_FALSE(std::filesystem::exists(text.substr(0, text.find(' '))));
}

TEST_CASE("an exception of the receiver ends the workers") {
  CHECK_THROWS_WITH(run_in_workers(6, {.workers = 2}, [](size_t i) { return std::to_string(i); },
                                   [](size_t, TaskOutcome) { throw std::runtime_error("receiver"); }),
                    "receiver");
}

TEST_CASE("every way of failing has its name") {
  WorkerOptions options{.workers = 2, .timeout = 2.0, .memory = std::size_t{256} << 20};
  const auto outcomes = run(8, options, [](size_t i) -> std::string {
    if (i == 0) throw NetlistError("n.cir", 3, "no such thing");
    if (i == 1) throw NumericalError("did not converge");
    if (i == 2) throw std::logic_error("a mistake");
    if (i == 3) std::raise(SIGBUS);
    if (i == 4) _exit(5);
    if (i == 5) sleep(60);
    if (i == 6) return std::string(std::size_t{1} << 30, 'x');
    return std::to_string(i * i);
  });
  const Cause expected[] = {Cause::bad_input, Cause::numerical, Cause::internal, Cause::signal, Cause::exit, Cause::timeout, Cause::memory, Cause::none};
  for (const auto& [i, outcome] : outcomes) {
    CAPTURE(i);
    CAPTURE(outcome.error);
    CHECK(cause_name(outcome.cause) == cause_name(expected[i]));
    CHECK(outcome.error.find('\n') == std::string::npos);
    CHECK(outcome.ok == outcome.error.empty());
    REQUIRE(outcome.attempts.size() == 1);
  }
  CHECK(outcomes.at(5).attempts.front().seconds >= 2.0);
}

TEST_CASE("a task that computes for too long is ended by its processor time, not by that of the clock") {
  const auto outcomes = run(2, {.workers = 2, .timeout = 60.0, .cpu = 1.0}, [](size_t i) {
    volatile double x = 1.0;
    while (i == 0) x = x * 1.0000001;
    if (i == 1) usleep(1500000);
    return std::to_string(i * i);
  });
  CHECK(outcomes.at(0).cause == Cause::cpu);
  CHECK(outcomes.at(0).error.find("1 s of processor time") != std::string::npos);
  CHECK(outcomes.at(1).ok);
}

TEST_CASE("memory that grows in small pieces meets the limit too, and so does a task that ignores it") {
  const auto outcomes = run(3, {.workers = 1, .memory = std::size_t{128} << 20}, [](size_t i) {
    std::vector<char*> kept;
    for (int n = 0; n < 1000 && i < 2; ++n) {
      char* p = static_cast<char*>(i == 0 ? ::operator new(std::size_t{1} << 20) : std::malloc(std::size_t{1} << 20));
      for (std::size_t k = 0; k < std::size_t{1} << 20; k += 4096) p[k] = 1;  // a null pointer when memory is over
      kept.push_back(p);
    }
    return std::to_string(i * i);
  });
  for (size_t i : {0u, 1u}) {
    CAPTURE(outcomes.at(i).error);
    CHECK(outcomes.at(i).cause == Cause::memory);
    CHECK(outcomes.at(i).error.find("128 MiB") != std::string::npos);
  }
  CHECK(outcomes.at(2).ok);
}

TEST_CASE("a failed attempt is repeated with its number, except bad input") {
  const auto task = [](size_t i, int attempt) -> std::string {
    if (i == 0 && attempt == 0) std::raise(SIGKILL);
    if (i == 1 && attempt < 2) throw NumericalError("not yet");
    if (i == 2) throw NetlistError("n.cir", 1, "never");
    if (i == 3) throw NumericalError("never");
    return std::to_string(attempt);
  };
  for (int workers : {1, 3}) {
    std::map<size_t, TaskOutcome> outcomes;
    run_in_workers(5, {.workers = workers, .retries = 2}, task, [&](size_t i, TaskOutcome outcome) {
      CHECK(outcomes.count(i) == 0);
      outcomes[i] = std::move(outcome);
    });
    REQUIRE(outcomes.size() == 5);
    CHECK(outcomes.at(0).result == "1");
    CHECK(outcomes.at(0).attempts.front().cause == Cause::signal);
    CHECK(outcomes.at(1).result == "2");
    CHECK(outcomes.at(1).error.empty());
    CHECK(outcomes.at(1).attempts.size() == 3);
    CHECK(outcomes.at(2).attempts.size() == 1);
    CHECK(outcomes.at(3).attempts.size() == 3);
    CHECK(outcomes.at(3).cause == Cause::numerical);
    CHECK(outcomes.at(4).attempts.size() == 1);
  }
}
