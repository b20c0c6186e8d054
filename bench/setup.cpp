#include "bench/setup.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>

#include "core/cache.hpp"
#include "core/data_path.hpp"
#include "core/json_file.hpp"
#include "core/random.hpp"
#include "solver/calibrate.hpp"
#include "validation/conversion_plan.hpp"
#include "validation/neuron_calibration.hpp"

namespace mho::bench {
namespace {

struct Loaded {
  std::optional<solver::NeuronModel> model;
  std::string why;
};

Loaded load() {
  try {
    if (const char* path = std::getenv("MHO_CALIBRATION"); path && *path) return {read_json_file(path).at("neuron").get<solver::NeuronModel>(), {}};
    if (auto cached = validation::find_calibration({}, Cache{})) return {std::move(cached->neuron), {}};
    return {{}, "no calibrated neuron: run `mho calibrate`, or let MHO_CALIBRATION name a calibration file"};
  } catch (const std::exception& e) {
    return {{}, fmt::format("the calibration cannot be read ({}): run `mho calibrate` again", e.what())};
  }
}

}  // namespace

const solver::NeuronModel* calibrated_neuron(benchmark::State& state) {
  static const Loaded loaded = load();
  if (loaded.model) return &*loaded.model;
  state.SkipWithError(loaded.why.c_str());
  return nullptr;
}

circuits::CircuitParams bench_circuit() { return {}; }

const circuits::ColumnInput& bench_column() {
  static const circuits::ColumnInput column =
      validation::random_column(1, 0, Purpose::bench, bench_circuit(), {.min_rows = 16, .max_rows = 16, .bits = 3, .max_code = 31});
  return column;
}

const circuits::ControlProgram& bench_program() {
  static const circuits::ControlProgram program = circuits::read_control_program(data_path("netlists/programs/held_line_unary.toml"));
  return program;
}

circuits::ConversionRecord ngspice_conversion(double tolerance) {
  static spice::Session session;
  return circuits::run_conversion(session, bench_circuit(), bench_program(), bench_column(), {.tolerance = tolerance});
}

const circuits::ConversionRecord& reference_record() {
  static const circuits::ConversionRecord record = ngspice_conversion(0.1 * usual_tolerance);
  return record;
}

double error_in_lsb(double v_integrated) {
  return (v_integrated - reference_record().v_integrated) / solver::lsb(bench_circuit(), bench_column().point);
}

solver::OperatingPoint operating_point(const circuits::ReadPoint& p) {
  return {.v_read = p.v_read, .v_trim = p.v_trim, .v_decrement = p.v_decrement, .pulse_multiplier = p.pulse_multiplier, .max_code = p.max_code};
}

Eigen::MatrixXd core_conductance() {
  Eigen::MatrixXd g(core_rows, core_columns);
  RandomStream random(1, 0, 0, 1, Purpose::bench);
  for (Eigen::Index j = 0; j < core_columns; ++j)
    for (Eigen::Index i = 0; i < core_rows; i += 2) {
      const double weight = 2.0 * random.uniform() - 1.0;
      g(i, j) = 1e-6 + 39e-6 * std::max(weight, 0.0);
      g(i + 1, j) = 1e-6 + 39e-6 * std::max(-weight, 0.0);
    }
  return g;
}

std::vector<solver::LevelMatrix> core_inputs(Eigen::Index batch, int bits) {
  std::vector<solver::LevelMatrix> levels(static_cast<size_t>(bits), solver::LevelMatrix(core_rows, batch));
  RandomStream random(1, 0, 0, 2, Purpose::bench);
  for (Eigen::Index b = 0; b < batch; ++b)
    for (Eigen::Index i = 0; i < core_rows; i += 2) {
      const int code = static_cast<int>(random.below(1u << bits));
      for (size_t k = 0; k < levels.size(); ++k) {
        levels[k](i, b) = static_cast<std::int8_t>(code >> k & 1);
        levels[k](i + 1, b) = static_cast<std::int8_t>(-levels[k](i, b));
      }
    }
  return levels;
}

Eigen::MatrixXd exact_sums(const Eigen::MatrixXd& conductance, const std::vector<solver::LevelMatrix>& levels) {
  Eigen::MatrixXd x = Eigen::MatrixXd::Zero(levels[0].rows(), levels[0].cols());
  for (size_t k = 0; k < levels.size(); ++k) x += static_cast<double>(1 << k) * levels[k].cast<double>();
  return conductance.transpose() * x;
}

void count_mvm(benchmark::State& state, Eigen::Index batch) {
  using benchmark::Counter;
  const double macs = static_cast<double>(core_rows * core_columns * batch);
  state.counters["MVM/s"] = Counter(static_cast<double>(batch), Counter::kIsIterationInvariantRate);
  state.counters["per_MAC"] = Counter(macs, Counter::kIsIterationInvariantRate | Counter::kInvert);
}

}  // namespace mho::bench
