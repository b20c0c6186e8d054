// The fit of the neuron on records that the ODE form itself made: what it finds must predict conversions that it did not see. And the plan of
// conversions: drawn from its seed, within its limits, fit and validation apart.
#include <doctest/doctest.h>

#include "solver/calibrate.hpp"
#include "solver/neuron_ode.hpp"
#include "solver/test_models.hpp"
#include "validation/conversion_plan.hpp"

using namespace mho;
using namespace mho::validation;

namespace {

solver::CalibrationData conversions(const solver::NeuronModel& model, Purpose purpose, std::uint32_t count) {
  const circuits::ControlProgram program = solver::test::program_of(model);
  solver::CalibrationData data;
  for (std::uint32_t i = 0; i < count; ++i) {
    circuits::ColumnInput in = random_column(5, i, purpose, model.circuit, {.min_rows = 16, .max_rows = 32, .bits = 2, .max_code = 5});
    in.point.v_trim = solver::line_trim(model, static_cast<Eigen::Index>(in.conductance.size()));
    data.records.push_back(solver::simulate_conversion(model, program, in).record);
    data.inputs.push_back(std::move(in));
  }
  return data;
}

}  // namespace

TEST_CASE("calibration finds a neuron that made the records: unseen columns within 0.05 LSB") {
  solver::NeuronModel truth = solver::test::default_model();
  truth.transistor.beta *= 0.85;
  truth.neuron.c_line *= 1.2;
  truth.neuron.v_offset = 3e-3;
  truth.neuron.gm *= 1.1;
  truth.neuron.q_az = -5e-17;
  truth.neuron.q_int = -6e-17;
  truth.neuron.q_up = 1e-17;
  truth.neuron.q_down = -1e-17;
  truth.neuron.v_latch = 0.02;
  truth.fall.c_channel *= 1.1;
  const solver::CalibrationData seen = conversions(truth, Purpose::calibration_plan, 8), unseen = conversions(truth, Purpose::validation_plan, 4);
  const circuits::ControlProgram program = solver::test::program_of(truth);
  solver::FitReport report;
  const solver::NeuronModel start = solver::test::default_model();
  const solver::NeuronModel fitted = solver::calibrate_neuron(start, program, seen, {}, {.threads = 1, .max_iterations = 12, .progress = false}, &report);
  double worst = 0, before = 0;
  for (const solver::ConversionError& e : solver::compare_with_records(fitted, program, unseen, 1)) worst = std::max(worst, std::abs(e.v_error));
  for (const solver::ConversionError& e : solver::compare_with_records(start, program, unseen, 1)) before = std::max(before, std::abs(e.v_error));
  MESSAGE("largest error on unseen columns [LSB]: " << worst << ", before the fit " << before << "; residues of line, fall, neuron [V]: " << report.line_rms
                                                    << ", " << report.fall_rms << ", " << report.neuron_rms);
  CHECK(before > 0.3);
  CHECK(worst < 0.05);
  // The latch turned between two decisions that the records hold.
  CHECK(report.latch.decisions > 30);
  CHECK(report.latch.wrong == 0);
  CHECK(std::abs(fitted.neuron.v_latch - truth.neuron.v_latch) <= 0.5 * report.latch.bracket);
  CHECK(fitted.max_rows <= 32);
  CHECK(fitted.min_rows >= 16);
}

TEST_CASE("without conversions there is nothing to fit") {
  const solver::NeuronModel model = solver::test::default_model();
  CHECK_THROWS(solver::calibrate_neuron(model, solver::test::program_of(model), {}, {}, {}));
}

TEST_CASE("the plan repeats for a seed, differs between columns, purposes and seeds, and keeps its limits") {
  const circuits::CircuitParams circuit;
  const PlanOptions options;
  for (std::uint32_t i = 0; i < 50; ++i) {
    const circuits::ColumnInput a = random_column(1, i, Purpose::calibration_plan, circuit, options);
    CHECK(a.conductance == random_column(1, i, Purpose::calibration_plan, circuit, options).conductance);
    CHECK(a.conductance != random_column(1, i, Purpose::validation_plan, circuit, options).conductance);
    CHECK(a.conductance != random_column(2, i, Purpose::calibration_plan, circuit, options).conductance);
    CHECK(a.conductance != random_column(1, i + 1, Purpose::calibration_plan, circuit, options).conductance);
    CHECK(a.conductance.size() >= 16);
    CHECK(a.conductance.size() <= 256);
    REQUIRE(a.levels.size() == 3);
    for (const auto& bit : a.levels) CHECK(bit.size() == a.conductance.size());
    for (const double g : a.conductance) CHECK((g >= 1e-9 && g < 55e-6));
    CHECK(a.point.v_decrement >= 0.03);
    CHECK(a.point.v_decrement <= 0.08);
    CHECK(a.point.v_trim < 0.03);
  }
}

TEST_CASE("columns of line runs: as many unrelated patterns as pulses, some without an input, some in opposite pairs") {
  const circuits::CircuitParams circuit;
  int silent = 0, paired = 0;
  for (std::uint32_t i = 0; i < 20; ++i) {
    const circuits::ColumnInput a = random_line_column(1, i, Purpose::calibration_plan, circuit, {}, 8);
    CHECK(a.conductance == random_line_column(1, i, Purpose::calibration_plan, circuit, {}, 8).conductance);
    REQUIRE(a.levels.size() == 8);
    for (const auto& levels : a.levels) {
      REQUIRE(levels.size() == a.conductance.size());
      int active = 0, opposite = 0;
      for (size_t row = 0; row < levels.size(); ++row) {
        active += levels[row] != 0;
        opposite += row % 2 == 1 && levels[row] == -levels[row - 1];
      }
      silent += active == 0;
      paired += 2 * opposite == static_cast<int>(levels.size());
    }
  }
  CHECK(silent > 5);
  CHECK(paired > 60);
}

TEST_CASE("the provisional trim grows with rows and swing") {
  const circuits::CircuitParams circuit;
  circuits::CircuitParams deep = circuit;
  deep.wl_low = 0.0;
  CHECK(provisional_trim(256, circuit) < provisional_trim(64, circuit));
  CHECK(provisional_trim(64, circuit) < 0.0);
  CHECK(provisional_trim(64, deep) < provisional_trim(64, circuit));
}
