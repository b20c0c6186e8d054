// The fast form of each control program against its ODE form, on a neuron made by hand.
#include "solver/mode_forms.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "circuits/mode_table.hpp"
#include "core/errors.hpp"
#include "solver/calibrate.hpp"
#include "solver/line.hpp"
#include "solver/neuron_ode.hpp"
#include "solver/test_models.hpp"

using namespace mho;
using namespace mho::solver;

namespace {

using Registers = Eigen::Matrix<std::uint32_t, Eigen::Dynamic, Eigen::Dynamic>;

// 34/208 fF, word lines that leave nothing behind when they are off, every kind of injection.
NeuronModel model_with_errors() {
  NeuronModel model = test::default_model();
  model.circuit.c_sample = 34e-15;
  model.circuit.c_integ = 208e-15;
  model.circuit.rows = 16;
  model.circuit.wl_low = 0.0;
  model.circuit.wl_high = 3.3;
  model.transistor.v_pinch = 1.2;
  model.neuron.c_line = 2.5e-13;
  model.neuron.q_az = -3e-17;
  model.neuron.q_int = -4e-17;
  model.neuron.q_iso = 2e-17;
  model.neuron.q_up = 1e-17;
  model.neuron.v_latch = 0.05;
  return model;
}

circuits::ReadPoint point_of() {
  circuits::ReadPoint point;
  point.v_decrement = 0.03;
  return point;
}

// Voltage at which the current into a line is zero.
double settled(const LineCurrent& line) {
  double v = line.centre;
  for (int i = 0; i < 50; ++i) v -= line.at(v) / (line.c1 + 2.0 * line.c2 * (v - line.centre));
  return v;
}

// Sixteen cells of 1 to 40 uS: their line settles within the 19 ns of a sample.
circuits::ColumnInput column(std::uint32_t index, int bits) {
  circuits::ColumnInput input = test::paired_column(index, 16, bits);
  const Eigen::MatrixXd cells = test::random_cells(16, 1, 100 + index);
  input.conductance.assign(cells.data(), cells.data() + cells.size());
  return input;
}

std::vector<Eigen::MatrixXf> single(const std::vector<double>& lines) {
  std::vector<Eigen::MatrixXf> out;
  for (double v : lines) out.push_back(Eigen::MatrixXf::Constant(1, 1, static_cast<float>(v)));
  return out;
}

}  // namespace

TEST_CASE("every mode's code is that of the ODE form, but for voltages next to a threshold") {
  const NeuronModel model = model_with_errors();
  const circuits::ReadPoint point = point_of();
  const double unit = lsb(model.circuit, point);
  int near = 0, all = 0;
  for (const char* name : {"driven_unary", "driven_binary", "comparator", "relu", "tanh", "sigmoid", "stochastic", "held_line_unary", "held_line_binary"}) {
    const circuits::ControlProgram program = circuits::named_program(name);
    ModeOptions options;
    options.bits = 2;
    const ModeForm form(model, program, point, options);
    REQUIRE(!form.samples_after_decision());
    for (std::uint32_t index = 0; index < 12; ++index) {
      circuits::ColumnInput in = column(index, 2);
      in.point = point;
      OdeOptions ode;
      ode.lfsr = 1 + 997 * index;
      const circuits::ConversionRecord record = simulate_conversion(model, program, in, ode).record;
      std::vector<double> lines;
      if (circuits::samples_driven_line(program))
        for (const auto& levels : in.levels) lines.push_back(settled(line_current(model, in.conductance, levels, point.v_read)));
      else lines = record.v_line_held;
      Eigen::MatrixXf v;
      form.integrate(single(lines), v);
      const circuits::StepRecord& last = record.steps[form.integration_steps() - 1];
      const double held = last.v_cib - last.v_x + model.neuron.v_offset;
      CAPTURE(std::string(name));
      CAPTURE(index);
      CHECK(std::abs(v(0, 0) - held) < 0.03 * unit);
      CodeMatrix codes;
      const Registers lfsr = Registers::Constant(1, 1, ode.lfsr);
      form.convert(v, codes, &lfsr);
      ++all;
      if (codes(0, 0) == record.code) continue;
      ++near;
      // Another code only where this much more or less gives the ODE form's.
      bool beside = false;
      for (double shift : {-0.04, 0.04}) {
        CodeMatrix other;
        form.convert(v.array() + static_cast<float>(shift * unit), other, &lfsr);
        beside = beside || other(0, 0) == record.code;
      }
      CHECK(beside);
    }
  }
  MESSAGE(near << " of " << all << " codes differ");
  CHECK(near <= all / 20);
}

