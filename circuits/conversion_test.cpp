// Whole conversions at transistor level: laws of the circuit, conservation in the energy account, repeatability, and the exported deck. Columns are small and
// ranges short, because one conversion of 16 rows costs about 2 s of processor time.
#include "circuits/conversion.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <numeric>
#include <sstream>

#include "circuits/export_deck.hpp"
#include "circuits/spice/worker_pool.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"

using namespace mho;
using namespace mho::circuits;

namespace {

struct Run {
  ConversionRecord record;
  ConversionWaveform waveform;
};

const ControlProgram& program() {
  static const ControlProgram p = read_control_program(data_path("netlists/programs/held_line_unary.toml"));
  return p;
}

// A column of 16 rows in a core of 16, two magnitude bits, a range of one step: init, two bits, sign, at most two decrements.
CircuitParams small_core() {
  CircuitParams c;
  c.rows = 16;
  return c;
}
ColumnInput column(int sign) {
  ColumnInput input;
  for (int row = 0; row < 16; ++row) input.conductance.push_back((5.0 + 2.0 * row) * 1e-6);
  input.levels.assign(2, std::vector<std::int8_t>(16, 0));
  for (size_t row = 0; row < 16; ++row) {
    input.levels[0][row] = static_cast<std::int8_t>(row % 3 == 0 ? sign : 0);
    input.levels[1][row] = static_cast<std::int8_t>(row % 4 == 3 ? -sign : sign);
  }
  input.point.max_code = 1;
  return input;
}

spice::Session& ngspice() {
  static spice::Session session;
  return session;
}

Run run(const CircuitParams& circuit, const ColumnInput& input, const ConversionOptions& options = {}) {
  Run r;
  r.record = run_conversion(ngspice(), circuit, program(), input, options, &r.waveform);
  return r;
}

double sum(const std::array<double, component_count>& joule) { return std::accumulate(joule.begin(), joule.end(), 0.0); }

// A folder of this process that is gone afterwards.
struct Scratch {
  Scratch() { std::filesystem::create_directories(path); }
  ~Scratch() { std::filesystem::remove_all(path); }
  std::filesystem::path path = std::filesystem::temp_directory_path() / fmt::format("mho-circuits-test-{}", getpid());
};

// What plain ngspice prints in batch mode for the deck `name` in `folder`; the exit status in `status`.
std::string batch(const std::filesystem::path& folder, const std::string& name, int& status) {
  const std::string command = fmt::format("cd '{0}' && HOME='{0}' ngspice -b '{1}' 2>&1", folder.string(), name);
  std::FILE* pipe = popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  char block[4096];
  for (size_t n = 0; (n = std::fread(block, 1, sizeof block, pipe)) > 0;) text.append(block, n);
  status = pclose(pipe);
  return text;
}

}  // namespace

TEST_CASE("sources as PWL: rising times, a ramp cut short ends where the next begins") {
  CHECK(source_pwl({}) == "0");
  CHECK(source_pwl({{0.0, 0.5}}) == "0.5");
  CHECK(source_pwl({{0.0, 0.0}, {1.0, 2.0}}) == "pwl(0 0 1 2)");
  CHECK(source_pwl({{0.0, 0.0}, {1.0, 0.0}, {2.0, 2.0}}) == "pwl(0 0 1 0 2 2)");
  // The second change starts at 1.5, half way up the first ramp.
  CHECK(source_pwl({{0.0, 0.0}, {1.0, 0.0}, {2.0, 2.0}, {1.5, 1.0}, {2.5, 0.0}}) == "pwl(0 0 1 0 1.5 1 2.5 0)");
}

TEST_CASE("rows with the same levels share one source") {
  const RowGroups groups = group_rows(column(1).levels, 16);
  CHECK(groups.group_of_row.size() == 16);
  CHECK(groups.sequence.size() == 4);
  for (size_t row = 0; row < 16; ++row)
    for (size_t bit = 0; bit < 2; ++bit)
      CHECK(groups.sequence[static_cast<size_t>(groups.group_of_row[row])][bit] == column(1).levels[bit][row]);
}

