// The fit of the neuron on records that the ODE form itself made: what it finds must predict conversions that it did not see. And the plan of
// conversions: drawn from its seed, within its limits, fit and validation apart.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>

#include "solver/calibrate.hpp"
#include "solver/calibration_covariance.hpp"
#include "solver/calibration_residuals.hpp"
#include "solver/energy_fit.hpp"
#include "solver/fit_parameters.hpp"
#include "solver/least_squares.hpp"
#include "solver/neuron_ode.hpp"
#include "solver/test_models.hpp"
#include "validation/conversion_plan.hpp"
#include "validation/space_filling.hpp"

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
  const solver::NeuronModel fitted = solver::calibrate_neuron(start, program, seen, {}, {.threads = 1, .max_iterations = 12}, &report);
  double worst = 0, before = 0;
  for (const solver::ConversionError& e : solver::compare_with_records(fitted, program, unseen, 1)) worst = std::max(worst, std::abs(e.v_error));
  for (const solver::ConversionError& e : solver::compare_with_records(start, program, unseen, 1)) before = std::max(before, std::abs(e.v_error));
  REQUIRE(report.stages.size() == 3);
  MESSAGE("largest error on unseen columns [LSB]: " << worst << ", before the fit " << before << "; residues of line, fall, neuron [V]: " << report.stages[0].rms
                                                    << ", " << report.stages[1].rms << ", " << report.stages[2].rms);
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

namespace {

// Driven lines of small columns as the model has them, four pulses a run.
struct LinePulses {
  std::vector<circuits::ColumnInput> inputs;
  std::vector<solver::Pulse> pulses;
  explicit LinePulses(const solver::NeuronModel& model, std::uint32_t runs) {
    for (std::uint32_t r = 0; r < runs; ++r) inputs.push_back(random_line_column(3, r, Purpose::test, model.circuit, {.min_rows = 16, .max_rows = 24}, 4));
    for (size_t r = 0; r < inputs.size(); ++r)
      for (size_t k = 0; k < 4; ++k) {
        // Short pulses, so that capacitances matter beside the transistors.
        solver::Pulse p{&inputs[r], &inputs[r].levels[k], -0.05, 0.0, 0.0, 1e-9 * static_cast<double>(1 + 3 * k), r};
        p.driven = solver::driven_line(model, p.input->conductance, *p.levels, p.input->point.v_read, p.before, p.t_on);
        p.held = p.driven;
        pulses.push_back(p);
      }
  }
};

struct Coverage {
  double jackknife = 0, independent = 0;  // share of parameters within one standard error of the truth
};

// Many line fits to the same pulses under noise [V]: of each pulse on its own, and one value for all pulses of a run.
Coverage coverage_of_line_fits(double own, double shared, int repeats) {
  const solver::NeuronModel truth = solver::test::default_model();
  const auto unknowns = solver::line_unknowns().first(2);  // beta and the pinch-off voltage: the others are held
  const LinePulses exact(truth, 16);
  std::vector<size_t> run;
  for (const solver::Pulse& p : exact.pulses) run.push_back(p.run);
  int jackknife = 0, independent = 0;
  for (int n = 0; n < repeats; ++n) {
    std::vector<solver::Pulse> noisy = exact.pulses;
    RandomStream random(11, 0, 0, static_cast<std::uint32_t>(n), Purpose::test);
    std::vector<double> of_run;
    for (size_t r = 0; r < exact.inputs.size(); ++r) of_run.push_back(shared * random.normal());
    for (solver::Pulse& p : noisy) {
      p.driven += of_run[p.run] + own * random.normal();
      p.held = p.driven;
    }
    const auto residuals = [&](const Eigen::VectorXd& x) { return solver::line_residuals(solver::moved(truth, unknowns, x), noisy); };
    const solver::LeastSquaresResult fit = solver::minimise(residuals, Eigen::VectorXd::Zero(2), 1e-3, 1, 10);
    const solver::Deletions d = solver::without_each_run(residuals(fit.x), solver::jacobian(residuals, fit.x, 1e-2, 1), run, 16);
    for (Eigen::Index i = 0; i < 2; ++i) {
      jackknife += std::abs(fit.x[i]) < std::sqrt(15.0 / 16.0) * d.by_run.row(i).norm();
      independent += std::abs(fit.x[i]) < std::sqrt(d.independent[i]);
    }
  }
  return {jackknife / (2.0 * repeats), independent / (2.0 * repeats)};
}

}  // namespace

