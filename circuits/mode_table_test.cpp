// Control programs as a reader sees them, their durations, and the account of energy by phase.
#include "circuits/mode_table.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "circuits/conversion_data.hpp"
#include "circuits/energy_table.hpp"
#include "core/errors.hpp"

using namespace mho;
using namespace mho::circuits;

namespace {

ProgramInput input(int bits, int max_code) {
  ReadPoint point;
  point.max_code = max_code;
  return program_input({}, point, static_cast<size_t>(bits));
}

}  // namespace

TEST_CASE(
    "every shipped program has a table, and some walk closes the switches of its first step") {
  for (const std::string& name : shipped_programs()) {
    CAPTURE(name);
    const ControlProgram program = named_program(name);
    const auto table = mode_table(program, input(3, 31));
    CHECK(table.size() == program.steps.size());
    CHECK_FALSE(table.at(static_cast<size_t>(program.first)).closed.empty());
    CHECK(durations(program, input(3, 31)).shortest > 0.0);
  }
  CHECK_THROWS_WITH_AS(named_program("tahn"),
                       doctest::Contains("shipped are baseline_binary, baseline_unary"), Error);
}

TEST_CASE("durations are the sums of the phases on the way") {
  // initialise 30, attach 15, sign 10; each decrement restore 18, decrement 15, integrate 15,
  // compare 10; max_code + 1 decrements at most.
  const DurationRange d = durations(named_program("preset_unary"), input(1, 7));
  CHECK(d.shortest == doctest::Approx(110e-9 + 60e-9).scale(1e-30));
  CHECK(d.longest == doctest::Approx(110e-9 + 8 * 60e-9).scale(1e-30));
}

TEST_CASE("samples of the driven and of the held line are told apart") {
  for (const char* name : {"driven_unary", "tanh", "lif", "stochastic", "comparator"})
    CHECK(samples_driven_line(named_program(name)));
  for (const char* name : {"held_line_unary", "held_line_binary", "line_pulses", "preset_unary"})
    CHECK_FALSE(samples_driven_line(named_program(name)));
}

TEST_CASE("a change is named with its condition, and the table says what is closed") {
  const auto table = mode_table(named_program("held_line_unary"), input(3, 31));
  const auto sample = std::find_if(table.begin(), table.end(),
                                   [](const ModeStep& s) { return s.name == "sample"; });
  REQUIRE(sample != table.end());
  CHECK(sample->changes.at(1).changes == std::vector<std::string>{"az on", "ssl on"});
  CHECK(sample->closed == std::vector<std::string>{"az", "ssl"});
  const auto decrement = std::find_if(table.begin(), table.end(),
                                      [](const ModeStep& s) { return s.name == "decrement"; });
  CHECK(decrement->changes.at(1).changes.at(1) == "sdn = (sign>0)");
}

TEST_CASE("energy by phase adds up, static is power at rest times time, and the bias is shared") {
  const ControlProgram program = named_program("preset_unary");
  ConversionRecord record;
  const auto add = [&](const char* name, double t, double amplifier, double comparator) {
    record.steps.push_back({program.step_index(name),
                            t,
                            0,
                            0,
                            0,
                            0,
                            0,
                            {0, 0, amplifier, 1e-15, comparator, 256e-15}});
    record.duration = t;
  };
  add("initialise", 30e-9, 700e-15, 0);
  add("attach", 45e-9, 300e-15, 0);
  add("sign", 55e-9, 0, 250e-15);
  const EnergyTable t = energy_table(program, {record, record}, {0, 0, 20e-6, 0, 0, 0});
  REQUIRE(t.phases.size() == 3);
  CHECK(t.joule[5] == doctest::Approx(3e-15).scale(1e-30));
  CHECK(t.total == doctest::Approx((700 + 300 + 250 + 3 + 3) * 1e-15).scale(1e-30));
  CHECK(t.statics == doctest::Approx(20e-6 * 55e-9).scale(1e-30));
  CHECK(t.statics + t.dynamics + t.bias == doctest::Approx(t.total).scale(1e-30));
  CHECK(t.phases[2].at_rest[4] == doctest::Approx(20e-6 * 10e-9).scale(1e-30));  // the amplifier compares
  CHECK(t.phases[2].at_rest[2] == 0.0);
}
