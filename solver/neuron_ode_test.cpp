// Laws of the conversion in ODE form on models made by hand, and of the map that tabulates it.
#include "solver/neuron_ode.hpp"

#include <doctest/doctest.h>

#include <array>

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

TEST_CASE("each sample adds C_sample/C_integ times the sampled line above its reference; the line keeps its charge less that of C_sample") {
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
  model.min_rows = 16, model.max_rows = 256, model.max_v_read = 0.5, model.max_abs_v_integrated = 0.4;
  const std::string text = Json(model).dump();
  const NeuronModel back = Json::parse(text).get<NeuronModel>();
  CHECK(Json(back).dump() == text);
  Json broken = Json::parse(text);
  broken["fall"].erase("phi");
  CHECK_THROWS(broken.get<NeuronModel>());
}

TEST_CASE("programs beyond the model are refused by name, not run as if they were the reference sequence") {
  const NeuronModel model = test::default_model();
  const auto says = [&](const char* name, const char* words) {
    const circuits::ControlProgram program = circuits::named_program(name);
    circuits::ColumnInput input;
    input.conductance.assign(4, 20e-6);
    input.levels.assign(1, std::vector<std::int8_t>(4, 1));
    CHECK_THROWS_WITH_AS(simulate_conversion(model, program, input), doctest::Contains(words), Error);
  };
  says("driven_unary", "no switch sbl");
  says("preset_unary", "no switch iso");
  says("baseline_unary", "no moving levels");
}
