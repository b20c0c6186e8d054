// Laws of the conversion in ODE form on models made by hand, and of the map that tabulates it.
#include "solver/neuron_ode.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "circuits/mode_table.hpp"
#include "core/errors.hpp"
#include "solver/calibrate.hpp"
#include "solver/test_models.hpp"

using namespace mho;
using namespace mho::solver;

namespace {

circuits::ColumnInput mirrored(circuits::ColumnInput input) {
  for (auto& bit : input.levels)
    for (std::int8_t& level : bit) level = static_cast<std::int8_t>(-level);
  return input;
}

// v_out after, and v_line at, the end of the steps so named.
std::vector<double> at_steps(const circuits::ControlProgram& program, const circuits::ConversionRecord& record, const std::string& name,
                             double circuits::StepRecord::* what) {
  std::vector<double> values;
  for (const circuits::StepRecord& s : record.steps)
    if (program.steps[static_cast<size_t>(s.step)].name == name) values.push_back(s.*what);
  return values;
}

}  // namespace

TEST_CASE("each sample adds C_sample/C_integ times the sampled line above its reference, the line keeps its charge less that of C_sample") {
  NeuronModel model = test::quiet_model();
  model.neuron.g_out = 1e-9;
  const circuits::ControlProgram program = test::program_of(model);
  circuits::ColumnInput in = test::paired_column(3, 32, 2);
  in.point.v_trim = -0.05;
  in.point.pulse_multiplier = 2;
  const circuits::ConversionRecord r = simulate_conversion(model, program, in).record;
  const auto line = at_steps(program, r, "sample", &circuits::StepRecord::v_line), out = at_steps(program, r, "integrate", &circuits::StepRecord::v_out);
  REQUIRE(line.size() == 6);
  REQUIRE(out.size() == 6);
  const double ratio = model.circuit.c_sample / model.circuit.c_integ, c_left = model.circuit.c_sample + model.neuron.c_l;
  double before = 0.0;
  for (size_t n = 0; n < 6; ++n) {
    const double u = line[n] - in.point.v_trim;
    CHECK(out[n] - before == doctest::Approx(ratio * u).scale(1e-30).epsilon(0.01));
    before = out[n];
    const double from = n == 0 ? r.v_line_held[0] : n == 2 ? r.v_line_held[1] : line[n - 1];
    CHECK(u == doctest::Approx((from - in.point.v_trim) * model.neuron.c_line / (model.neuron.c_line + c_left)).scale(1e-30).epsilon(0.002));
  }
  CHECK(r.v_integrated == out.back());
}

TEST_CASE("zero input gives code zero, with default parameters at the trim that the model itself gives") {
  for (const bool quiet : {true, false}) {
    const NeuronModel model = quiet ? test::quiet_model() : test::default_model();
    circuits::ColumnInput in;
    for (int i = 0; i < 64; ++i) in.conductance.push_back(i % 4 == 0 || i % 4 == 3 ? 20e-6 : 1e-6);
    in.levels.assign(2, std::vector<std::int8_t>(64, 0));
    in.point.v_trim = quiet ? 0.0 : line_trim(model, 64);
    const circuits::ConversionRecord r = simulate_conversion(model, test::program_of(model), in).record;
    CHECK(r.code == 0);
    CHECK(r.decrements == 1);
    CHECK(std::abs(r.v_integrated) < 0.2 * lsb(model.circuit, in.point));
  }
}

TEST_CASE("a symmetric neuron answers a mirrored input with the mirrored code and as many steps") {
  const NeuronModel model = test::quiet_model();
  const circuits::ControlProgram program = test::program_of(model);
  for (std::uint32_t index = 10; index < 16; ++index) {
    const circuits::ColumnInput in = test::paired_column(index, 32, 3);
    const circuits::ConversionRecord a = simulate_conversion(model, program, in).record, b = simulate_conversion(model, program, mirrored(in)).record;
    CHECK(a.v_integrated == doctest::Approx(-b.v_integrated).scale(1e-30).epsilon(1e-3));
    CHECK(a.code == -b.code);
    CHECK(a.decrements == b.decrements);
    CHECK(a.duration == b.duration);
  }
}

