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

struct Walk {
  std::map<std::string, int> entered;
  std::vector<int> samples;  // per bit
  ControlState state;
};

// Steps through a conversion whose comparator says `sign` until `flip_after` decrements were made.
Walk walk(const ControlProgram& p, std::vector<int> samples, int max_code, int sign, int flip_after) {
  Walk w{{}, std::vector<int>(samples.size(), 0), ControlState(p, samples, max_code)};
  while (!w.state.ended()) {
    ++w.entered[w.state.step().name];
    if (w.state.step().name == "sample") ++w.samples[static_cast<size_t>(w.state.bit())];
    REQUIRE(w.entered["compare"] < 1000);
    w.state.advance(w.state.decrements() >= flip_after ? sign < 0 : sign > 0);
  }
  return w;
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
    const Walk w = walk(p, samples, 31, 1, 4);
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
      const Walk w = walk(p, {1, 2}, 31, sign, flip_after);
      CHECK(w.state.sign() == sign);
      CHECK(w.state.decrements() == flip_after);
      CHECK(w.state.code() == sign * (flip_after - 1));
    }
  const Walk full = walk(p, {1, 2}, 7, -1, 1000);
  CHECK(full.state.code() == -7);
  CHECK(full.state.decrements() == 8);  // the step that would give code 8 was still tried
}

TEST_CASE("decrement subtracts: sdn for a positive sign, sdp for a negative one") {
  const ControlProgram p = program();
  for (int sign : {1, -1}) {
    ControlState state(p, {1}, 7);
    while (state.step().name != "decrement") state.advance(sign > 0);
    int resolved = -2;
    for (const Event& e : state.phase().events)
      if (e.signal == -1) resolved = state.resolve(e);
    CHECK(resolved == static_cast<int>(sign > 0 ? Signal::sdn : Signal::sdp));
  }
}

TEST_CASE("bits start at times that do not depend on decisions") {
  const ControlProgram p = program();
  const auto starts = bit_start_times(p, {1, 2, 4});
  REQUIRE(starts.size() == 3);
  CHECK(starts[0] == doctest::Approx(30e-9).scale(1e-30));
  CHECK(starts[1] - starts[0] == doctest::Approx(24e-9 + 1 * 30e-9).scale(1e-30));
  CHECK(starts[2] - starts[1] == doctest::Approx(24e-9 + 2 * 30e-9).scale(1e-30));
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
  says("phase = \"restore\"", "phase = \"restor\"", {"step.restore.phase", "no phase \"restor\""});
  says("wl=1", "word=1", {"phase.pulse.events", "word=1", "signal"});
  says("wl=1", "wl=2", {"wl=2"});
  says("samples_left: sample", "samples_over: sample", {"samples_over", "condition"});
  says("bits_left: pulse", "bits_left pulse", {"condition: step"});
  says("bits_left: pulse", "bits_left: puls", {"no step \"puls\""});
  says("first = \"initialise\"", "first = \"begin\"", {"first", "no step \"begin\""});
  says("\"0.3 ns: int=1 ref=1\", \"1 ns: wl=1\"", "\"1 ns: wl=1\", \"0.3 ns: int=1 ref=1\"", {"out of order"});
  says("21 ns: wl=0", "24 ns: wl=0", {"outside the phase"});
  says("21 ns: wl=0", "21: wl=0", {"time"});
  says("0.9 ns: ref=1", "0.2 ns: ref=1", {"out of order"});
  says("duration = \"24 ns\"", "duration = \"24 nm\"", {"phase.pulse.duration"});
  says("duration = \"24 ns\"\n", "", {"phase.pulse"});
  says("decision = \"flip\"", "decision = \"flop\"", {"step.compare.decision"});
  says("\"always: end\"]", "\"flipped: end\"]", {"step.compare", "always"});
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
  CHECK(message(altered("\"flipped: end\", \"steps_left: restore\", \"always: end\"", "\"always: restore\"")).find("never reach") != std::string::npos);
}

TEST_CASE("a program that decides before the last bit was applied cannot make a column") {
  const ControlProgram p = parse_control_program(altered("\"samples_left: sample\", \"bits_left: pulse\", \"always: sign\"", "\"always: sign\""), "p.toml");
  CHECK_THROWS_WITH_AS(bit_start_times(p, {1, 2}), doctest::Contains("decides before the last of 2 bits"), Error);
}