TEST_CASE("standard errors cover the true parameters at the expected rate, those over runs also when the errors of a run go together") {
  // Of a normal distribution 68 % lie within one standard error. 120 fits of two correlated parameters leave some 4 % of counting error; the jackknife over 16 runs errs to the safe side.
  const Coverage alone = coverage_of_line_fits(2e-4, 0.0, 120), together = coverage_of_line_fits(2e-5, 2e-4, 120);
  MESSAGE("within one standard error, noise of pulses: " << alone.jackknife << ", if independent " << alone.independent << "; noise of runs: " << together.jackknife << ", " << together.independent);
  CHECK(alone.jackknife > 0.58);
  CHECK(alone.jackknife < 0.85);
  CHECK(alone.independent > 0.58);
  CHECK(alone.independent < 0.80);
  CHECK(together.jackknife > 0.58);
  CHECK(together.jackknife < 0.85);
  CHECK(together.independent < together.jackknife - 0.08);
}

TEST_CASE("a stage of the calibration is fitted again only when something that it reads has changed, with its errors and draws") {
  const std::filesystem::path folder = std::filesystem::temp_directory_path() / ("mho_stages_" + std::to_string(getpid()));
  const Cache cache(folder.string());
  const solver::NeuronModel truth = solver::test::default_model();
  const circuits::ControlProgram program = solver::test::program_of(truth);
  solver::CalibrationData data = conversions(truth, Purpose::calibration_plan, 8);  // more pulses than the falling word lines have parameters
  for (size_t r = 0; r < data.records.size(); ++r)
    for (size_t c = 0; c < circuits::component_count; ++c) data.records[r].joule[c] = 1e-12 * static_cast<double>(1 + r + c);
  solver::NeuronModel start = truth;
  start.transistor.beta *= 1.05;
  const auto fit = [&](solver::FitReport& report) {
    const solver::NeuronModel model = solver::calibrate_neuron(start, program, data, {}, {.threads = 1, .max_iterations = 1, .cache = &cache}, &report);
    solver::fit_energy(model, program, data, &cache, &report.stages.emplace_back());
    return model;
  };
  const auto cached = [](const solver::FitReport& report) {
    std::vector<bool> from_cache;
    for (const solver::FitStage& s : report.stages) from_cache.push_back(s.from_cache);
    return from_cache;
  };
  using Stages = std::vector<bool>;  // line, falling word lines, neuron, energy
  solver::FitReport first, again, energy, out, held;
  const solver::NeuronModel fitted = fit(first);
  CHECK(cached(first) == Stages{false, false, false, false});
  CHECK(Json(fit(again)) == Json(fitted));
  CHECK(cached(again) == Stages{true, true, true, true});
  CHECK(again.stages[2].rms == first.stages[2].rms);
  data.records[0].joule[0] *= 1.01;
  fit(energy);
  CHECK(cached(energy) == Stages{true, true, true, false});
  data.records[0].steps.back().v_out += 1e-6;
  fit(out);
  CHECK(cached(out) == Stages{true, true, false, out.stages[3].from_cache});
  data.records[0].v_line_held[0] += 1e-6;
  fit(held);
  CHECK(cached(held) == Stages{false, false, false, held.stages[3].from_cache});
  std::filesystem::remove_all(folder);

  const solver::EnergyModel energies = solver::fit_energy(fitted, program, data);
  const solver::CalibrationCovariance c = solver::covariance_of(fitted, energies, first, program, data, {}, 1);
  REQUIRE(c.parameters.size() == static_cast<size_t>(c.correlation.rows()));
  for (const solver::ParameterError& p : c.parameters) {
    CAPTURE(p.name);
    CHECK(std::isfinite(p.error));
    CHECK(p.error >= 0.0);
  }
  CHECK(c.stages.size() == 9);
  CHECK(c.correlation.isApprox(c.correlation.transpose()));
  CHECK(c.correlation.cwiseAbs().maxCoeff() < 1.0 + 1e-9);
  // What is stored draws the same models.
  const auto stored = Json::parse(Json(c).dump()).get<solver::CalibrationCovariance>();
  CHECK(Json(solver::draw_model(fitted, energies, stored, 4, 2).first) == Json(solver::draw_model(fitted, energies, c, 4, 2).first));
  CHECK(Json(solver::draw_model(fitted, energies, c, 4, 3).first) != Json(solver::draw_model(fitted, energies, c, 4, 2).first));
}