TEST_CASE("the code is the integrated voltage in LSB, truncated, and stops at the largest code") {
  const NeuronModel model = test::quiet_model();
  const circuits::ControlProgram program = test::program_of(model);
  circuits::ColumnInput in;
  in.conductance.assign(16, 20e-6);
  in.levels.assign(2, std::vector<std::int8_t>(16, 1));
  in.point.v_decrement = 0.05;
  const circuits::ConversionRecord r = simulate_conversion(model, program, in).record;
  const double in_lsb = r.v_integrated / lsb(model.circuit, in.point);
  CHECK(r.code >= std::floor(in_lsb) - 1);
  CHECK(r.code <= std::floor(in_lsb) + 1);
  CHECK(static_cast<int>(r.v_residue.size()) == r.decrements);
  in.point.max_code = r.code - 3;
  const circuits::ConversionRecord limited = simulate_conversion(model, program, in).record;
  CHECK(limited.code == in.point.max_code);
  CHECK(limited.decrements <= r.decrements - 3);
}

TEST_CASE("a finer tolerance of the integrator converges") {
  const NeuronModel model = test::default_model();
  const circuits::ControlProgram program = test::program_of(model);
  circuits::ColumnInput in = test::paired_column(5, 32, 3);
  in.point.v_trim = line_trim(model, 32);
  const auto v = [&](double tolerance) {
    OdeOptions options;
    options.tolerance = tolerance;
    options.max_decrements = 1;
    return simulate_conversion(model, program, in, options).record.v_integrated;
  };
  const double exact = v(1e-10), coarse = std::abs(v(1e-4) - exact), standard = std::abs(v(1e-6) - exact), halved = std::abs(v(5e-7) - exact);
  MESSAGE("error at 1e-4, 1e-6, 5e-7 [V]: " << coarse << ", " << standard << ", " << halved);
  CHECK(coarse < 1e-3);
  CHECK(standard < 5e-5);
  CHECK(halved < 5e-5);
  CHECK(standard < coarse);
}

TEST_CASE("following a record repeats its decisions and held lines") {
  const NeuronModel model = test::default_model();
  const circuits::ControlProgram program = test::program_of(model);
  circuits::ColumnInput in = test::paired_column(6, 16, 2);
  in.point.v_trim = line_trim(model, 16);
  const circuits::ConversionRecord own = simulate_conversion(model, program, in).record;
  OdeOptions options;
  options.follow = &own;
  const circuits::ConversionRecord again = simulate_conversion(model, program, in, options).record;
  CHECK(again.code == own.code);
  CHECK(again.v_integrated == own.v_integrated);
  NeuronModel other = model;
  other.fall.c_channel *= 1.3;
  const circuits::ConversionRecord follower = simulate_conversion(other, program, in, options).record;
  CHECK(follower.code == own.code);
  CHECK(follower.v_line_held == own.v_line_held);
  // Held lines that are given: the rest of the conversion is the same.
  OdeOptions given;
  given.held = &own.v_line_held;
  const circuits::ConversionRecord on_held = simulate_conversion(model, program, in, given).record;
  CHECK(on_held.code == own.code);
  CHECK(on_held.v_integrated == own.v_integrated);
}

