#include "validation/corelets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "circuits/core_array.hpp"
#include "circuits/mode_table.hpp"
#include "core/data_path.hpp"
#include "core/random.hpp"
#include "core/statistics.hpp"
#include "devices/read_nonlinearity.hpp"
#include "solver/calibrate.hpp"
#include "solver/core_ode.hpp"
#include "solver/neuron_ode.hpp"
#include "solver/random_core.hpp"
#include "solver/word_line_fall.hpp"
#include "validation/conversion_plan.hpp"
#include "validation/modes.hpp"

namespace mho::validation {
namespace {

using circuits::ColumnInput;
using circuits::ConversionRecord;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr Index lines = 16;
constexpr int bits = 3;                  // of magnitude
constexpr int limit = 1;                 // [LSB]
constexpr double v_read = 0.3;           // [V]
constexpr int max_code = 31, aim = 28;   // the decrement is such that the largest output of the model comes here
constexpr double relative_noise = 0.03;  // [1] σ/G at 20 µS, with the root of the conductance
const circuits::WireParams wires{.r_bl = 0.5, .r_sl = 0.5, .c_couple = 0.1e-15, .r_shared = 20.0};

// The chip's neuron on a core of 16 rows.
circuits::CircuitParams corelet_circuit() {
  circuits::CircuitParams c;
  c.rows = static_cast<double>(lines);
  return c;
}

// Differential cells at one read: what noise adds is frozen.
MatrixXd noisy_cells(std::uint64_t seed) {
  MatrixXd g = solver::differential_cells(seed, lines, lines);
  for (Index n = 0; n < g.size(); ++n) {
    RandomStream random(seed, 0, 0, static_cast<std::uint32_t>(n), Purpose::read_noise);
    double& cell = g.data()[n];
    cell += relative_noise * std::sqrt(20e-6 * cell) * random.normal();
  }
  return g;
}

std::vector<ConversionRecord> ngspice(const std::vector<circuits::ConversionSetup>& setups, const CoreletSettings& s, const std::string& title) {
  ModeSettings run;
  run.workers = s.workers;
  run.tolerance = s.tolerance;
  run.cache = s.cache;
  return run_modes(setups, run, title);
}

solver::CalibrationData records_of(const circuits::ControlProgram& program, std::vector<ColumnInput> inputs, const CoreletSettings& s, const std::string& title) {
  std::vector<circuits::ConversionSetup> setups;
  for (const ColumnInput& input : inputs) setups.push_back(circuits::column_setup(corelet_circuit(), program, input));
  return {std::move(inputs), ngspice(setups, s, title)};
}

// The neuron on columns of 16 ohmic cells, as step "calibrate" fits it.
solver::NeuronModel calibrated_neuron(const CoreletSettings& s, const std::string& program_text, const circuits::ControlProgram& program, solver::FitReport& report) {
  const circuits::CircuitParams circuit = corelet_circuit();
  const PlanOptions plan{.min_rows = lines, .max_rows = lines, .bits = bits, .max_code = max_code};
  constexpr int pulses = 8;
  std::vector<ColumnInput> line_inputs, inputs;
  for (int i = 0; i < s.line_runs; ++i) line_inputs.push_back(random_line_column(s.seed, static_cast<std::uint32_t>(i), Purpose::calibration_plan, circuit, plan, pulses));
  for (int i = 0; i < s.fit_conversions; ++i) inputs.push_back(random_column(s.seed, static_cast<std::uint32_t>(i), Purpose::calibration_plan, circuit, plan));
  solver::LineRuns line_runs{circuits::named_program("line_pulses"), {}};
  line_runs.data = records_of(line_runs.program, std::move(line_inputs), s, "ngspice, pulses of the word lines");
  const solver::CalibrationData data = records_of(program, std::move(inputs), s, "ngspice, conversions to fit");
  solver::NeuronModel start;
  start.circuit = circuit;
  start.program = program_text;
  solver::CalibrationOptions options;
  options.threads = s.workers;
  return solver::calibrate_neuron(start, program, data, line_runs, options, &report);
}

struct Lines {
  std::vector<double> driven, held;  // [bit] [V]
};

// All source lines bit after bit: the array in time while the word lines are on, what their fall leaves, and again.
std::vector<Lines> model_lines(const solver::NeuronModel& model, const circuits::ControlProgram& program, const MatrixXd& g, const std::vector<std::vector<std::int8_t>>& levels) {
  constexpr double tolerance = 1e-5;  // [V] of a step at any node
  const circuits::CircuitParams& circuit = model.circuit;
  const circuits::RowGroups groups = circuits::group_rows(levels, static_cast<size_t>(lines));
  solver::CoreNetwork network;
  network.g = g;
  network.current = [](double siemens, double v) {
    const auto [current, slope] = devices::read_current(devices::SinhRead{}, siemens, v);
    return std::pair{current, slope};
  };
  network.wires = {wires.r_bl, wires.r_sl, circuit.r_driver};
  network.r_supply = wires.r_shared;
  network.c_cell = circuit.c_line_cell;
  network.c_driver = circuit.c_bl;
  // The calibrated line has its wire and the cells that are on in it.
  network.c_line = std::max(model.neuron.c_line + static_cast<double>(lines) * (model.neuron.c_on - circuit.c_line_cell), 0.0);
  network.c_couple = wires.c_couple;
  network.transistor = model.transistor;
  network.c_node = model.fall.c_m;
  solver::CoreOde core(network);
  std::vector<Lines> result(static_cast<size_t>(lines));
  VectorXd held = VectorXd::Zero(lines);
  for (const auto& level : levels) {
    VectorXd drive(lines);
    for (Index i = 0; i < lines; ++i) drive[i] = v_read * level[static_cast<size_t>(i)];
    VectorXd state = core.held(held, drive);
    core.advance(state, {drive, groups.group_of_row}, true, program.word_line_on_time(), tolerance);
    const VectorXd driven = core.lines(state);
    for (Index j = 0; j < lines; ++j) {
      // The falling word lines see each cell's conductance at its own voltage.
      std::vector<double> secant;
      for (Index i = 0; i < lines; ++i) {
        const double v = drive[i] - driven[j];
        secant.push_back(std::abs(v) > 1e-6 ? devices::read_current(devices::SinhRead{}, g(i, j), v).current / v : devices::read_current(devices::SinhRead{}, g(i, j), 0.0).slope);
      }
      held[j] = solver::line_after_fall(model, secant, level, v_read, driven[j]);
      result[static_cast<size_t>(j)].driven.push_back(driven[j]);
      result[static_cast<size_t>(j)].held.push_back(held[j]);
    }
  }
  return result;
}

// The behavioural neuron on lines that are held at `held`.
ConversionRecord convert(const solver::NeuronModel& model, const circuits::ControlProgram& program, const ColumnInput& column, const std::vector<double>& held) {
  solver::OdeOptions options;
  options.held = &held;
  return solver::simulate_conversion(model, program, column, options).record;
}

}  // namespace

Section validate_corelets(const CoreletSettings& settings) {
  Section s{"corelets", {}, {}, {}, {}};
  const circuits::CircuitParams circuit = corelet_circuit();
  const std::string program_text = read_text_file(data_path("netlists/programs/held_line_unary.toml"));
  const circuits::ControlProgram program = circuits::named_program("held_line_unary");
  solver::FitReport fit;
  const solver::NeuronModel model = calibrated_neuron(settings, program_text, program, fit);
  s.text = fmt::format("neuron fitted to {} runs of pulses and {} conversions of 16 ohmic cells: rms of driven lines {:.2f} mV, held lines {:.2f} mV, outputs {:.2f} mV\n", settings.line_runs, settings.fit_conversions,
                       1e3 * fit.stages[0].rms, 1e3 * fit.stages[1].rms, 1e3 * fit.stages[2].rms);

  const MatrixXd g = noisy_cells(settings.seed);
  circuits::CoreInput core;
  core.conductance.assign(static_cast<size_t>(lines), std::vector<double>(static_cast<size_t>(lines)));
  core.sinh_scale = core.conductance;
  for (Index i = 0; i < lines; ++i)
    for (Index j = 0; j < lines; ++j) {
      core.conductance[static_cast<size_t>(i)][static_cast<size_t>(j)] = devices::read_current(devices::SinhRead{}, g(i, j), 0.0).slope;
      core.sinh_scale[static_cast<size_t>(i)][static_cast<size_t>(j)] = devices::sinh_scale(devices::SinhRead{}, g(i, j));
    }
  const auto drawn = solver::signed_inputs(settings.seed, lines, settings.inputs, bits);
  std::vector<std::vector<std::vector<std::int8_t>>> levels(static_cast<size_t>(settings.inputs));  // [input][bit][row]
  for (size_t b = 0; b < levels.size(); ++b)
    for (const solver::LevelMatrix& level : drawn) {
      const auto column = level.col(static_cast<Index>(b));
      levels[b].emplace_back(column.begin(), column.end());
    }

  // The operating point: the reference of the samples where held lines lie about, the decrement by the largest output of the model.
  std::vector<std::vector<Lines>> modelled;
  std::vector<double> shifts;  // [V] that the falling word lines leave
  for (const auto& level : levels) {
    modelled.push_back(model_lines(model, program, g, level));
    for (const Lines& line : modelled.back())
      for (size_t k = 0; k < line.held.size(); ++k) shifts.push_back(line.held[k] - line.driven[k]);
  }
  circuits::ReadPoint point;
  point.v_read = v_read;
  point.v_trim = mean(shifts);
  point.max_code = max_code;
  const auto column_of = [&](size_t b, size_t j) {
    ColumnInput column;
    for (Index i = 0; i < lines; ++i) column.conductance.push_back(core.conductance[static_cast<size_t>(i)][j]);
    column.levels = levels[b];
    column.point = point;
    return column;
  };
  double largest = 0.0;  // [V] integrated, which does not depend on the decrement
  for (size_t b = 0; b < modelled.size(); ++b)
    for (size_t j = 0; j < modelled[b].size(); ++j) largest = std::max(largest, std::abs(convert(model, program, column_of(b, j), modelled[b][j].held).v_integrated));
  point.v_decrement = largest / aim * circuit.c_integ / circuit.c_sample;
  core.point = point;
  const double lsb = solver::lsb(circuit, point);

  std::vector<circuits::ConversionSetup> setups;
  for (const auto& level : levels) {
    core.levels = level;
    for (size_t j = 0; j < static_cast<size_t>(lines); ++j) {
      core.bit_line = core.source_line = j;
      setups.push_back(circuits::core_setup(circuit, wires, program, core));
    }
  }
  const std::vector<ConversionRecord> records = ngspice(setups, settings, "ngspice, outputs of the core");

  s.text += fmt::format("{0} by {0} cells, {1} inputs of {2} bits; {3} ohm a cell, drivers of {4} ohm, {5} ohm in each supply, {6:.1f} fF a cell between neighbours, word lines to {7} V, sinh cells with one draw of read noise\n"
                        "trim {8:.1f} mV, decrement {9:.2f} mV, 1 LSB {10:.3f} mV before the ADC\n\n{11:>6}{12:>8}{13:>14}{14:>12}{15:>18}{16:>22}{17:>20}\n",
                        lines, settings.inputs, bits, wires.r_bl, circuit.r_driver, wires.r_shared, 1e15 * wires.c_couple, circuit.wl_high, 1e3 * point.v_trim, 1e3 * point.v_decrement, 1e3 * lsb, "input", "output",
                        "code ngspice", "code model", "integrated [LSB]", "driven lines [mV]", "held lines [mV]");
  int worst = 0, differing = 0;
  std::vector<double> integrated;
  double cpu = 0.0;
  for (size_t n = 0; n < setups.size(); ++n) {
    const size_t b = n / static_cast<size_t>(lines), j = n % static_cast<size_t>(lines);
    const ConversionRecord& record = records[n];
    const Lines& line = modelled[b][j];
    const ConversionRecord model_side = convert(model, program, column_of(b, j), line.held);
    const double v = (model_side.v_integrated - record.v_integrated) / lsb;
    double driven = 0.0, held = 0.0;  // [V] largest difference
    for (size_t k = 0; k < line.held.size(); ++k) {
      driven = std::max(driven, std::abs(line.driven[k] - record.v_line_driven[k]));
      held = std::max(held, std::abs(line.held[k] - record.v_line_held[k]));
    }
    const int off = std::abs(model_side.code - record.code);
    worst = std::max(worst, off);
    differing += off != 0;
    integrated.push_back(v);
    cpu += record.cpu_seconds;
    s.text += fmt::format("{:6}{:8}{:14}{:12}{:18.3f}{:22.3f}{:20.3f}\n", b, j, record.code, model_side.code, v, 1e3 * driven, 1e3 * held);
    s.json["outputs"].push_back(Json{{"input", b}, {"output", j}, {"code_ngspice", record.code}, {"code_model", model_side.code}, {"integrated_lsb", v}, {"driven_line", quantity(driven, "V")}, {"held_line", quantity(held, "V")}});
    if (off > limit) s.missed.push_back(fmt::format("corelets: output {} of input {}: code {} in ngspice, {} in the model", j, b, record.code, model_side.code));
  }
  double most = 0.0;
  for (double v : integrated) most = std::max(most, std::abs(v));
  s.text += fmt::format("worst {} LSB (limit {}), {} of {} codes differ; integrated voltages {:.3f} LSB rms, {:.3f} at most; ngspice {:.1f} s an output\n", worst, limit, differing, setups.size(), rms(integrated), most,
                        cpu / static_cast<double>(setups.size()));
  s.json["worst_lsb"] = worst;
  s.json["integrated_rms_lsb"] = rms(integrated);
  return s;
}

}  // namespace mho::validation
