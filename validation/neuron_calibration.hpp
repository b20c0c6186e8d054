// Calibrates the behavioural neuron and its energies against ngspice, and validates it on conversions that no fit saw.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "circuits/control_program.hpp"
#include "circuits/model_card.hpp"
#include "core/cache.hpp"
#include "core/toml_file.hpp"
#include "solver/calibrate.hpp"
#include "solver/calibration_covariance.hpp"
#include "solver/energy_model.hpp"
#include "solver/neuron_model.hpp"
#include "validation/conversion_runs.hpp"
#include "validation/space_filling.hpp"

namespace mho::validation {

struct CalibrationSettings {
  circuits::CircuitParams circuit;
  std::string program = "netlists/programs/held_line_unary.toml";  // shipped name or path
  std::uint64_t seed = 1;
  int line_runs = 80;            // ngspice runs of eight pulses of the word lines each, for the fit of the line
  int fit_conversions = 32;      // ngspice conversions that the fit sees
  int unseen_conversions = 16;   // and that only judge it
  double tolerance = 1e-5;       // [1] reltol of ngspice
  double temperature = 27;       // [°C] of every run, −55 to 175
  circuits::Corner corner = circuits::Corner::tt;
  int workers = 2;               // processes
};
// Keys below `prefix` ("calibrate"): program, seed, line_runs, fit_conversions, unseen_conversions, tolerance, temperature, corner, workers, and the table `circuit` with CircuitParams.
CalibrationSettings read_calibration_settings(TomlFile& file, const std::string& prefix);

// Error of the model on a set of conversions.
struct ErrorSummary {
  int conversions = 0;
  double v_rms = 0, v_worst = 0;        // [LSB] integrated voltage
  double equal_share = 0;               // of those whose ngspice residue is more than 0.15 LSB from a decision
  int clear = 0;                        // how many those are
  int code_off_by_one = 0, code_off_by_more = 0;
  int undecided = 0;                    // comparisons of ngspice that its latch did not decide in time
  double code_range_used = 0;           // (largest − smallest code)/(2 max_code)
  double v_relative = 0;                // [1] rms error of the integrated voltage over its rms
  double v_absolute_relative = 0;       // [1] mean of |error/integrated voltage| where that is at least one LSB
  double energy_total_rms = 0;          // [1] relative
  double energy_absolute_relative = 0;  // [1] mean of |relative error| of a conversion's energy
  double latency_absolute_relative = 0; // [1] mean of |relative error| of a conversion's duration
  std::array<double, 6> energy_rms{};   // [1] by component, relative to its energy or to 1 % of the conversion's if that is more
};
void to_json(Json& json, const ErrorSummary& summary);

// A waveform of one unseen conversion in both forms, for pictures. Voltages relative to VREF.
struct WaveformPair {
  std::vector<double> t_ngspice, out_ngspice, line_ngspice, t_ode, out_ode, line_ode;  // [s], [V]
  int rows = 0, code_ngspice = 0, code_ode = 0;
};

// What one run of a phase takes by supply current, mean over the conversions of the fit.
struct PhaseEnergy {
  std::string phase;
  double per_conversion = 0;       // [1] how often a conversion runs it
  std::array<double, 6> joule{};   // [J] by component, the bias generator shared by the neurons of a core
};

struct Calibration {
  solver::NeuronModel neuron;
  solver::EnergyModel energy;
  solver::FitReport fit;
  solver::CalibrationCovariance covariance;  // without parameters in files of older versions
  ErrorSummary fitted, unseen;
  std::vector<PhaseEnergy> phases;
  WaveformPair example;
  std::vector<std::string> failures;  // conversions that ngspice did not finish
  bool from_cache = false;            // not stored
};
void to_json(Json& json, const PhaseEnergy& energy);
void from_json(const Json& json, PhaseEnergy& energy);
void to_json(Json& json, const Calibration& calibration);
void from_json(const Json& json, Calibration& calibration);

// Limits on unseen conversions.
inline constexpr double limit_v_rms = 0.12;       // [LSB] integrated voltage
inline constexpr double limit_equal_share = 0.95; // [1] equal codes of those that are clear of a decision
inline constexpr double limit_code_range = 0.8;   // [1] range of codes that random columns use
// One line on what speaks against a calibration at its condition: the limits that it misses and comparisons that the latch did not decide; empty when nothing does. A circuit that does not convert
// can be followed closely, so the range of codes counts as well as the error.
std::string doubts(const Calibration& calibration);

// One set of ngspice runs that a calibration wants, and where its runs lie on the axes of the plan when these fill them on purpose.
struct PlannedRuns {
  std::string name;
  circuits::ControlProgram program;
  RunSettings settings;
  std::vector<circuits::ColumnInput> inputs;
  std::vector<UnitPoint> coordinates;  // one per input; empty for inputs that are drawn at random
  bool converts = true;                // whole conversions, not only pulses of the word lines
};
// Pulses of the word lines, conversions to fit and conversions that judge.
std::vector<PlannedRuns> planned_runs(const CalibrationSettings& settings);

// What a calibration is kept under in the cache.
CacheKey calibration_key(const CalibrationSettings& settings);
// Runs (or takes from the cache) everything that step "calibrate" needs. Progress on stderr. Throws NumericalError when more than a tenth of the conversions fail.
Calibration calibrate(const CalibrationSettings& settings, const Cache& cache);
// The same from the cache alone; empty when these settings have not been calibrated.
std::optional<Calibration> find_calibration(const CalibrationSettings& settings, const Cache& cache);

// What the errors of the parameters do to conversions: drawn models beside the fitted one on the same inputs, nothing from ngspice. All are one standard deviation over the draws.
struct CarriedUncertainty {
  int draws = 0, conversions = 0;
  double v_rms = 0;          // [LSB] integrated voltage
  double codes_changed = 0;  // [1] share
  double energy = 0;         // [1] of one conversion, rms over conversions
  double energy_mean = 0;    // [1] of the mean over the conversions: what does not average out
};
void to_json(Json& json, const CarriedUncertainty& u);
CarriedUncertainty carry_uncertainty(const Calibration& calibration, const std::vector<circuits::ColumnInput>& inputs, int draws, std::uint64_t seed, int threads);

// `mho validate neuron`: unseen conversions, half random columns and half columns given by the caller (mapped network with its activations); the same at 10 times tighter
// tolerance for `floor_conversions` of them.
struct NeuronValidation {
  ErrorSummary fitted, random_columns, network_columns, all_unseen;
  ErrorSummary floor;  // ngspice at the tighter tolerance against ngspice at the calibrated one
  std::vector<std::string> failures;
};
void to_json(Json& json, const NeuronValidation& v);
NeuronValidation validate_neuron(const CalibrationSettings& settings, const Calibration& calibration, int random_conversions,
                                 const std::vector<circuits::ColumnInput>& network_columns, int floor_conversions, const Cache& cache);

}  // namespace mho::validation