TEST_CASE("the phase map is the ODE form within 0.3 mV at random states") {
  const NeuronModel model = test::default_model();
  const circuits::ControlProgram program = test::program_of(model);
  const OperatingPoint point{.v_read = 0.3, .v_trim = -0.1, .v_decrement = 0.05, .pulse_multiplier = 2, .max_code = 31};
  const circuits::ReadPoint read{point.v_read, point.v_trim, point.v_decrement, point.pulse_multiplier, point.max_code};
  const PhaseMap map = make_phase_map(model, point, 3);
  const std::array<int, 2> cycle{program.step_index("sample"), program.step_index("integrate")};
  RandomStream random(41, 0, 0, 0, Purpose::test);
  double worst_out = 0, worst_line = 0;
  for (int trial = 0; trial < 30; ++trial) {
    const BitMap& bit = map.bits[random.below(3)];
    const double v = 0.4 * (2 * random.uniform() - 1), u = 0.2 * (2 * random.uniform() - 1);
    std::vector<int> steps;
    for (int n = 0; n < bit.samples; ++n) steps.insert(steps.end(), cycle.begin(), cycle.end());
    const HeldState end = simulate_steps(model, program, read, {v, point.v_trim + u}, steps, 0);
    if (std::abs(end.v_integ) > 0.6) continue;
    worst_out = std::max(worst_out, std::abs(evaluate(bit.out, v, u) - end.v_integ));
    worst_line = std::max(worst_line, std::abs(evaluate(bit.line, v, u) + point.v_trim - end.v_line));
  }
  MESSAGE("worst of out and line [V]: " << worst_out << ", " << worst_line);
  CHECK(worst_out < 3e-4);
  CHECK(worst_line < 3e-4);
  CHECK(std::is_sorted(map.adc.up.begin(), map.adc.up.end()));
  CHECK(std::is_sorted(map.adc.down.rbegin(), map.adc.down.rend()));
  CHECK(map.adc.up.size() == 31);
}

TEST_CASE("a program without the steps that the vectorised form knows is refused by name") {
  NeuronModel model = test::default_model();
  for (size_t at; (at = model.program.find("decrement_integrate")) != std::string::npos;) model.program.replace(at, 19, "count_down");
  CHECK_THROWS_WITH_AS(make_phase_map(model, {}, 1), doctest::Contains("decrement_integrate"), Error);
}

TEST_CASE("a deep line leaks through the off transistors of all rows, e-fold every phi") {
  NeuronModel model = test::default_model();
  CHECK(leakage(model, -0.3) / leakage(model, -0.3 + model.fall.phi) == doctest::Approx(std::exp(1.0)).scale(1e-30).epsilon(0.01));
  const circuits::ControlProgram program = test::program_of(model);
  const std::array<int, 1> restore{program.step_index("restore")};
  const double seconds = program.phases[static_cast<size_t>(program.steps[static_cast<size_t>(restore[0])].phase)].duration;
  const HeldState deep = simulate_steps(model, program, {}, {0.0, -0.4}, restore, 1), shallow = simulate_steps(model, program, {}, {0.0, 0.0}, restore, 1);
  // C dv/dt = I0 exp(-v/phi), so v = phi ln(1 + I0 t/(C phi)).
  const double phi = model.fall.phi;
  CHECK(deep.v_line + 0.4 == doctest::Approx(phi * std::log1p(leakage(model, -0.4) / model.neuron.c_line * seconds / phi)).scale(1e-30).epsilon(0.01));
  CHECK(std::abs(shallow.v_line) < 1e-4 * (deep.v_line + 0.4));
}

TEST_CASE("a model read back from its JSON text is the same model") {
  NeuronModel model = test::default_model();
  model.neuron.q_up = 1.25e-17;
  model.rest = RestState{-0.8, -0.14};
  model.min_rows = 16, model.max_rows = 256, model.max_v_read = 0.5, model.max_abs_v_integrated = 0.4;
  const std::string text = Json(model).dump();
  const NeuronModel back = Json::parse(text).get<NeuronModel>();
  CHECK(Json(back).dump() == text);
  CHECK(!Json(test::default_model()).get<NeuronModel>().rest);
  Json broken = Json::parse(text);
  broken["fall"].erase("phi");
  CHECK_THROWS(broken.get<NeuronModel>());
}

TEST_CASE("a model from before the switch iso has its defaults") {
  Json json = Json::parse(Json(test::default_model()).dump());
  for (const char* key : {"r_iso", "q_iso"}) json["neuron"].erase(key);
  CHECK(json.get<NeuronModel>().neuron.r_iso == NeuronParams{}.r_iso);
  json["neuron"].erase("q_az");
  CHECK_THROWS(json.get<NeuronModel>());
}

