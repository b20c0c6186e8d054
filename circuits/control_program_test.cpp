// Control programs as data: what the shipped one does, and one clear line for each way to write a wrong one.
#include "circuits/control_program.hpp"

#include <doctest/doctest.h>

#include <map>

#include "circuits/column.hpp"
#include "circuits/conversion_data.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"

using namespace mho;
using namespace mho::circuits;

namespace {

const std::string shipped = "netlists/programs/held_line_unary.toml";
ControlProgram program() { return read_control_program(data_path(shipped)); }

// The shipped text with one piece replaced.
std::string altered(const std::string& from, const std::string& to) {
  std::string text = read_text_file(data_path(shipped));
  const size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string message(const std::string& text) {
  try {
    parse_control_program(text, "p.toml");
  } catch (const ConfigError& e) {
    CHECK(e.file == "p.toml");
    CHECK(e.status() == ExitStatus::bad_input);
    return e.what();
  }
  return "no error";
}

ProgramInput input(int bits, int multiplier, int max_code) {
  ProgramInput i;
  i.bits = bits;
  i.pulse_multiplier = multiplier;
  i.max_code = max_code;
  return i;
}

struct Walk {
  std::map<std::string, int> entered;
  std::vector<int> samples;  // per bit
  ControlState state;
};

// Steps through a conversion whose comparator says `sign` until `flip_after` decrements were made.
Walk walk(const ControlProgram& p, const ProgramInput& i, int sign, int flip_after) {
  Walk w{{}, std::vector<int>(static_cast<size_t>(i.bits), 0), ControlState(p, i)};
  while (!w.state.ended()) {
    ++w.entered[w.state.step().name];
    if (w.state.step().name == "sample") ++w.samples[static_cast<size_t>(w.state.bit())];
    REQUIRE(w.entered["compare"] < 1000);
    w.state.advance(w.state.decrements() >= flip_after ? sign < 0 : sign > 0);
  }
  return w;
}

// Time at which each step named `name` starts [s].
std::vector<double> starts_of(const ControlProgram& p, const ProgramInput& i, const std::string& name) {
  std::vector<double> starts;
  double t = 0.0;
  for (ControlState state(p, i); !state.ended(); state.advance(false)) {
    if (state.step().name == name) starts.push_back(t);
    t += state.phase().duration;
  }
  return starts;
}

}  // namespace

TEST_CASE("samples per magnitude bit are multiplier times two to the bit") {
  CHECK(samples_per_bit(3, 1) == std::vector<int>{1, 2, 4});
  CHECK(samples_per_bit(2, 3) == std::vector<int>{3, 6});
}

TEST_CASE("the shipped program pulses the word lines once per bit and samples as often as the bit weighs") {
  const ControlProgram p = program();
  for (int multiplier : {1, 2}) {
    const auto samples = samples_per_bit(3, multiplier);
    const Walk w = walk(p, input(3, multiplier, 31), 1, 4);
    CHECK(w.entered.at("pulse") == 3);
    CHECK(w.samples == samples);
    CHECK(w.entered.at("sign") == 1);
    CHECK(w.entered.at("decrement") == w.entered.at("compare"));
  }
}

TEST_CASE("codes truncate towards zero, keep the sign of the first decision and end at the range") {
  const ControlProgram p = program();
  for (int sign : {1, -1})
    for (int flip_after : {1, 2, 9, 31}) {
      const Walk w = walk(p, input(2, 1, 31), sign, flip_after);
      CHECK(w.state.sign() == sign);
      CHECK(w.state.decrements() == flip_after);
      CHECK(w.state.code() == sign * (flip_after - 1));
    }
  const Walk full = walk(p, input(2, 1, 7), -1, 1000);
  CHECK(full.state.code() == -7);
  CHECK(full.state.decrements() == 8);  // the step that would give code 8 was still tried
}

TEST_CASE("decrement subtracts: sdn for a positive sign, sdp for a negative one") {
  const ControlProgram p = program();
  for (int sign : {1, -1}) {
    ControlState state(p, input(1, 1, 7));
    while (state.step().name != "decrement") state.advance(sign > 0);
    for (const Event& e : state.phase().events) {
      if (e.target == static_cast<int>(Signal::sdn)) CHECK(state.value(e) == (sign > 0 ? 1.0 : 0.0));
      if (e.target == static_cast<int>(Signal::sdp)) CHECK(state.value(e) == (sign > 0 ? 0.0 : 1.0));
    }
  }
}

TEST_CASE("bits start at times that do not depend on decisions") {
  const auto starts = starts_of(program(), input(3, 1, 1), "pulse");
  REQUIRE(starts.size() == 3);
  CHECK(starts[0] == doctest::Approx(30e-9).scale(1e-30));
  CHECK(starts[1] - starts[0] == doctest::Approx(24e-9 + 1 * 30e-9).scale(1e-30));
  CHECK(starts[2] - starts[1] == doctest::Approx(24e-9 + 2 * 30e-9).scale(1e-30));
}

TEST_CASE("parameters, registers, tables and the shift register: what a program computes") {
  const std::string text = R"toml(
name = "sum"
first = "count"
parameters = ["limit = 4", "half = limit / 2"]
registers = ["i = 0", "total = 0", "up = 0"]
tables = ["weight = 1 2 5"]
result = "total > half ? total : -1"
[phase.count]
duration = "1 ns"
[step.count]
set = ["total = total + weight(i)", "i = i + 1", "up = up + (lfsr() > 0)"]
next = ["i < limit && total < 100: count", "always: end"]
)toml";
  const ControlProgram p = parse_control_program(text, "p.toml");
  ControlState state(p, {});
  while (!state.ended()) state.advance(false);
  CHECK(state.code() == 1 + 2 + 5 + 5);  // the table's last entry stands for all beyond
  ProgramInput other;
  other.parameters = {{"limit", 2.0}};
  ControlState shorter(p, other);
  while (!shorter.ended()) shorter.advance(false);
  CHECK(shorter.code() == 3);
  CHECK(shorter.get("half") == 2.0);  // computed before the parameter was replaced
  other.parameters = {{"total", 2.0}};
  CHECK_THROWS_WITH_AS(ControlState(p, other), doctest::Contains("no parameter \"total\""), Error);
  // Half of a maximal sequence is up, and it comes back to its start after 65,535 steps only.
  ProgramInput whole;
  whole.parameters = {{"limit", 65535.0}};
  const ControlProgram longest = parse_control_program(std::string(text).replace(text.find("total < 100"), 11, "total >= 0"), "p.toml");
  ControlState all(longest, whole);
  while (!all.ended()) all.advance(false);
  CHECK(all.get("up") == 32768.0);
}

