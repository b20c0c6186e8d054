#include "validation/mode_plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "circuits/core_array.hpp"
#include "core/random.hpp"
#include "solver/array_map.hpp"
#include "solver/line.hpp"
#include "validation/conversion_plan.hpp"
#include "validation/converter_thresholds.hpp"
#include "validation/modes.hpp"

namespace mho::validation {
namespace {

using Parameters = std::vector<std::pair<std::string, double>>;
constexpr size_t rows = 16, core_lines = 6;
// An LSB of 4.9 mV; the largest sums of two bits reach code 30.
constexpr circuits::ReadPoint usual{.v_read = 0.3, .v_trim = 0.0, .v_decrement = 0.03, .pulse_multiplier = 1, .max_code = 31};
constexpr circuits::WireParams wires{0.5, 0.5, 0.1e-15, 0.0};  // of the cores, as in the part directions of `mho validate modes`

double draw_cell(RandomStream& random) { return (1.0 + 39.0 * random.uniform()) * 1e-6; }

// Number `index` of `count`: sums from one end of the range to the other.
circuits::ColumnInput column(RandomStream& random, int index, int count, int bits) {
  circuits::ColumnInput input;
  for (size_t row = 0; row < rows; ++row) input.conductance.push_back(draw_cell(random));
  const double lean = count == 1 ? 0.5 : -1.0 + 2.0 * index / (count - 1);
  input.levels.assign(static_cast<size_t>(bits), std::vector<std::int8_t>(rows));
  for (auto& bit : input.levels)
    for (auto& level : bit) level = static_cast<std::int8_t>(random.uniform() < 0.2 ? 0 : random.uniform() < 0.5 + 0.5 * lean ? 1 : -1);
  input.point = usual;
  return input;
}

Mode columns(std::uint64_t seed, Purpose purpose, std::uint32_t number, const std::string& name, const std::string& program, int count, int bits, const Parameters& parameters = {}) {
  Mode mode{name, {}};
  const circuits::CircuitParams circuit = mode_circuit();
  const circuits::ControlProgram sequence = circuits::named_program(program);
  for (int i = 0; i < count; ++i) {
    RandomStream random(seed, 0, number, static_cast<std::uint32_t>(i), purpose);
    ModeRun run{{}, column(random, i, count, bits), {}, 0};
    if (!circuits::samples_driven_line(sequence)) run.input.point.v_trim = provisional_trim(rows, circuit);
    run.setup = circuits::column_setup(circuit, sequence, run.input);
    run.setup.input.lfsr = 1 + random.below(65535);
    run.setup.input.parameters = parameters;
    mode.runs.push_back(run);
  }
  return mode;
}

// Inputs of 0 and 1 only, more of them on from run to run.
Mode spiking(std::uint64_t seed, Purpose purpose, std::uint32_t number, const std::string& name, int count, const Parameters& parameters) {
  Mode mode = columns(seed, purpose, number, name, "lif", count, 1, parameters);
  for (size_t i = 0; i < mode.runs.size(); ++i) {
    ModeRun& run = mode.runs[i];
    RandomStream random(seed, 1, number, static_cast<std::uint32_t>(i), purpose);
    const double share = 0.35 + 0.6 * (static_cast<double>(i) + 0.5) / count;
    for (auto& level : run.input.levels.front()) level = static_cast<std::int8_t>(random.uniform() < share);
    const circuits::ProgramInput given = run.setup.input;
    run.setup = circuits::column_setup(mode_circuit(), run.setup.program, run.input);
    run.setup.input.parameters = given.parameters;
  }
  return mode;
}

// Presets instead of an array.
Mode presets(const std::string& name, const std::string& program, const std::vector<double>& volts) {
  Mode mode{name, {}};
  for (double v : volts) {
    ModeRun run{converter_setup(mode_circuit(), circuits::named_program(program), usual, v), {}, {}, 0};
    run.input.point = usual;
    run.input.levels.assign(1, {});
    mode.runs.push_back(run);
  }
  return mode;
}

ModeRun core_run(const Eigen::MatrixXd& g, const std::vector<std::vector<std::int8_t>>& levels, bool forward, size_t read) {
  ModeRun run;
  run.input.levels = levels;
  run.input.point = usual;
  run.input.point.max_code = 15;
  run.input.point.v_decrement = levels.size() == 1 ? 0.02 : 0.05;
  run.core = g;
  run.read = read;
  circuits::CoreInput input;
  const Eigen::MatrixXd cells = forward ? g : Eigen::MatrixXd(g.transpose());
  for (Eigen::Index i = 0; i < cells.rows(); ++i) {
    input.conductance.emplace_back();
    for (Eigen::Index j = 0; j < cells.cols(); ++j) input.conductance.back().push_back(cells(i, j));
  }
  input.levels = levels;
  input.forward = forward;
  (forward ? input.source_line : input.bit_line) = read;
  input.point = run.input.point;
  run.setup = circuits::core_setup(mode_circuit(), wires, circuits::named_program("driven_binary"), input);
  return run;
}

Eigen::MatrixXd random_core(RandomStream& random) {
  Eigen::MatrixXd g(core_lines, core_lines);
  for (double& cell : g.reshaped()) cell = draw_cell(random);
  return g;
}

bool reads_backward(const ModeRun& run) {
  return std::any_of(run.setup.input.parameters.begin(), run.setup.input.parameters.end(), [](const auto& p) { return p.first == "forward" && p.second == 0.0; });
}

}  // namespace

circuits::ConversionSetup at_rest(circuits::ConversionSetup setup) {
  setup.program = circuits::parse_control_program(R"(name = "rest"
about = "nothing is switched"
edge = "0.1 ns"
first = "rest"
result = "0"
[phase.rest]
duration = "1 ns"
[step.rest]
next = ["always: end"]
)", "rest");
  setup.input.parameters.clear();
  return setup;
}

std::vector<Mode> fitted_modes(std::uint64_t seed) {
  constexpr Purpose purpose = Purpose::calibration_plan;
  return {columns(seed, purpose, 1, "driven_unary", "driven_unary", 6, 2), columns(seed, purpose, 2, "driven_binary", "driven_binary", 5, 2),
          columns(seed, purpose, 3, "comparator", "comparator", 6, 2), columns(seed, purpose, 5, "held_line_binary", "held_line_binary", 4, 2),
          columns(seed, purpose, 6, "held_line_unary", "held_line_unary", 4, 2),
          spiking(seed, purpose, 4, "lif", 2, {{"time_steps", 12}, {"v_threshold", 0.06}, {"leak_every", 2}, {"refractory", 1}})};
}

std::vector<ModeRun> line_pulse_runs(std::uint64_t seed) {
  std::vector<ModeRun> runs;
  const circuits::CircuitParams circuit = mode_circuit();
  for (std::uint32_t i = 0; i < 6; ++i) {
    ModeRun run;
    run.input = random_line_column(seed, i, Purpose::calibration_plan, circuit, {.min_rows = rows, .max_rows = rows}, 8);
    run.setup = circuits::column_setup(circuit, circuits::named_program("line_pulses"), run.input);
    runs.push_back(run);
  }
  return runs;
}

std::vector<Mode> judged_modes(std::uint64_t seed) {
  constexpr Purpose purpose = Purpose::validation_plan;
  const Parameters breaks{{"b1", 7}, {"b2", 17}, {"b3", 24}, {"b4", 29}};  // those of 127 codes over four
  std::vector<Mode> modes{columns(seed, purpose, 1, "unary", "driven_unary", 4, 2),
                          columns(seed, purpose, 2, "binary", "driven_binary", 5, 2),
                          columns(seed, purpose, 3, "comparator", "comparator", 8, 2),
                          columns(seed, purpose, 4, "relu", "relu", 5, 2),
                          columns(seed, purpose, 5, "tanh", "tanh", 4, 2, breaks),
                          columns(seed, purpose, 6, "sigmoid", "sigmoid", 4, 2, breaks),
                          columns(seed, purpose, 7, "stochastic", "stochastic", 12, 1),
                          spiking(seed, purpose, 8, "lif", 4, {{"time_steps", 24}, {"v_threshold", 0.1}, {"leak_every", 3}, {"refractory", 2}}),
                          columns(seed, purpose, 9, "held line, unary", "held_line_unary", 3, 2),
                          columns(seed, purpose, 10, "held line, binary", "held_line_binary", 4, 2),
                          presets("preset, binary", "preset_binary", {-0.11, -0.04, 0.013, 0.067, 0.13})};
  RandomStream random(seed, 0, 11, 0, purpose);
  const Eigen::MatrixXd g = random_core(random);
  Mode backward{"backward", {}}, recurrent{"recurrent", {}};
  std::vector<std::vector<std::int8_t>> levels(2, std::vector<std::int8_t>(core_lines));
  for (auto& bit : levels)
    for (auto& level : bit) level = static_cast<std::int8_t>(static_cast<int>(random.below(3)) - 1);
  for (size_t k = 0; k < core_lines; ++k) backward.runs.push_back(core_run(g, levels, false, k));
  // As many of each sign, so that the sums have both.
  std::vector<std::int8_t> signs(core_lines, 1);
  std::fill(signs.begin(), signs.begin() + core_lines / 2, static_cast<std::int8_t>(-1));
  for (size_t k = core_lines; k > 1; --k) std::swap(signs[k - 1], signs[random.below(static_cast<std::uint32_t>(k))]);
  for (size_t k = 0; k < core_lines; ++k) recurrent.runs.push_back(core_run(g, {signs}, true, k));
  modes.push_back(backward);
  modes.push_back(recurrent);
  return modes;
}

Mode next_step(const Mode& recurrent, const std::vector<int>& signs) {
  Mode next{recurrent.name, {}};
  std::vector<std::int8_t> levels;
  for (int sign : signs) levels.push_back(static_cast<std::int8_t>(sign));
  for (const ModeRun& run : recurrent.runs) next.runs.push_back(core_run(run.core, {levels}, true, run.read));
  return next;
}

std::vector<solver::LineCurrent> line_currents(const solver::NeuronModel& model, const ModeRun& run) {
  std::vector<solver::LineCurrent> lines;
  for (const auto& levels : run.input.levels) {
    if (run.core.size() == 0) {
      lines.push_back(solver::line_current(model, run.input.conductance, levels, run.input.point.v_read));
      continue;
    }
    // The map of the array with each cell at its chord: what cell and transistor in series conduct between the ends that the last round gave.
    const Eigen::Index n = run.core.rows();
    const bool backward = reads_backward(run);
    const Eigen::VectorXd drive = run.input.point.v_read * Eigen::Map<const Eigen::Matrix<std::int8_t, Eigen::Dynamic, 1>>(levels.data(), n).cast<double>();
    Eigen::VectorXd read = Eigen::VectorXd::Constant(run.core.cols(), drive.mean());
    Eigen::MatrixXd chord(n, run.core.cols());
    for (int round = 0; round < 4; ++round) {
      for (Eigen::Index i = 0; i < n; ++i)
        for (Eigen::Index j = 0; j < run.core.cols(); ++j) {
          double across = drive[i] - read[j];
          if (std::abs(across) < 1e-3) across = 1e-3;
          // The transistor is at the source line: the read line forward, the driven one backward.
          chord(i, j) = backward ? -solver::cell_current(model.transistor, 0.0, run.core(i, j), read[j], read[j] + across) / across
                                 : solver::cell_current(model.transistor, 0.0, run.core(i, j), read[j] + across, read[j]) / across;
        }
      read = solver::transfer_map(chord, {wires.r_bl, wires.r_sl, model.circuit.r_driver}) * drive;
    }
    const auto at = static_cast<Eigen::Index>(run.read);
    lines.push_back({read[at], 0.0, -chord.col(at).sum(), 0.0});
  }
  return lines;
}

}  // namespace mho::validation
