// One libngspice: closed forms, hooks, and every way a run can fail.
#include "circuits/spice/session.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <stdexcept>

#include "circuits/spice/diagnosis.hpp"
#include "circuits/spice/worker_pool.hpp"
#include "core/errors.hpp"

using namespace mho;
using namespace mho::spice;

namespace {

// ngspice is one per process, and so is its session.
Session& ngspice() {
  static Session session;
  return session;
}

TransientRequest request(const std::string& netlist, std::vector<std::string> watch = {"b"}) {
  return {.name = "case.cir", .netlist = netlist, .external = {}, .watch = std::move(watch), .t_stop = 1e-8, .dt_max = 1e-9,
          .options = "reltol=1e-5 vntol=1e-7 abstol=1e-14"};
}

// The netlist of an RC low pass, tau 1 ns, whose source the host drives.
const std::string low_pass = "vin a 0 external\nr1 a b 1k\nc1 b 0 1p";

NetlistError failure(const std::string& netlist, std::vector<std::string> watch = {"b"}) {
  try {
    ngspice().transient(request(netlist, std::move(watch)), {});
  } catch (const NetlistError& e) {
    return e;
  }
  FAIL("no error for " << netlist);
  throw std::logic_error("not reached");
}

void check_still_works() {
  double last = 0.0;
  Hooks hooks;
  hooks.accepted = [&](double, std::span<const double> v) { last = v[0]; };
  ngspice().transient(request("v1 a 0 3\nr1 a b 2k\nr2 b 0 1k"), hooks);
  CHECK(last == doctest::Approx(1.0).scale(1e-30).epsilon(1e-6));
}

double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  double size = 0.0, resident = 0.0;
  statm >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

}  // namespace

TEST_CASE("a divider divides and a current is watched with its sign") {
  std::vector<double> last;
  Hooks hooks;
  hooks.accepted = [&](double, std::span<const double> v) { last.assign(v.begin(), v.end()); };
  const auto stats = ngspice().transient(request("v1 a 0 3\nr1 a b 2k\nr2 b 0 1k", {"b", "v1#branch"}), hooks);
  REQUIRE(last.size() == 2);
  CHECK(last[0] == doctest::Approx(1.0).scale(1e-30).epsilon(1e-6));
  CHECK(last[1] == doctest::Approx(-1e-3).scale(1e-30).epsilon(1e-6));  // ngspice: current into the source's plus node
  CHECK(stats.t_reached == doctest::Approx(1e-8).scale(1e-30));
}

TEST_CASE("an RC driven by the host follows its closed form, with steps on the host's edges") {
  const double t_edge = 2e-9, ramp = 1e-11, tau = 1e-9;
  Hooks hooks;
  hooks.value = [&](size_t, double t) { return std::clamp((t - t_edge) / ramp, 0.0, 1.0); };
  hooks.next_edge = [&](double t) {
    for (double edge : {t_edge, t_edge + ramp})
      if (edge > t + 1e-15) return edge;
    return std::numeric_limits<double>::infinity();
  };
  double worst = 0.0, nearest = 1.0;
  hooks.accepted = [&](double t, std::span<const double> v) {
    nearest = std::min(nearest, std::abs(t - t_edge));
    // Ramp through a low pass: exact for t after the ramp.
    const double s = t - t_edge - ramp;
    if (s > 0.0) worst = std::max(worst, std::abs(v[0] - (1.0 - tau / ramp * (1.0 - std::exp(-ramp / tau)) * std::exp(-s / tau))));
  };
  TransientRequest r = request(low_pass);
  r.external = {"vin"};
  r.dt_max = 1e-10;
  ngspice().transient(r, hooks);
  CHECK(nearest < 1e-15);
  CHECK(worst < 1e-3);  // trapezoidal rule at dt/tau = 0.1: (dt/tau)²/12 relative, 8e-4
}

TEST_CASE("the host ends a run, and an exception from a hook comes out of it") {
  TransientRequest r = request(low_pass);
  r.external = {"vin"};
  double last = 0.0;
  Hooks hooks;
  hooks.value = [](size_t, double) { return 1.0; };
  hooks.accepted = [&](double t, std::span<const double>) { last = t; };
  hooks.done = [&] { return last > 3e-9; };
  CHECK(ngspice().transient(r, hooks).t_reached < 6e-9);
  hooks.accepted = [](double t, std::span<const double>) {
    if (t > 1e-9) throw std::runtime_error("the host gave up");
  };
  hooks.done = nullptr;
  CHECK_THROWS_WITH_AS(ngspice().transient(r, hooks), "the host gave up", std::runtime_error);
  check_still_works();
}

