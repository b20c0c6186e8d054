#include "validation/fast_path.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>

#include "circuits/array.hpp"
#include "circuits/spice/worker_pool.hpp"
#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "core/statistics.hpp"
#include "solver/fast_core.hpp"
#include "solver/neuron_ode.hpp"
#include "validation/conversion_plan.hpp"

namespace mho::validation {
namespace {

using Clock = std::chrono::steady_clock;
double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

struct Outcome {
  double error = 0;  // [LSB]
  int code_difference = 0;
  double fast = 0, ode = 0, prepare = 0;  // [s]
};

Outcome compare(const solver::NeuronModel& model, const circuits::ControlProgram& program, const circuits::ColumnInput& input) {
  Outcome outcome;
  const Eigen::Index rows = static_cast<Eigen::Index>(input.conductance.size());
  const Eigen::MatrixXd g = Eigen::Map<const Eigen::VectorXd>(input.conductance.data(), rows);
  const circuits::ReadPoint& p = input.point;
  auto start = Clock::now();
  const solver::FastCore core(model, g, {p.v_read, p.v_trim, p.v_decrement, p.pulse_multiplier, p.max_code}, static_cast<int>(input.levels.size()));
  outcome.prepare = seconds_since(start);
  constexpr Eigen::Index batch = 256;  // the same input in every place: for the time
  std::vector<solver::LevelMatrix> levels;
  for (const auto& bit : input.levels) levels.push_back(Eigen::Map<const solver::LevelMatrix>(bit.data(), rows, 1).replicate(1, batch));
  Eigen::MatrixXf v;
  solver::CodeMatrix codes;
  solver::FastCore::Workspace workspace;
  start = Clock::now();
  core.integrate(levels, workspace, v);
  core.convert(v, codes);
  outcome.fast = seconds_since(start) / batch;

  start = Clock::now();
  const circuits::ConversionRecord ode = solver::simulate_conversion(model, program, input).record;
  outcome.ode = seconds_since(start);
  size_t last = 0;
  while (last + 1 < ode.steps.size() && !program.steps[static_cast<size_t>(ode.steps[last + 1].step)].decides) ++last;
  const double held = ode.steps[last].v_cib - ode.steps[last].v_x + model.neuron.v_offset;
  outcome.error = (static_cast<double>(v(0, 0)) - held) / core.lsb();
  outcome.code_difference = std::abs(codes(0, 0) - ode.code);
  return outcome;
}

}  // namespace

void to_json(Json& json, const FastPathValidation& v) {
  json = Json{{"columns", v.columns}, {"v_rms", quantity(v.v_rms, "LSB")}, {"v_worst", quantity(v.v_worst, "LSB")},
              {"differing_codes", v.differing_codes}, {"off_by_more", v.off_by_more}, {"fast", quantity(v.fast_seconds, "s")},
              {"ode", quantity(v.ode_seconds, "s")}, {"prepare", quantity(v.prepare_seconds, "s")}};
}

FastPathValidation validate_fast_path(const solver::NeuronModel& model, int columns, std::uint64_t seed, int threads) {
  const circuits::ControlProgram program = circuits::parse_control_program(model.program, "control program of the calibration");
  std::vector<Outcome> outcomes(static_cast<size_t>(columns));
  Progress progress("vectorised against ODE form", outcomes.size());
  parallel_for(outcomes.size(), threads, [&](size_t i) {
    outcomes[i] = compare(model, program, random_column(seed, static_cast<std::uint32_t>(i), Purpose::test, model.circuit, {}));
    progress.advance();
  });
  progress.finish();
  FastPathValidation v;
  v.columns = columns;
  std::vector<double> errors, fast, ode, prepare;
  for (const Outcome& o : outcomes) {
    errors.push_back(o.error), fast.push_back(o.fast), ode.push_back(o.ode), prepare.push_back(o.prepare);
    v.v_worst = std::max(v.v_worst, std::abs(o.error));
    v.differing_codes += o.code_difference != 0;
    v.off_by_more += o.code_difference > 1;
  }
  v.v_rms = rms(errors);
  v.differing_codes /= columns;
  v.fast_seconds = quantile(fast, 0.5);
  v.ode_seconds = quantile(ode, 0.5);
  v.prepare_seconds = quantile(prepare, 0.5);
  return v;
}

void to_json(Json& json, const ArrayValidation& v) {
  json = Json{{"rows", v.rows}, {"columns", v.columns}, {"vectors", v.vectors}, {"worst", quantity(v.worst, "V")}, {"rms", quantity(v.rms, "V")},
              {"worst_without_sharing", quantity(v.worst_unshared, "V")}, {"ngspice", v.ngspice}, {"solver", v.solver}};
}

ArrayValidation validate_array(const solver::NeuronModel& model, int rows, int columns, int vectors, double r_driver, std::uint64_t seed, double tolerance) {
  solver::NeuronModel solver_model = model, own = model;
  solver_model.circuit.r_driver = r_driver;
  ArrayValidation result;
  result.rows = rows, result.columns = columns, result.vectors = vectors;
  RandomStream random(seed, 0, 0, 0, Purpose::validation_plan);
  Eigen::MatrixXd g(rows, columns);
  for (Eigen::Index i = 0; i < g.size(); ++i) g.data()[i] = 1e-6 + 39e-6 * random.uniform();
  solver::LevelMatrix levels(rows, vectors);
  for (Eigen::Index i = 0; i < levels.size(); ++i) levels.data()[i] = static_cast<std::int8_t>(static_cast<int>(random.below(3)) - 1);
  const double v_read = 0.3;

  circuits::CircuitParams circuit = solver_model.circuit;
  std::vector<std::vector<double>> lines(static_cast<size_t>(vectors));
  const circuits::ConversionOptions options{.tolerance = tolerance, .temperature = model.temperature};
  const circuits::Transistors transistors = circuits::transistors_at(circuits::corner_of(model.corner));
  std::string failure;
  Progress progress("arrays in ngspice", lines.size());
  spice::run_in_workers(lines.size(), {2, 900.0}, [&](size_t k) {
    static spice::Session session;  // one in each worker process
    circuits::ArrayInput input;
    input.v_read = v_read;
    for (Eigen::Index i = 0; i < rows; ++i) {
      input.levels.push_back(levels(i, static_cast<Eigen::Index>(k)));
      input.conductance.emplace_back();
      for (Eigen::Index j = 0; j < columns; ++j) input.conductance.back().push_back(g(i, j));
    }
    return Json(circuits::settled_lines(session, circuit, input, options, transistors)).dump();
  }, [&](size_t k, spice::TaskOutcome outcome) {
    if (outcome.ok) lines[k] = Json::parse(outcome.result).get<std::vector<double>>();
    else failure = outcome.error;
    progress.advance();
  });
  progress.finish();
  if (!failure.empty()) throw NumericalError("validate array: " + failure);

  const solver::OperatingPoint point{.v_read = v_read};
  const solver::FastCore shared(solver_model, g, point, 1);
  Eigen::MatrixXf settled;
  solver::FastCore::Workspace workspace;
  shared.settled_lines(levels, workspace, settled);
  std::vector<double> errors;
  for (Eigen::Index j = 0; j < columns; ++j) {
    // A core of one column has drivers of its own.
    const solver::FastCore alone(solver_model, g.col(j), point, 1);
    Eigen::MatrixXf own_lines;
    alone.settled_lines(levels, workspace, own_lines);
    for (int k = 0; k < vectors; ++k) {
      const double truth = lines[static_cast<size_t>(k)][static_cast<size_t>(j)], ours = settled(j, k);
      result.ngspice.push_back(truth), result.solver.push_back(ours), result.own_drivers.push_back(own_lines(0, k));
      errors.push_back(ours - truth);
      result.worst = std::max(result.worst, std::abs(ours - truth));
      result.worst_unshared = std::max(result.worst_unshared, std::abs(static_cast<double>(own_lines(0, k)) - truth));
    }
  }
  result.rms = rms(errors);
  return result;
}

}  // namespace mho::validation