TEST_CASE("pulses of the word lines that are alike take the same energy, whatever ngspice's integration rule does in between") {
  const ControlProgram pulses = read_control_program(data_path("netlists/programs/line_pulses.toml"));
  ColumnInput input = column(1);
  input.levels.assign(6, std::vector<std::int8_t>(16, 0));
  const ConversionRecord record = run_conversion(ngspice(), small_core(), pulses, input, {});
  std::vector<double> joule;
  for (const StepRecord& step : record.steps)
    if (pulses.pulses_word_lines(step.step)) joule.push_back(step.joule[1]);
  REQUIRE(joule.size() == 6);
  MESSAGE("word line energy of six pulses [J]: " << joule[0] << ", " << joule[1] << ", … " << joule[5]);
  // One half current of a backward Euler step that is counted wrongly is tens of per cent.
  for (size_t k = 1; k < joule.size(); ++k) CHECK(joule[k] == doctest::Approx(joule[1]).scale(1e-30).epsilon(0.02));
}

TEST_CASE("a column with wrong shapes is refused before ngspice is asked") {
  ColumnInput empty = column(1);
  empty.conductance.clear();
  CHECK_THROWS_WITH_AS(run(small_core(), empty), doctest::Contains("at least one row"), Error);
  ColumnInput uneven = column(1);
  uneven.levels[1].pop_back();
  CHECK_THROWS_WITH_AS(run(small_core(), uneven), doctest::Contains("one level per row and bit"), Error);
}

TEST_CASE("opposite inputs integrate to opposite voltages, no input to none, and the driven line is the conductance-weighted mean") {
  const CircuitParams circuit = small_core();
  const ConversionRecord up = run(circuit, column(1)).record, down = run(circuit, column(-1)).record, zero = run(circuit, column(0)).record;
  CHECK(up.sign == 1);
  CHECK(down.sign == -1);
  // What falling word lines and switches leave is common to the three: the signal is the difference.
  const double signal = 0.5 * (up.v_integrated - down.v_integrated);
  // The step at the fall of the word lines depends on the line by some per cent (docs/circuits.md), so zero is not quite in the middle.
  CHECK(up.v_integrated - zero.v_integrated == doctest::Approx(signal).scale(1e-30).epsilon(0.06));
  CHECK(zero.v_integrated - down.v_integrated == doctest::Approx(signal).scale(1e-30).epsilon(0.06));
  // One sample of bit 0 and two of bit 1 integrate the held line; each sample shares charge with a line of C_line, so the sum is below that of the driven line.
  const ColumnInput input = column(1);
  double ideal = 0.0;
  for (size_t bit = 0; bit < 2; ++bit) {
    double gx = 0.0, g = 0.0;
    for (size_t row = 0; row < 16; ++row) {
      gx += input.conductance[row] * input.levels[bit][row] * input.point.v_read;
      g += input.conductance[row];
    }
    CHECK(up.v_line_driven[bit] == doctest::Approx(gx / g).scale(1e-30).epsilon(0.03));
    CHECK(std::abs(zero.v_line_driven[bit]) < 1e-3);
    ideal += (bit == 0 ? 1.0 : 2.0) * gx / g;
  }
  ideal *= circuit.c_sample / circuit.c_integ;
  CHECK(signal > 0.8 * ideal);
  CHECK(signal < 1.05 * ideal);
}

TEST_CASE("the integrated voltage goes as C_sample over C_integ") {
  CircuitParams circuit = small_core();
  const double reference = run(circuit, column(1)).record.v_integrated - run(circuit, column(-1)).record.v_integrated;
  circuit.c_integ *= 2.0;
  const double halved = run(circuit, column(1)).record.v_integrated - run(circuit, column(-1)).record.v_integrated;
  CHECK(halved / reference == doctest::Approx(0.5).scale(1e-30).epsilon(0.02));  // 4 fF of wire beside 104 and 208 fF
}