TEST_CASE("spikes are those of the ODE form over leaks, thresholds and rests") {
  const NeuronModel model = model_with_errors();
  const circuits::ControlProgram program = circuits::named_program("lif");
  for (const auto& [leak, refractory] : {std::pair{1, 0}, std::pair{3, 2}, std::pair{0, 1}}) {
    ModeOptions options;
    options.parameters = {{"time_steps", 24}, {"v_threshold", 0.1}, {"leak_every", static_cast<double>(leak)}, {"refractory", static_cast<double>(refractory)}};
    const ModeForm form(model, program, {}, options);
    REQUIRE(form.samples_after_decision());
    CHECK(form.threshold() == doctest::Approx(0.1).scale(1e-30).epsilon(0.05));
    for (int on : {0, 5, 9, 12, 16}) {
      circuits::ColumnInput in = column(4, 1);
      std::fill(in.levels[0].begin(), in.levels[0].end(), static_cast<std::int8_t>(0));
      std::fill_n(in.levels[0].begin(), on, static_cast<std::int8_t>(1));
      in.point = {};
      OdeOptions ode;
      ode.parameters = options.parameters;
      CodeMatrix codes;
      form.apply(single({settled(line_current(model, in.conductance, in.levels[0], in.point.v_read))}), codes);
      CAPTURE(on);
      CHECK(codes(0, 0) == simulate_conversion(model, program, in, ode).record.code);
    }
    Eigen::MatrixXf v = Eigen::MatrixXf::Zero(1, 1);
    CodeMatrix codes;
    CHECK_THROWS_WITH_AS(form.convert(v, codes), doctest::Contains("its codes need the lines"), Error);
  }
}

TEST_CASE("staircases rise, ReLU is the positive part of the unary one, tanh and sigmoid are counted from it") {
  const NeuronModel model = model_with_errors();
  const auto stairs = [&](const char* name) { return ModeForm(model, circuits::named_program(name), point_of(), {}).staircase(); };
  const auto at = [](const ModeForm::Staircase& s, float v) { return s.code[static_cast<size_t>(std::upper_bound(s.edge.begin(), s.edge.end(), v) - s.edge.begin())]; };
  const ModeForm::Staircase unary = stairs("driven_unary"), relu = stairs("relu"), tanh = stairs("tanh"), sigmoid = stairs("sigmoid"), binary = stairs("driven_binary");
  for (const ModeForm::Staircase* s : {&unary, &relu, &tanh, &sigmoid, &binary}) {
    CHECK(std::is_sorted(s->edge.begin(), s->edge.end()));
    CHECK(std::is_sorted(s->code.begin(), s->code.end()));
  }
  CHECK(unary.code.front() == -31);
  CHECK(unary.code.back() == 31);
  CHECK(binary.code.back() == 31);
  for (float v = -0.2F; v < 0.2F; v += 0.0017F) {
    CHECK(at(relu, v) == std::max<std::int16_t>(0, at(unary, v)));
    CHECK(at(sigmoid, v) == 64 + at(tanh, v));
    CHECK(std::abs(at(binary, v) - at(unary, v)) <= 1);
  }
}

TEST_CASE("the stochastic neuron draws the program's own bits: its probability rises with the sum, over all registers") {
  const NeuronModel model = model_with_errors();
  const circuits::ControlProgram program = circuits::named_program("stochastic");
  const ModeForm form(model, program, {}, {});
  REQUIRE(form.drawn_bits() == 8);
  Registers lfsr(256, 1);
  for (Eigen::Index i = 0; i < 256; ++i) lfsr(i, 0) = static_cast<std::uint32_t>(1 + 251 * i);
  double before = -1.0;
  for (float v : {-0.06F, -0.02F, 0.0F, 0.02F, 0.06F}) {
    CodeMatrix codes;
    form.convert(Eigen::MatrixXf::Constant(256, 1, v), codes, &lfsr);
    const double p = codes.cast<double>().mean();
    CHECK(p > before);
    before = p;
  }
  CHECK(before > 0.9);
  CodeMatrix codes;
  CHECK_THROWS_WITH_AS(form.convert(Eigen::MatrixXf::Zero(1, 1), codes), doctest::Contains("start of the register"), Error);
}

TEST_CASE("codes do not depend on what else is in the batch") {
  const NeuronModel model = model_with_errors();
  for (const char* name : {"driven_binary", "held_line_binary", "lif"}) {
    ModeOptions options;
    options.bits = 2;
    const ModeForm form(model, circuits::named_program(name), point_of(), options);
    RandomStream random(5, 0, 0, 0, Purpose::test);
    std::vector<Eigen::MatrixXf> lines(2, Eigen::MatrixXf(7, 9));
    for (auto& m : lines)
      for (float& v : m.reshaped()) v = static_cast<float>(0.5 * random.uniform() - 0.25);
    CodeMatrix whole, one;
    form.apply(lines, whole);
    for (Eigen::Index i = 0; i < 7; ++i)
      for (Eigen::Index j = 0; j < 9; ++j) {
        form.apply(std::vector<Eigen::MatrixXf>{lines[0].block(i, j, 1, 1), lines[1].block(i, j, 1, 1)}, one);
        CHECK(one(0, 0) == whole(i, j));
      }
    lines.pop_back();
    CHECK_THROWS_WITH_AS(form.apply(lines, whole), doctest::Contains("1 matrices of lines for 2 bits"), Error);
  }
}