TEST_CASE("calibration to one program refuses by name what it does not know") {
  const auto says = [&](const char* name, const char* words) { CHECK_THROWS_WITH_AS(check_modelled(circuits::named_program(name)), doctest::Contains(words), Error); };
  says("driven_unary", "no switch sbl");
  says("preset_unary", "no switch iso");
  says("baseline_unary", "no moving levels");
}

TEST_CASE("a driven line adds C_sample/C_integ of its own voltage at every sample, by either switch and whatever iso resists") {
  NeuronModel model = test::quiet_model();
  model.neuron.g_out = 1e-9;
  const circuits::ControlProgram program = circuits::named_program("driven_unary");
  const circuits::ColumnInput in = test::paired_column(3, 16, 2);
  const circuits::ConversionRecord r = simulate_conversion(model, program, in).record;
  REQUIRE(r.v_line_driven.size() == 3);
  const double ratio = model.circuit.c_sample / model.circuit.c_integ;
  const auto out = at_steps(program, r, "integrate", &circuits::StepRecord::v_out);
  for (size_t n = 0; n < 3; ++n) CHECK(out[n] - (n == 0 ? 0.0 : out[n - 1]) == doctest::Approx(ratio * r.v_line_driven[n]).scale(1e-30).epsilon(0.005));
  OdeOptions backward;
  backward.parameters = {{"forward", 0.0}};
  CHECK(simulate_conversion(model, program, in, backward).record.v_integrated == r.v_integrated);
  model.neuron.r_iso = 1000;
  CHECK(simulate_conversion(model, program, in).record.v_integrated == doctest::Approx(r.v_integrated).scale(1e-30).epsilon(1e-3));
  // The lines that an array form gives, here the column's own.
  model.neuron.r_iso = NeuronParams{}.r_iso;
  const std::vector<LineCurrent> lines{line_current(model, in.conductance, in.levels[0], in.point.v_read), line_current(model, in.conductance, in.levels[1], in.point.v_read)};
  OdeOptions given;
  given.lines = lines;
  // Its lines do not fall between samples; what is left of that after 19 ns is less than 1e-5.
  CHECK(simulate_conversion(model, program, in, given).record.v_integrated == doctest::Approx(r.v_integrated).scale(1e-30).epsilon(1e-5));
  given.lines = std::span(lines).first(1);
  CHECK_THROWS_WITH_AS(simulate_conversion(model, program, in, given), doctest::Contains("1 line currents for 2 bits"), Error);
}

TEST_CASE("opening and closing iso and int leaves the charge of C_integ, its injection is that charge over C_integ") {
  NeuronModel model = test::quiet_model();
  model.neuron.c_b = 5e-15;
  const circuits::ControlProgram program = circuits::parse_control_program(R"(
name = "isolate"
first = "rest"
registers = ["sign = 0"]
[phase.rest]
duration = "40 ns"
events = ["0 ns: iso=1", "1 ns: int=0", "2 ns: az=1", "12 ns: az=0", "13 ns: iso=0 int=1"]
[step.rest]
next = ["always: end"]
)", "test");
  const std::array<int, 1> steps{0};
  for (double q : {0.0, 1e-16}) {
    model.neuron.q_iso = q;
    for (double v : {-0.2, 0.0, 0.15}) {
      const HeldState end = simulate_steps(model, program, {}, {v, 0.0}, steps, 0);
      // 2e-5 of v is what the finite gain takes with the parasitics at the input.
      CHECK(end.v_integ == doctest::Approx(v - q / model.circuit.c_integ).scale(1e-30).epsilon(2e-3));
      if (v == 0.0) CHECK(std::abs(end.v_integ + q / model.circuit.c_integ) < 2e-6);
    }
  }
}