TEST_CASE("steps, energies and waveform of a record agree with each other") {
  const CircuitParams circuit = small_core();
  const ColumnInput input = column(1);
  const Run r = run(circuit, input);
  const ConversionRecord& record = r.record;
  // Steps follow each other and end where the conversion ends.
  double t = 0.0;
  std::array<double, component_count> joule{};
  for (const StepRecord& step : record.steps) {
    t += program().phases[static_cast<size_t>(program().steps[static_cast<size_t>(step.step)].phase)].duration;
    CHECK(step.t_end == doctest::Approx(t).scale(1e-30).epsilon(1e-9));
    for (size_t c = 0; c < component_count; ++c) joule[c] += step.joule[c];
  }
  CHECK(record.duration == doctest::Approx(t).scale(1e-30));
  CHECK(record.v_line_driven.size() == 2);
  CHECK(record.v_line_held.size() == 2);
  CHECK(record.v_residue.size() == static_cast<size_t>(record.decrements));
  CHECK(r.waveform.t.size() == record.time_points);
  CHECK(r.waveform.t.back() == doctest::Approx(record.duration).scale(1e-30));
  // The components of the steps add up to those of the record; none is missing, and all consume.
  for (size_t c = 0; c < component_count; ++c) {
    CHECK(joule[c] == doctest::Approx(record.joule[c]).scale(1e-30));
    CHECK(record.joule[c] > 0.0);
  }
  // The amplifier draws some 12 uA from 1.8 V all the time; what it takes while it compares is the comparator's, with the latch, which is reset in the step that follows.
  double comparator = 0.0, deciding = 0.0;
  for (const StepRecord& step : record.steps) {
    comparator += step.joule[4];
    if (program().steps[static_cast<size_t>(step.step)].decides) deciding += step.joule[4];
  }
  CHECK(comparator == doctest::Approx(record.joule[4]).scale(1e-30));
  CHECK(deciding > 0.85 * comparator);
  CHECK(deciding < comparator);
  const double watt = (record.joule[2] + record.joule[4]) / record.duration;
  CHECK(watt > 10e-6 * circuit.v_dd);
  CHECK(watt < 15e-6 * circuit.v_dd);
  // Row and word line drivers together pay at least for what the cells turn to heat while the word lines are on (20 ns of each pulse, settled lines). The row
  // drivers alone need not: the edges of the word lines push charge through the array.
  double heat = 0.0;
  for (size_t bit = 0; bit < 2; ++bit)
    for (size_t row = 0; row < 16; ++row) {
      const double v = input.levels[bit][row] * input.point.v_read - record.v_line_driven[bit];
      heat += input.conductance[row] * v * v * 20e-9;
    }
  CHECK(record.joule[0] + record.joule[1] > heat);
  CHECK(record.joule[0] < 1.5 * heat);
  CHECK(sum(record.joule) > 1e-14);
  // A record survives the way through its file form.
  const ConversionRecord copy = Json::parse(Json(record).dump()).get<ConversionRecord>();
  CHECK(Json(copy).dump() == Json(record).dump());
}

TEST_CASE("the same conversion twice is the same record, after another one and in another process too") {
  ColumnInput input = column(1);
  input.levels.resize(1);
  const auto text = [&] {
    Json json = run(small_core(), input).record;
    json.erase("cpu_seconds");
    return json.dump();
  };
  const std::string first = text();
  input.levels[0][0] = 0;
  run(small_core(), input);
  input = column(1);
  input.levels.resize(1);
  CHECK(text() == first);
  spice::run_in_workers(1, {}, [&](size_t) { return text(); }, [&](size_t, spice::TaskOutcome outcome) { CHECK(outcome.result == first); });
}

TEST_CASE("plain ngspice gives the same integrated voltage from the exported deck, within 0.5 mV, and writes nothing") {
  const ConversionOptions options{.tolerance = 1e-5};
  const ColumnInput input = column(-1);
  const Run r = run(small_core(), input, options);
  const Scratch scratch;
  const std::string deck = export_deck(column_setup(small_core(), program(), input), options, r.record, r.waveform);
  CHECK(deck.find(".include") == std::string::npos);
  CHECK(deck.find("external") == std::string::npos);
  CHECK(deck.find(program().name) != std::string::npos);
  write_text_file((scratch.path / "deck.cir").string(), deck);
  int status = -1;
  const std::string text = batch(scratch.path, "deck.cir", status);
  CAPTURE(text);
  CHECK(status == 0);
  const size_t at = text.find("v_integrated = ");
  REQUIRE(at != std::string::npos);
  const double v = std::stod(text.substr(at + 15));
  MESSAGE("libngspice ", 1e3 * r.record.v_integrated, " mV, ngspice -b ", 1e3 * v, " mV");
  CHECK(std::abs(v - r.record.v_integrated) < 0.5e-3);
  CHECK(std::distance(std::filesystem::directory_iterator(scratch.path), {}) == 1);
}

