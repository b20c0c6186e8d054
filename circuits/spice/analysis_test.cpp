// op, dc, ac and noise of one libngspice against closed forms, and what happens when they fail.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <fstream>
#include <numbers>
#include <stdexcept>

#include "circuits/spice/session.hpp"
#include "core/errors.hpp"

using namespace mho;
using namespace mho::spice;

namespace {

Session& ngspice() {
  static Session session;
  return session;
}

AnalysisRequest request(const std::string& netlist, std::vector<Analysis> analyses) {
  return {.name = "case.cir",
          .netlist = netlist,
          .analyses = std::move(analyses),
          .options = "reltol=1e-6 vntol=1e-9 abstol=1e-15"};
}

NetlistError failure(const std::string& netlist, std::vector<Analysis> analyses) {
  try {
    ngspice().analyse(request(netlist, std::move(analyses)));
  } catch (const NetlistError& e) {
    return e;
  }
  FAIL("no error for " << netlist);
  throw std::logic_error("not reached");
}

void check_still_works() {
  const auto r =
      ngspice().analyse(request("v1 a 0 3\nr1 a b 2k\nr2 b 0 1k", {{"op", {"b", "v1#branch"}}}));
  CHECK(r.at(0).value("b") == doctest::Approx(1.0).scale(1e-30).epsilon(1e-9));
  CHECK(r.at(0).value("v1#branch") == doctest::Approx(-1e-3).scale(1e-30).epsilon(1e-9));
  CHECK(r.at(0).axis.empty());
}

double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  double size = 0.0, resident = 0.0;
  statm >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

constexpr double pi = std::numbers::pi, boltzmann = 1.380649e-23;
const std::string low_pass = "vin a 0 dc 0.5 ac 1\nr1 a b 10k\nc1 b 0 1p";

}  // namespace

TEST_CASE("an operating point and a sweep of a divider, and a sweep's axis") {
  check_still_works();
  const auto r = ngspice().analyse(
      request("v1 a 0 0\nr1 a b 2k\nr2 b 0 1k", {{"dc v1 -1.5 1.5 0.5", {"b", "a"}}}));
  const auto b = r[0].real("b");
  REQUIRE(b.size() == 7);
  REQUIRE(r[0].axis.size() == 7);
  for (size_t i = 0; i < b.size(); ++i) {
    CHECK(r[0].axis[i] == doctest::Approx(-1.5 + 0.5 * static_cast<double>(i)).scale(1e-30));
    CHECK(b[i] == doctest::Approx(r[0].axis[i] / 3.0).scale(1e-30).epsilon(1e-9));
  }
  CHECK_THROWS_AS(r[0].real("c"), Error);
}

TEST_CASE("AC of an RC is 1/(1 + j w R C) in magnitude and phase") {
  const auto r = ngspice().analyse(request(low_pass, {{"ac dec 5 1e3 1e10", {"b", "a"}}}));
  const auto& b = r[0].complex("b");
  REQUIRE(b.size() == r[0].axis.size());
  REQUIRE(b.size() == 36);
  for (size_t i = 0; i < b.size(); ++i) {
    const std::complex<double> exact =
        1.0 / std::complex<double>(1.0, 2.0 * pi * r[0].axis[i] * 1e4 * 1e-12);
    // gmin of 1e-12 S beside 10 kohm, and rounding of the frequency's steps.
    CHECK(std::abs(b[i] - exact) < 1e-7 * std::abs(exact) + 1e-12);
  }
}

TEST_CASE("noise of an RC is kT/C, whatever the resistance, and 4kTR at low frequency") {
  const double kt = boltzmann * 300.15;  // 27 C
  for (const double ohm : {1e3, 1e5}) {
    const std::string text = fmt::format("vin a 0 dc 0 ac 1\nr1 a b {}\nc1 b 0 17f", ohm);
    const auto r = ngspice().analyse(
        request(text, {{"noise v(b) vin dec 40 1e3 1e15", {"onoise_spectrum", "onoise_total"}}}));
    // The integral stops a decade or more above the pole: 2/(pi·10^n) of the power is missing.
    CHECK(r[0].value("onoise_total") == doctest::Approx(std::sqrt(kt / 17e-15)).scale(1e-30).epsilon(2e-3));
    CHECK(r[0].real("onoise_spectrum").front() ==
          doctest::Approx(std::sqrt(4.0 * kt * ohm)).scale(1e-30).epsilon(1e-4));
    CHECK(r[0].axis.size() == r[0].real("onoise_spectrum").size());
  }
}