TEST_CASE("lk takes the share C_sample/(C_sample + C_integ) of the stored charge, rst all of it") {
  NeuronModel model = test::quiet_model();
  model.neuron.g_out = 1e-9;
  const circuits::ControlProgram program = circuits::named_program("lif");
  const std::array<int, 3> leak{program.step_index("leak"), program.step_index("leak_away"), program.step_index("hold")};
  const std::array<int, 3> fire{program.step_index("compare"), program.step_index("reset"), program.step_index("rest")};
  const double kept = model.circuit.c_integ / (model.circuit.c_integ + model.circuit.c_sample);
  for (double v : {-0.1, 0.05, 0.2}) {
    CHECK(simulate_steps(model, program, {}, {v, 0.0}, leak, 0).v_integ == doctest::Approx(kept * v).scale(1e-30).epsilon(0.005));
    CHECK(std::abs(simulate_steps(model, program, {}, {v, 0.0}, fire, 0).v_integ) < 2e-3 * std::abs(v));
  }
}

TEST_CASE("what a circuit starts from is forgotten, e-fold in each time constant of the first step") {
  NeuronModel model = test::quiet_model();
  model.neuron.g_out = 1e-9;
  // What 150 mV more on the line at the start change across C_integ at the end of the first step.
  const auto left_after = [&](const char* duration) {
    const circuits::ControlProgram program = circuits::parse_control_program(fmt::format(R"(name = "first"
about = "amplifier in unity gain, C_integ and line at their references"
edge = "0.1 ns"
first = "first"
result = "0"
[phase.first]
duration = "{}"
events = ["0 ns: az=1 cmp=1 ref=1 ssl=1"]
[step.first]
next = ["always: end"]
)", duration), "first");
    circuits::ColumnInput none;
    none.levels.assign(1, {});
    std::array<double, 2> across{};
    for (size_t i = 0; i < 2; ++i) {
      model.rest = RestState{-0.8 + 0.15 * static_cast<double>(i), 0.0};
      OdeOptions options;
      options.tolerance = 1e-9;
      const circuits::StepRecord end = simulate_conversion(model, program, none, options).record.steps.back();
      across[i] = end.v_cib - end.v_x;
    }
    return std::abs(across[1] - across[0]);
  };
  // C_integ charges through its switch and what the amplifier's transconductance leaves of the input.
  const NeuronParams& p = model.neuron;
  const double tau = model.circuit.c_integ * (p.r_int + 1.0 / p.gm), first = left_after("15 ns"), later = left_after("20 ns");
  CHECK(first > 1e-5);
  CHECK(std::log(first / later) == doctest::Approx(5e-9 / tau).epsilon(0.1));
  CHECK(left_after("60 ns") < 1e-4 * first);
  // A held state is one, wherever the conversion came from.
  const circuits::ControlProgram held = test::program_of(model);
  const std::array<int, 2> cycle{held.step_index("sample"), held.step_index("integrate")};
  circuits::ReadPoint point;
  point.v_trim = -0.1;
  const HeldState from{0.05, 0.1}, with_rest = simulate_steps(model, held, point, from, cycle, 0);
  model.rest.reset();
  const HeldState without = simulate_steps(model, held, point, from, cycle, 0);
  CHECK(with_rest.v_integ == without.v_integ);
  CHECK(with_rest.v_line == without.v_line);
}

TEST_CASE("levels are what events set: the far plate's is preset, and is compared with") {
  const NeuronModel model = test::quiet_model();
  const circuits::ControlProgram preset = circuits::named_program("preset_binary");
  circuits::ColumnInput none;
  none.levels.assign(1, {});
  for (double v : {-0.1, 0.08}) {
    OdeOptions options;
    options.parameters = {{"v_preset", v}};
    const circuits::ConversionRecord r = simulate_conversion(model, preset, none, options).record;
    CHECK(r.v_integrated == doctest::Approx(v).scale(1e-30).epsilon(0.005));
    CHECK(std::abs(r.code - v / lsb(model.circuit, none.point)) < 1.5);
  }
  // The level that C_integ is compared with: 150 mV here, beyond the ±50 mV in which a turn is looked for.
  CHECK(comparator_turn(model, circuits::named_program("lif"), {}) > 0.049);
}