TEST_CASE("a deck needs a waveform and a decision") {
  const ConversionSetup setup = column_setup(small_core(), program(), column(1));
  CHECK_THROWS_WITH_AS(export_deck(setup, {}, {}, {}), doctest::Contains("waveform"), Error);
  ConversionWaveform waveform;
  waveform.sources = {"vdp"};
  CHECK_THROWS_WITH_AS(export_deck(setup, {}, {}, waveform), doctest::Contains("decision"), Error);
}

TEST_CASE("every gate of every shipped program's deck has a driver") {
  for (const auto& entry : std::filesystem::directory_iterator(data_path("netlists/programs"))) {
    if (entry.path().extension() != ".toml") continue;
    const ControlProgram p = read_control_program(entry.path().string());
    CAPTURE(p.name);
    const CircuitParams circuit = small_core();
    std::string deck = conversion_netlist(circuit, p, line_part(circuit));
    deck.erase(0, deck.rfind(".ends"));
    // A node g_NAME or gb_NAME stands at a driver xd_NAME and at least once elsewhere.
    std::istringstream lines(deck);
    std::map<std::string, std::pair<int, int>> gates;  // driven, used
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string element, word;
      words >> element;
      while (words >> word)
        if (word.starts_with("g_") || word.starts_with("gb_")) ++(element.starts_with("xd_") ? gates[word].first : gates[word].second);
    }
    for (const auto& [gate, count] : gates) {
      CAPTURE(gate);
      CHECK(count.first == 1);
      if (!gate.ends_with("_lat") || gate == "g_lat") CHECK(count.second >= 1);
    }
    CHECK((gates.count("g_iso") > 0) == p.uses(Signal::iso));
  }
}

TEST_CASE("a preset voltage lies on C_integ, with the switch at the amplifier's input and without") {
  const ControlProgram p = read_control_program(data_path("netlists/programs/preset_unary.toml"));
  REQUIRE(p.uses(Signal::iso));
  ConversionSetup setup{small_core(), p, line_part(small_core()), {}, {}};
  ReadPoint point;
  point.max_code = 1;
  setup.circuit.c_sample = 34e-15;
  setup.circuit.c_integ = 208e-15;
  setup.input = program_input(setup.circuit, point, 1);
  for (double v : {-0.06, 0.06}) {
    setup.input.parameters = {{"v_preset", v}};
    const ConversionRecord r = run_conversion(ngspice(), setup, {.tolerance = 1e-4});
    // The switches inject up to 2 mV.
    CHECK(std::abs(r.v_integrated - v) < 3e-3);
    CHECK(r.sign == (v > 0 ? 1 : -1));
  }
}

TEST_CASE("a run that is given what shorts two drivers ends in a message") {
  const std::string text = read_text_file(data_path("netlists/programs/preset_unary.toml"));
  std::string altered = text;
  const std::string from = "\"0 ns: az=1 cmp=1 ref=1 vcb=v_ref+v_preset\"", parameter = "parameters = [";
  REQUIRE(altered.find(from) != std::string::npos);
  altered.replace(altered.find(from), from.size(), "\"0 ns: az=1 cmp=1 ref=1 sdp=both vcb=v_ref+v_preset\"");
  altered.replace(altered.find(parameter), parameter.size(), parameter + "\"both = 0\", ");
  ConversionSetup setup{small_core(), parse_control_program(altered, "both.toml"), line_part(small_core()), {}, {}};
  setup.input = program_input(setup.circuit, {}, 1);
  setup.input.parameters = {{"both", 1.0}};
  CHECK_THROWS_WITH_AS(run_conversion(ngspice(), setup, {.tolerance = 1e-4}), doctest::Contains("two sources"), Error);
  setup.input.parameters = {{"both", 0.5}};
  CHECK_THROWS_WITH_AS(run_conversion(ngspice(), setup, {.tolerance = 1e-4}), doctest::Contains("0 or 1"), Error);
}