TEST_CASE("a wrong program ends in one line that names file, line and key") {
  CHECK(message(read_text_file(data_path(shipped))) == "no error");
  const auto says = [](const std::string& from, const std::string& to, std::vector<std::string> words) {
    const std::string what = message(altered(from, to));
    CAPTURE(what);
    CHECK(what.rfind("p.toml", 0) == 0);
    CHECK(what.find('\n') == std::string::npos);
    for (const std::string& word : words) CHECK(what.find(word) != std::string::npos);
  };
  says("phase = \"compare\"", "phase = \"compar\"", {"step.sign.phase", "no phase \"compar\""});
  says("wl=1", "word=1", {"phase.pulse.events", "word=1", "control line"});
  says("wl=1", "wl=2", {"phase.pulse", "wl=2"});
  says("wl=1", "wl=", {"phase.pulse", "wl="});
  says("az=1 ssl=1\"]", "az=1 ssl=sample\"]", {"phase.sample", "ssl=sample gives 2"});
  says("sample < pulse_multiplier", "sample < pulses", {"step.integrate", "\"pulses\" is not a name"});
  says("sample < pulse_multiplier * 2^bit: sample", "sample < pulse_multiplier * 2^: sample", {"step.integrate", "2^"});
  says("bit + 1 < bits: pulse", "bit + 1 < bits pulse", {"condition: step"});
  says("bit + 1 < bits: pulse", "bit + 1 < bits: puls", {"no step \"puls\""});
  says("set = [\"n = n + 1\"]", "set = [\"m = n + 1\"]", {"\"m\" is not a register"});
  says("set = [\"n = n + 1\"]", "set = [\"n + 1\"]", {"step.decrement.set", "name = expression"});
  says("\"n = 0\"]", "\"n = 0\", \"bits = 2\"]", {"bits is the name of two things"});
  says("n - 1 : max_code", "n - one : max_code", {"result", "one"});
  // A step that no walk reaches.
  says("[step.sign]", "[step.dead]\nphase = \"compare\"\nset = [\"n = bogus(1)\"]\nnext = [\"always: end\"]\n[step.sign]", {"step.dead.set", "bogus"});
  says("first = \"initialise\"", "first = \"begin\"", {"first", "no step \"begin\""});
  says("\"0.3 ns: int=1 ref=1\", \"1 ns: wl=1\"", "\"1 ns: wl=1\", \"0.3 ns: int=1 ref=1\"", {"out of order"});
  says("21 ns: wl=0", "24 ns: wl=0", {"outside the phase"});
  says("21 ns: wl=0", "21: wl=0", {"time"});
  says("0.9 ns: ref=1", "0.2 ns: ref=1", {"out of order"});
  says("duration = \"24 ns\"", "duration = \"24 nm\"", {"phase.pulse.duration"});
  says("duration = \"24 ns\"\n", "", {"phase.pulse"});
  says("decide = true", "decide = 3", {"step.sign.decide"});
  says(", \"9 ns: lat=1\"", "", {"step.sign", "latch is off"});
  says("\"always: end\"]", "\"n > 1: end\"]", {"step.compare", "always"});
  says("name = \"held", "nam = \"held", {"nam"});
  says("[phase.initialise]", "[phase.initialise", {"p.toml:"});
}

