// Neuron models and columns made by hand for the tests of this folder and of validation/.
#pragma once
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include "circuits/control_program.hpp"
#include "core/data_path.hpp"
#include "core/json_file.hpp"
#include "core/random.hpp"
#include "solver/neuron_model.hpp"
#include "solver/phase_map.hpp"

namespace mho::solver::test {

// Default parameters with the shipped reference sequence.
inline NeuronModel default_model() {
  NeuronModel model;
  model.program = read_text_file(data_path("netlists/programs/held_line_unary.toml"));
  return model;
}

// The circuit without its errors: transistors that are shorts and leave nothing on the line, small parasitics, no injection, no offset.
inline NeuronModel quiet_model() {
  NeuronModel model = default_model();
  model.transistor = {.beta = 0.2, .v_pinch = 5.0, .theta = 0.0};
  model.fall = {.c_channel = 1e-22, .c_overlap = 0.0, .c_overlap_m = 0.0, .c_m = 1e-12, .curve = 0.0, .c_line_slope = 0.0, .c_feed = 0.0};
  model.circuit.wl_low = -20.0;  // such transistors are off only there
  model.neuron.c_on = 0.0;
  model.neuron.c_l = model.neuron.c_x = model.neuron.c_b = 5e-16;
  return model;
}

inline circuits::ControlProgram program_of(const NeuronModel& model) { return circuits::parse_control_program(model.program, "test"); }

// Rows in pairs of opposite input, one of each pair at g_min = 1 uS; codes uniform in ±(2^bits − 1).
inline circuits::ColumnInput paired_column(std::uint32_t index, int rows, int bits) {
  RandomStream random(21, 0, 0, index, Purpose::test);
  circuits::ColumnInput input;
  input.levels.assign(static_cast<size_t>(bits), {});
  for (int row = 0; row < rows; row += 2) {
    const int code = static_cast<int>(random.below(static_cast<std::uint32_t>(1 << bits)));
    const double strong = 1e-6 + 39e-6 * random.uniform();
    const bool first = random.uniform() < 0.5;
    input.conductance.insert(input.conductance.end(), {first ? strong : 1e-6, first ? 1e-6 : strong});
    for (int k = 0; k < bits; ++k)
      for (const int sign : {1, -1}) input.levels[static_cast<size_t>(k)].push_back(static_cast<std::int8_t>(sign * (code >> k & 1)));
  }
  input.point.v_decrement = 0.05;
  return input;
}

// Cells of 1 to 40 µS, rows × columns [S].
inline Eigen::MatrixXd random_cells(Eigen::Index rows, Eigen::Index columns, std::uint64_t seed) {
  RandomStream random(seed, 0, 0, 0, Purpose::weights);
  Eigen::MatrixXd g(rows, columns);
  for (double& cell : g.reshaped()) cell = (1.0 + 39.0 * random.uniform()) * 1e-6;
  return g;
}

// Current [A] and slope [S]: G V0 sinh(V/V0), V0 from 0.25 V at 1 µS to 0.6 V at 40 µS.
inline std::pair<double, double> sinh_cell(double g, double v) {
  const double v0 = 0.25 + 0.35 * std::log(g / 1e-6) / std::log(40.0);
  return {g * v0 * std::sinh(v / v0), g * std::cosh(v / v0)};
}
inline double sinh_current(double g, double v) { return sinh_cell(g, v).first; }

}  // namespace mho::solver::test