TEST_CASE("each shipped netlist parses in plain ngspice and a gate of it does what it should") {
  const Scratch scratch;
  const auto include = [](const char* file) { return fmt::format(".include {}\n", data_path(fmt::format("netlists/{}", file))); };
  const std::string all = include("card_130nm.lib") + include("switch.sub") + include("ota.sub") + include("latch.sub") + include("neuron.sub") + include("cell.sub") + include("cell_sinh.sub");
  const auto prints = [&](const std::string& body, const std::string& name) {
    write_text_file((scratch.path / "n.cir").string(), "* smoke\n" + all + body + ".control\nop\nprint " + name + "\nquit\n.endc\n.end\n");
    int status = -1;
    const std::string text = batch(scratch.path, "n.cir", status);
    CAPTURE(text);
    CHECK(status == 0);
    CHECK(text.find("Error") == std::string::npos);
    const size_t at = text.rfind(name + " = ");
    REQUIRE(at != std::string::npos);
    return std::stod(text.substr(at + name.size() + 3));
  };
  const std::string supply = "vdd vdd 0 1.8\nvref vref 0 0.9\n";
  // Driver of a control line: true output high, complement low.
  CHECK(prints(supply + "vin in 0 1.8\nx1 in g gb vdd swdrv\n", "v(g)-v(gb)") == doctest::Approx(1.8).scale(1e-30).epsilon(1e-3));
  // Transmission gate of 0.42/0.84 um: a few kilohm on, open when off.
  CHECK(prints(supply + "x1 vref b vdd 0 vdd tgate\nr1 b 0 1meg\n", "v(b)") == doctest::Approx(0.9).scale(1e-30).epsilon(0.05));
  CHECK(prints(supply + "x1 vref b 0 vdd vdd tgate\nr1 b 0 1meg\n", "v(b)") < 1e-3);
  // Amplifier in unity gain: a gain of some 60 dB leaves millivolts.
  CHECK(prints(supply + "xb vdd bn bp cn cp ota_bias\nxa vref out out vdd bn bp cn cp ota\n", "v(out)") == doctest::Approx(0.9).scale(1e-30).epsilon(0.01));
  // Latch: both outputs low while its clock is.
  CHECK(prints(supply + "vi inp 0 0.95\nvk k 0 0\nx1 inp vref k q qb vdd latch\n", "v(q)+v(qb)") < 1e-3);
  // Cell of 100 kohm, word line on and off.
  CHECK(prints("vb b 0 0.3\nvw w 0 2.5\nxc b w s cell r=100k\nr1 s 0 100k\n", "v(s)") == doctest::Approx(0.15).scale(1e-30).epsilon(0.05));
  CHECK(prints("vb b 0 0.3\nvw w 0 0\nxc b w s cell r=100k\nr1 s 0 100k\n", "v(s)") < 1e-3);
  // Bent cell into a short: i0 sinh(v/v0), less what its transistor takes.
  CHECK(prints("vb b 0 0.3\nvw w 0 2.5\nvs s 0 0\nxc b w s cell_sinh i0=1u v0=0.3\n", "i(vs)") == doctest::Approx(1e-6 * std::sinh(1.0)).scale(1e-30).epsilon(0.05));
  CHECK(prints("vb b 0 0.3\nvw w 0 0\nvs s 0 0\nxc b w s cell_sinh i0=1u v0=0.3\n", "i(vs)") < 1e-9);
  // Word line driver between its rails.
  CHECK(prints("vh h 0 2.5\nvl l 0 0.9\nv5 v5 0 3.3\nvi in 0 3.3\nx1 in wl h l v5 wldrv\n", "v(wl)") == doctest::Approx(2.5).scale(1e-30).epsilon(1e-3));
}
