// Which conversions the forms of the modes are fitted to and judged on.
#pragma once
#include <Eigen/Core>
#include <string>
#include <vector>

#include "circuits/conversion.hpp"
#include "solver/neuron_model.hpp"
#include "solver/neuron_ode.hpp"

namespace mho::validation {

// One conversion as all three forms take it.
struct ModeRun {
  circuits::ConversionSetup setup;
  circuits::ColumnInput input;               // its column; of a core levels and operating point only
  Eigen::MatrixXd core;                      // driven × read lines [S]; empty: a column of its own
  size_t read = 0;                           // which line of the core
};

struct Mode {
  std::string name;
  std::vector<ModeRun> runs;
};

// The circuit of a run for 1 ns with nothing switched: its record's only step is what the run starts from.
circuits::ConversionSetup at_rest(circuits::ConversionSetup setup);

// Programs that the neuron is fitted to, and pulses of the word lines for the line.
std::vector<Mode> fitted_modes(std::uint64_t seed);
std::vector<ModeRun> line_pulse_runs(std::uint64_t seed);
// Every mode on other columns; those of the recurrent mode are its first time step.
std::vector<Mode> judged_modes(std::uint64_t seed);
// The next time step of a recurrent mode: the same core with the signs that its lines decided.
Mode next_step(const Mode& recurrent, const std::vector<int>& signs);

// Currents into the line that `run` reads, for each bit: of its column, or of its core with wires and drivers.
std::vector<solver::LineCurrent> line_currents(const solver::NeuronModel& model, const ModeRun& run);

}  // namespace mho::validation
