// Fits the behavioural neuron to records of conversions, whatever made them: ngspice runs, measurements or the model itself.
//
// Three fits, each on what the part sees: the line (transistor law and capacitance) on driven line voltages, the falling word lines on held ones, the neuron (amplifier,
// switches, injection, each polarity's decrement on its own) on the output after every integration. Levenberg-Marquardt from Eigen's port of MINPACK.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "circuits/control_program.hpp"
#include "circuits/conversion_data.hpp"
#include "core/cache.hpp"
#include "solver/neuron_model.hpp"

namespace mho::solver {

struct CalibrationData {
  std::vector<circuits::ColumnInput> inputs;
  std::vector<circuits::ConversionRecord> records;
};

// Conversions by one program.
struct ProgramRuns {
  circuits::ControlProgram program;  // its parameters are those of the runs
  CalibrationData data;
};
// Runs that only pulse the word lines (netlists/programs/line_pulses.toml): many settled and held line voltages at a tenth of a conversion's cost.
using LineRuns = ProgramRuns;

// Where the latch of these records turns: halfway between the highest out that it took for negative and the lowest that it took for positive; the fewest decisions on the wrong
// side where these overlap.
struct LatchTurn {
  std::optional<double> v;             // [V] out, relative to VREF; nothing without decisions of both signs
  double bracket = 0;                  // [V] between the decisions next to it
  int decisions = 0, wrong = 0;        // how many there were, and how many lie on the wrong side of it
};
LatchTurn latch_turn(std::span<const circuits::ConversionRecord> records);

struct FitStage {
  std::string name;        // "line", "falling word lines", "neuron"
  double rms = 0;          // [V] of the residuals; neuron at the output
  int points = 0, iterations = 0;
  bool from_cache = false;  // not stored
};

struct FitReport {
  std::vector<FitStage> stages;
  LatchTurn latch;
};

struct CalibrationOptions {
  int threads = 2;
  int max_iterations = 40;
  // Where fitted stages are kept, each under what it starts from and the numbers that it reads from the records, so that a stage is fitted again only when one of these changes.
  const Cache* cache = nullptr;
  // [1] pull of the unknowns of line and falling word lines to their start, in residuals (mV) per step, as the neuron's have: where few rows leave them undetermined.
  double line_prior = 0.0;
};

// Starts from `start` (its circuit constants are kept). Throws NumericalError when a fit does not converge to finite parameters, Error without data.
NeuronModel calibrate_neuron(const NeuronModel& start, const circuits::ControlProgram& program, const CalibrationData& data, const LineRuns& lines,
                             const CalibrationOptions& options, FitReport* report = nullptr);
// The same on conversions by several programs, driven lines and all switches among them; the line is fitted to `lines` and to programs that hold it. `start.program` is kept.
NeuronModel calibrate_neuron(const NeuronModel& start, std::span<const ProgramRuns> runs, const LineRuns& lines, const CalibrationOptions& options, FitReport* report = nullptr);

// How far the ODE form is from records of conversions that it is given: nothing is fitted here.
struct ConversionError {
  size_t index;             // of the input
  double v_error;           // [LSB] integrated voltage, model − record; one LSB before the ADC
  int code, model_code;
  double residue_distance;  // [LSB] distance of the record's residues from the nearest decision
};
std::vector<ConversionError> compare_with_records(const NeuronModel& model, const circuits::ControlProgram& program, const CalibrationData& data, int threads);

// One LSB before the ADC [V]: v_decrement · C_sample/C_integ.
double lsb(const circuits::CircuitParams& circuit, const circuits::ReadPoint& point);

}  // namespace mho::solver