TEST_CASE("several analyses of one netlist, and the parameters of a transistor at its bias") {
  const std::string text =
      "vd d 0 1\nvg g 0 dc 1.2 ac 1\nm1 d g 0 0 sq w=10u l=1u\n.model sq nmos level=1 vto=0.5 "
      "kp=100u lambda=0";
  const auto r = ngspice().analyse(request(text, {{"op", {"vd#branch", "@m1[gm]", "@m1[id]"}},
                                                  {"ac dec 1 1 10", {"vd#branch"}},
                                                  {"dc vg 0 1 0.1", {"vd#branch"}},
                                                  {"op", {"g"}}}));
  REQUIRE(r.size() == 4);
  // kp W/L (vgs − vto)²/2 and its derivative.
  CHECK(-r[0].value("vd#branch") == doctest::Approx(0.5e-3 * 0.49).scale(1e-30).epsilon(1e-6));
  CHECK(r[0].value("@m1[id]") == doctest::Approx(0.5e-3 * 0.49).scale(1e-30).epsilon(1e-6));
  CHECK(r[0].value("@m1[gm]") == doctest::Approx(1e-3 * 0.7).scale(1e-30).epsilon(1e-6));
  CHECK(std::abs(r[1].complex("vd#branch")[0]) == doctest::Approx(0.7e-3).scale(1e-30).epsilon(1e-6));
  CHECK(r[2].axis.size() == 11);
  CHECK(r[3].value("g") == doctest::Approx(1.2).scale(1e-30));
}

TEST_CASE("bad netlists and analyses are named and leave a session that works") {
  struct Case {
    std::string netlist, command;
    int line;
    std::string words;
  };
  const std::vector<Case> cases{
      {"v1 a 0 1\nr1 a b 1k\nm1 b a 0 0 nofet w=1u l=1u", "op", 3, "nofet"},
      {"v1 a 0 1\nr1 a b 1k bogus=3\nc1 b 0 1p", "op", 2, "bogus"},
      {"v1 a 0 1\nr1 a b 1k\nxq b 0 nosub", "op", 0, "nosub"},
      {"v1 a 0 1\nr1 a b 1k\nr2 b 0 1k", "dc vnone 0 1 0.1", 0, "vnone\" is not in the circuit"},
      {"v1 a 0 1\nr1 a b 1k\nr2 b 0 1k", "noise v(b) vnone dec 1 1 10", 0, "vnone not in circuit"},
      {"v1 a 0 1\nr1 a b 1k\nr2 b 0 1k", "frobnicate", 0, "frobnicate"},
  };
  for (const Case& c : cases) {
    const NetlistError e = failure(c.netlist, {{c.command, {"b"}}});
    CAPTURE(e.what());
    CAPTURE(e.log);
    CHECK(e.status() == ExitStatus::bad_input);
    CHECK(e.line == c.line);
    CHECK(std::string(e.what()).starts_with("case.cir"));
    CHECK(std::string(e.what()).find(c.words) != std::string::npos);
    CHECK(ngspice().usable());
    check_still_works();
  }
  CHECK(std::string(failure("v1 a 0 1\nr1 a 0 1k", {{"op", {"nowhere"}}}).what())
            .find("gives no vector nowhere") != std::string::npos);
  check_still_works();
  CHECK_THROWS_WITH_AS(ngspice().analyse(request("v1 a 0 external\nr1 a 0 1k", {{"op", {"a"}}})),
                       doctest::Contains("v1 is external"), Error);
  check_still_works();
}

TEST_CASE("a circuit without an operating point is a numerical failure") {
  const NetlistError e = failure("v1 a 0 1\nv2 a 0 2\nr1 a b 1k\nr2 b 0 1k", {{"op", {"b"}}});
  CHECK(e.status() == ExitStatus::numerical_failure);
  CHECK(std::string(e.what()).find("\"op\"") != std::string::npos);
  check_still_works();
}

TEST_CASE("hundreds of analyses in one process do not leak") {
  const auto run = [] {
    ngspice().analyse(request(low_pass, {{"ac dec 100 1 1e9", {"b"}}, {"op", {"b"}}}));
  };
  for (int i = 0; i < 20; ++i) run();
  const double before = resident_mib();
  for (int i = 0; i < 200; ++i) run();
  // 900 points of 4 complex vectors would be 11 MiB if they were kept.
  CHECK(resident_mib() - before < 3.0);
}