TEST_CASE("a netlist that does not parse is refused with its name, line and ngspice's words, and the session goes on") {
  struct Case {
    std::string netlist;
    int line;
    std::vector<std::string> words;
  };
  const std::vector<Case> cases{
      {"v1 a 0 1\nr1 a b 1k\nq1 b 0", 3, {"q1 b 0", "model"}},
      {"v1 a 0 1\nr1 a b 1k\nm1 b a 0 0 nofet w=1u l=1u", 3, {"nofet", "could not find a valid modelname"}},
      {"v1 a 0 1\nr1 a b 1k bogus=3\nc1 b 0 1p", 2, {"unknown parameter (bogus)"}},
      {"v1 a 0 1\nr1 a b 1k\nb1 b 0 v=foo(v(a))", 3, {"no such function 'foo'"}},
      {"v1 a 0 1\nr1 a b 1k\n.tranx 1 2", 3, {".tranx"}},
      {"v1 a 0 1\nr1 a b 1k\nxq b 0 nosub", 0, {"unknown subckt", "nosub"}},
      {".include nofile.lib\nv1 a 0 1\nr1 a b 1k\nr2 b 0 1k", 0, {"Could not find include file nofile.lib"}},
  };
  for (const Case& c : cases) {
    const NetlistError e = failure(c.netlist);
    CAPTURE(e.what());
    CHECK(e.status() == ExitStatus::bad_input);
    CHECK(e.netlist == "case.cir");
    CHECK(e.line == c.line);
    const std::string what = e.what();
    CHECK(what.rfind("case.cir", 0) == 0);
    CHECK(what.find("refused") != std::string::npos);
    CHECK(what.find('\n') == std::string::npos);
    for (const std::string& word : c.words) CHECK(what.find(word) != std::string::npos);
    CHECK(ngspice().usable());
    check_still_works();
  }
}

TEST_CASE("after an undefined parameter ngspice cannot go on, and the session says so") {
  // In a worker, because this process still needs its ngspice.
  ngspice();
  run_in_workers(
      1, {},
      [](size_t) {
        const NetlistError e = failure("v1 a 0 1\nr1 a b {nopar}\nc1 b 0 1p");
        const bool usable = ngspice().usable();
        const NetlistError next = failure("v1 a 0 1\nr1 a b 1k\nr2 b 0 1k");
        return fmt::format("{}|{}|{}|{}|{}", e.line, e.what(), usable, static_cast<int>(next.status()), next.what());
      },
      [](size_t, TaskOutcome outcome) {
        CAPTURE(outcome.error);
        REQUIRE(outcome.ok);
        CAPTURE(outcome.result);
        CHECK(outcome.result.starts_with("2|case.cir:2: "));
        CHECK(outcome.result.find("Undefined parameter [nopar]|false|3|") != std::string::npos);
        CHECK(outcome.result.find("cannot go on") != std::string::npos);
      });
  CHECK(ngspice().usable());
  check_still_works();
}

TEST_CASE("a watched node that does not exist is named") {
  const NetlistError e = failure("v1 a 0 1\nr1 a b 1k\nr2 b 0 1k", {"b", "nowhere"});
  CHECK(std::string(e.what()).find("nowhere") != std::string::npos);
  CHECK(e.status() == ExitStatus::bad_input);
  check_still_works();
}

TEST_CASE("a run that aborts is a numerical failure with the time that it reached") {
  // A relay without a solution from 1 ns on: the voltage is above the threshold when it should be below, and the other way round.
  const NetlistError e = failure("b1 0 b i=time < 1n ? 0 : (v(b) < 0.5 ? 1 : 0)\nr1 b 0 1");
  CAPTURE(e.what());
  CHECK(e.status() == ExitStatus::numerical_failure);
  CHECK(std::string(e.what()).find("stopped at") != std::string::npos);
  CHECK(std::string(e.what()).find("imestep too small") != std::string::npos);
  CHECK(e.log.find("b") != std::string::npos);
  check_still_works();
}

TEST_CASE("two voltage sources in parallel have no operating point") {
  const NetlistError e = failure("v1 a 0 1\nv2 a 0 2\nr1 a b 1k\nr2 b 0 1k");
  CHECK(e.status() == ExitStatus::numerical_failure);
  CHECK(std::string(e.what()).find("no operating point") != std::string::npos);
  CHECK(std::string(e.what()).find("v1#branch") != std::string::npos);
  check_still_works();
}

TEST_CASE("safer settings take the place of those of the request: ngspice heeds the first of two") {
  // A driven LC without loss, where the trapezoidal rule and Gear's take clearly different steps.
  const auto points = [](const std::string& options, double dt_max, int attempt) {
    TransientRequest r = request("v1 a 0 pwl(0 0 1n 1)\nr1 a b 1\nl1 b c 10n\nc1 c 0 10n", {"c"});
    r.t_stop = 3e-7;
    r.options = options;
    r.dt_max = dt_max;
    Hooks hooks;
    ngspice().attempt = attempt;
    const size_t accepted = ngspice().transient(r, hooks).accepted;
    ngspice().attempt = 0;
    return accepted;
  };
  const std::string trapezoidal = "method=trap reltol=1e-5 bypass=1 abstol=1e-14";
  CHECK(points("method=gear reltol=1e-5", 1e-9, 0) != points("method=trap reltol=1e-5", 1e-9, 0));
  for (int attempt : {1, 2}) {
    const SaferSettings safer = safer_settings(attempt);
    CHECK(points(trapezoidal, 2e-9, attempt) == points(safer.options + " reltol=1e-5", 2e-9 * safer.dt_max_factor, 0));
  }
}