TEST_CASE("draws have the errors and the correlation that they are drawn from, and stay in range") {
  const solver::NeuronModel model = solver::test::default_model();
  solver::CalibrationCovariance c;
  c.parameters = {{"transistor.beta", "A/V2", model.transistor.beta, 0.01 * model.transistor.beta, 0, false, {}}, {"neuron.gm", "S", model.neuron.gm, 0.05 * model.neuron.gm, 0, true, {}},
                  {"fall.c_overlap", "F", model.fall.c_overlap, 10 * model.fall.c_overlap, 0, false, {}}};
  c.correlation = Eigen::MatrixXd::Identity(3, 3);
  c.correlation(0, 1) = c.correlation(1, 0) = -0.8;
  constexpr std::uint32_t draws = 2000;
  double bb = 0, gg = 0, bg = 0;
  for (std::uint32_t d = 0; d < draws; ++d) {
    const solver::NeuronModel drawn = solver::draw_model(model, {}, c, 1, d).first;
    const double b = drawn.transistor.beta / model.transistor.beta - 1.0, g = std::log(drawn.neuron.gm / model.neuron.gm);
    bb += b * b, gg += g * g, bg += b * g;
    CHECK(drawn.fall.c_overlap >= 0.0);
  }
  // Counting error of a standard deviation over 2000 draws: 1.6 %; of the correlation (1 − r²)/√2000 = 0.008.
  CHECK(std::sqrt(bb / draws) == doctest::Approx(0.01).epsilon(0.06).scale(1e-30));
  CHECK(std::sqrt(gg / draws) == doctest::Approx(0.05).epsilon(0.06).scale(1e-30));
  CHECK(std::abs(bg / std::sqrt(bb * gg) + 0.8) < 0.03);
}

TEST_CASE("use outside of the fit is named with its value and the range, use inside is not") {
  solver::NeuronModel model = solver::test::default_model();
  using Use = solver::ModelUse;
  const auto outside = [&](const auto& set) {
    Use use;
    set(use);
    return solver::outside_of_fit(model, use);
  };
  CHECK(outside([](Use& u) { u.rows = {1000}; }).empty());  // not known, as in files of older versions
  model.min_rows = 16, model.max_rows = 256, model.min_v_read = 0.2, model.max_v_read = 0.5, model.min_v_decrement = 0.03, model.max_v_decrement = 0.08, model.max_abs_v_integrated = 0.45;
  CHECK(outside([&](Use& u) {
          u.rows = {16, 256}, u.v_read = {0.2, 0.505}, u.v_decrement = {0.05}, u.v_integrated = {-0.45};
          u.circuit = &model.circuit, u.program = &model.program;
        }).empty());
  const std::string rows = outside([](Use& u) { u.rows = {64, 400}, u.v_read = {0.1}; });
  CHECK(rows.find("rows 400 (fit: 16 to 256)") != std::string::npos);
  CHECK(rows.find("read voltage 100 mV (fit: 200 to 500 mV)") != std::string::npos);
  CHECK(outside([](Use& u) { u.v_integrated = {-0.6}; }).find("integrated voltage -600 mV") != std::string::npos);
  circuits::CircuitParams circuit = model.circuit;
  circuit.v_dd = 1.7;
  CHECK(outside([&](Use& u) { u.circuit = &circuit; }).find("v_dd 1.7 V (fit: 1.8 V)") != std::string::npos);
  const std::string program = "other";
  CHECK(outside([&](Use& u) { u.program = &program; }).find("control program") != std::string::npos);
  CHECK(outside([](Use& u) { u.corner = "ss", u.temperature = 85; }).find("corner ss (fit: tt), 85 °C (fit: 27 °C)") != std::string::npos);
  // A file of an older version knows less and still reads.
  Json json = model;
  json["range"].erase("v_decrement");
  json["range"].erase("min_v_read");
  CHECK(json.get<solver::NeuronModel>().max_rows == 256);
}

TEST_CASE("the space-filling sequence: every interval of a projection once, less discrepancy and wider gaps than random points") {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    std::vector<UnitPoint> filled, random;
    for (std::uint32_t i = 0; i < 32; ++i) {
      filled.push_back(sobol_point(seed, 0, i, 10, Purpose::calibration_plan));
      RandomStream draw(seed, 0, 0, i, Purpose::test);
      random.emplace_back(10);
      for (double& x : random.back()) x = draw.uniform();
    }
    for (size_t axis = 0; axis < 10; ++axis) {
      std::vector<int> hits(32, 0);
      for (const UnitPoint& p : filled) ++hits[static_cast<size_t>(32.0 * p[axis])];
      CHECK(hits == std::vector<int>(32, 1));
    }
    CHECK(centred_discrepancy(filled) < 0.8 * centred_discrepancy(random));
    CHECK(sobol_point(seed, 0, 5, 10, Purpose::calibration_plan) != sobol_point(seed, 1, 5, 10, Purpose::calibration_plan));
  }
  // One point in the centre: (13/12)^d − 2 + 1.
  CHECK(centred_discrepancy({{0.5, 0.5}}) == doctest::Approx(std::sqrt(std::pow(13.0 / 12.0, 2) - 1.0)).epsilon(1e-12));
  CHECK(smallest_distance({{0.1, 0.1}, {0.4, 0.5}, {0.9, 0.9}}) == doctest::Approx(0.5).epsilon(1e-12));
}
