// Parameters of a compact model from one device's sweeps or pulse trains.
//
// Each cycle is replayed: the measured voltage over time drives the model behind its series
// resistance and compliance, from the state that has the currents measured first. Residuals, loss
// and search are replay.hpp's and robust_fit.hpp's. Starts: the card itself, and a Latin hypercube
// around it as wide as moves the curve by a factor of about e³ in rms, or a decade; all are
// screened on one cycle, the best refined on it, and the best of these on all cycles of the fit.
// The noise of a current is estimated from the residuals in between (1.4826·median|r|).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "devices/fit/fit_statistics.hpp"
#include "devices/fit/measurement.hpp"
#include "devices/fit/parameter_space.hpp"
#include "devices/fit/replay.hpp"
#include "devices/fit/robust_fit.hpp"

namespace mho::devices {

struct DeviceFitOptions {
  std::vector<std::string> free;  // keys; empty: those with the most independent influence at the
                                  // start, at most max_free
  std::vector<ParameterBound> bounds;
  int max_free = 8;
  int starts = 32;  // of the hypercube
  int refined = 4;  // of these
  std::uint64_t seed = 1;
  int threads = 1;
  ReplayOptions replay;
  bool keep_sigma_y =
      false;          // the relative error of a current is replay.sigma_y; else it is estimated
  double loss = 3.0;  // [1] robust_fit.hpp
  std::string training =
      "odd";     // cycles to fit: odd, even, all (by position), first-half, or numbers 1,3,5-9
  int skip = 0;  // cycles at the start that are neither fitted nor judged: forming
  int max_training = 6;   // cycles that are fitted, evenly taken
  bool progress = false;  // on stderr
};

struct FittedParameter {
  FreeParameter range;
  double value;  // [unit]
  double error, residual_error,
      cycle_error;  // [unit] one standard deviation, see fit_statistics.hpp
  bool at_bound;
};

struct StartOutcome {
  int number;          // 0: the card
  double cost;         // on one cycle, per point
  std::string status;  // of its search; "screened" when it was not searched
  int iterations;
};

// A switching event of a cycle, measured and by the model.
struct EventComparison {
  bool set;                            // conductance rises
  double v_measured, v_model;          // [V] NaN: no event
  double ratio_measured, ratio_model;  // [1] of the conductances before and after
};

struct CycleComparison {
  int number;
  bool training;
  size_t points;
  double rms, median;  // [1] of ln I, sweep; of ln G, train: rms and median of |model − measured|
  std::vector<EventComparison> events;
  std::vector<double> t, v, measured, model;  // [s], [V], [A]; train: number of the pulse, [V], [S]
  bool finished;                              // the model ran to the end
};

struct DeviceFit {
  AnyMemristor model;
  double r_series;  // [ohm]
  std::vector<FittedParameter> parameters;
  FitStatistics statistics;
  double sigma_y;           // [1] relative error of a current as estimated
  double cost_start, cost;  // robust cost of the card and of the fit, per residual
  std::vector<StartOutcome> starts;
  std::vector<CycleComparison> cycles;  // those of the fit and those held out
  std::vector<std::string> notes, warnings;
  std::string status;               // of the last search
  bool interrupted = false;         // best so far; statistics and cycles may be missing
  long replays = 0;                 // sweeps or trains that were computed
  double rms(bool training) const;  // [1] over all cycles of the fit, or held out; NaN: none
};

// `load` is what the measurement says stands before the cell; a transistor counts where pulses name
// a word line. The result depends on the inputs and the seed alone, not on `threads`. Throws Error
// for keys, bounds and cycles that do not exist, NumericalError when the model cannot be run from
// any start.
DeviceFit fit_device(const AnyMemristor& model, const Load& load, const Measurement& measurement,
                     const DeviceFitOptions& options);

// Series resistance, compliance and transistor that a measurement is replayed behind.
Load load_of(const Measurement& measurement, const std::optional<SelectTransistor>& transistor);

}  // namespace mho::devices