TEST_CASE("safer settings give the same answer with more points") {
  // An oscillating LC: the trapezoidal rule keeps its amplitude, Gear's damps it; at most 1 ns of 62.8 ns steps.
  const std::string tank = "v1 a 0 pwl(0 0 1n 1)\nr1 a b 1\nl1 b c 10n\nc1 c 0 10n";
  double peak[3] = {};
  size_t points[3] = {};
  for (int attempt : {0, 1, 2}) {
    TransientRequest r = request(tank, {"c"});
    r.t_stop = 3e-7;
    r.options = "method=trap reltol=1e-3";
    Hooks hooks;
    hooks.accepted = [&](double t, std::span<const double> v) {
      if (t > 1e-9) peak[attempt] = std::max(peak[attempt], v[0]);
    };
    ngspice().attempt = attempt;
    points[attempt] = ngspice().transient(r, hooks).accepted;
    ngspice().attempt = 0;
  }
  // Series RLC, damping ratio R/2 sqrt(C/L) = 0.5, overshoot exp(-pi 0.5/sqrt(1 - 0.25)) = 0.163 after a step; the ramp of 1 ns takes less than 1e-3 off.
  for (double p : peak) CHECK(p == doctest::Approx(1.163).scale(1e-30).epsilon(3e-3));
  CHECK(points[1] > points[0]);
  CHECK(points[2] > points[1]);
}

TEST_CASE("an intercepted request runs as changed, and the next one as it is") {
  double last = 0.0;
  Hooks hooks;
  hooks.accepted = [&](double, std::span<const double> v) { last = v[0]; };
  ngspice().intercept = [](TransientRequest& r, Hooks&) { r.netlist += "\nr3 b 0 1k"; };
  ngspice().transient(request("v1 a 0 3\nr1 a b 1k\nr2 b 0 1k"), hooks);
  CHECK(last == doctest::Approx(1.0).scale(1e-30).epsilon(1e-6));
  ngspice().intercept = nullptr;
  ngspice().transient(request("v1 a 0 3\nr1 a b 1k\nr2 b 0 1k"), hooks);
  CHECK(last == doctest::Approx(1.5).scale(1e-30).epsilon(1e-6));
}

TEST_CASE("a forked process has a session of its own, also when the program that forked it has one") {
  check_still_works();
  run_in_workers(2, {.workers = 2}, [](size_t i) {
    Session session;
    double last = 0.0;
    Hooks hooks;
    hooks.accepted = [&](double, std::span<const double> v) { last = v[0]; };
    session.transient(request(i == 0 ? "v1 a 0 3\nr1 a b 2k\nr2 b 0 1k" : "v1 a 0 3\nr1 a b 1k\nr2 b 0 2k"), hooks);
    return fmt::format("{:.6f}", last);
  }, [](size_t i, TaskOutcome outcome) {
    CHECK(outcome.error == "");
    CHECK(outcome.result == (i == 0 ? "1.000000" : "2.000000"));
  });
  check_still_works();
}

TEST_CASE("a second session in one process is refused") {
  ngspice();
  CHECK_THROWS_AS(Session(), Error);
}

TEST_CASE("hundreds of runs in one process do not leak") {
  const auto run = [] {
    TransientRequest r = request(low_pass);
    r.external = {"vin"};
    Hooks hooks;
    hooks.value = [](size_t, double t) { return t * 1e8; };
    ngspice().transient(r, hooks);
  };
  for (int i = 0; i < 20; ++i) run();
  const double before = resident_mib();
  for (int i = 0; i < 200; ++i) run();
  CHECK(resident_mib() - before < 5.0);
}

TEST_CASE("notes and warnings of a normal run are no errors") {
  for (const char* line : {"Note: No compatibility mode selected!", "Warning: singular matrix:  check node v1#branch", "Trying gmin =   1.0000E-03 Note: One successful gmin step",
                           "Warning: source stepping failed", "warning, can't find model 'x' from line", "No. of Data Rows : 21"})
    CHECK_FALSE(announces_error(line));
  for (const char* line : {"Error on line 4 or its substitute:", "doAnalyses: TRAN:  Timestep too small; time = 1e-9", "run simulation(s) aborted", "Undefined parameter [p]",
                           "unimplemented control card - error ", "Could not find include file x"})
    CHECK(announces_error(line));
}