TEST_CASE("node l on two sources at once is refused, with the phase and the time") {
  // The reference closes before the decrement level is let go.
  const std::string what = message(altered("\"0.3 ns: ssl=0 sdp=0 sdn=0\", \"0.6 ns: int=1\", \"0.9 ns: ref=1\"", "\"0.6 ns: int=1 ref=1\", \"0.9 ns: ssl=0 sdp=0 sdn=0\""));
  CHECK(what.find("phase.integrate") != std::string::npos);
  CHECK(what.find("two sources") != std::string::npos);
  CHECK(what.find("600 ps") != std::string::npos);
  // The same for the line while it is driven.
  CHECK(message(altered("\"0 ns: ssl=0 az=0 cmp=0\"", "\"0 ns: az=0 cmp=0\"")).find("driven line") != std::string::npos);
}

TEST_CASE("steps that never reach the end are refused") {
  CHECK(message(altered("\"q != sign: end\", \"n <= max_code: restore\", \"always: end\"", "\"always: restore\"")).find("never reach") != std::string::npos);
}

TEST_CASE("drivers that meet through the amplifier's output or the lines are refused") {
  CHECK(message(altered("\"0.3 ns: cmp=1\", \"9 ns: lat=1\"", "\"0.3 ns: cmp=1 int=1\", \"9 ns: lat=1\"")).find("int and cmp") != std::string::npos);
  CHECK(message(altered("\"0 ns: az=1 cmp=1 ref=1 ssl=1\"", "\"0 ns: az=1 cmp=1 ref=1 lk=1\"")).find("through lk") != std::string::npos);
  CHECK(message(altered("\"0 ns: az=1 cmp=1 ref=1 ssl=1\"", "\"0 ns: az=1 cmp=1 ssl=1 sbl=1\"")).find("source line is tied to the bit line") != std::string::npos);
  CHECK(message(altered("\"0 ns: az=1 cmp=1 ref=1 ssl=1\"", "\"0 ns: az=1 cmp=1 ref=1 ssl=1 rst=1\"")).find("az, rst and cmp") != std::string::npos);
  CHECK(message(altered("\"0 ns: az=1 cmp=1 ref=1 ssl=1\"", "\"0 ns: az=1 cmp=1 sdn=1 sbl=1\"")).find("bit line is tied to a source") != std::string::npos);
}

TEST_CASE("a latch that stays on holds its old decision: a step that decides turns it on") {
  CHECK(message(altered("\"0 ns: cmp=0 lat=0\"", "\"0 ns: cmp=0\"")).find("lat was 1 before") != std::string::npos);
}

TEST_CASE("what a program requires of its input, and numbers that are none") {
  const ControlProgram binary = read_control_program(data_path("netlists/programs/driven_binary.toml"));
  CHECK_NOTHROW(ControlState(binary, input(3, 1, 31)));
  CHECK_THROWS_WITH_AS(ControlState(binary, input(3, 1, 30)), doctest::Contains("power of two"), Error);
  CHECK(message(altered("set = [\"n = n + 1\"]", "set = [\"n = 0/0\"]")).find("beyond what a register holds") != std::string::npos);
  CHECK(message(altered("n - 1 : max_code", "n - 1 : 0/0")).find("result") != std::string::npos);
  CHECK(message(altered("n - 1 : max_code", std::string(1000, '(') + "n")).find("nested too deeply") != std::string::npos);
}
