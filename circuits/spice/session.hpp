// One libngspice in this process: load a netlist, run a transient that the host steers or other analyses, read what ngspice says.
//
// ngspice keeps all state in globals, so there is one Session per process (a second one throws) and parallel runs fork (worker_pool.hpp);
// a forked process may have one of its own.
// Return codes of libngspice say nothing: success is judged by the messages and by the time that the run reached (ngspice 39).
#pragma once
#include <complex>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mho::spice {

// How the host takes part in a transient. All callbacks come on the calling thread; an exception stops the run and is rethrown.
struct Hooks {
  // Value [V] of external source number `source` (order of TransientRequest::external) at time t [s]. Called for each Newton iteration.
  std::function<double(size_t source, double t)> value;
  // An accepted time point: values in the order of TransientRequest::watch.
  std::function<void(double t, std::span<const double> values)> accepted;
  // Earliest time after t [s] that a step must not cross, infinity if none: the steps land on control edges without breakpoints.
  std::function<double(double t)> next_edge;
  // True ends the run at this point with success.
  std::function<bool()> done;
};

struct TransientRequest {
  std::string name;                   // what messages call the netlist
  std::string netlist;                // text without .tran and .end; external sources as "vname node 0 external"
  std::vector<std::string> external;  // names of the external sources, lower case
  std::vector<std::string> watch;     // vectors to hand to accepted(): "node" or "vsource#branch", lower case
  double t_stop = 0.0;                // [s]
  double dt_max = 2e-9;               // [s]
  std::string options;                // text after .options
  bool use_ic = false;                // start from the initial conditions of the netlist, without an operating point
};

// Options of a transient whose charges count, for relative accuracy r: reltol 0.3 r, chgtol 7e-15 C, vntol r/100, trapezoidal rule. ngspice's step control allows each charge q
// an error of reltol max(|q|, chgtol): with chgtol above the charges of small nodes it is the same absolute error, 2e-15 r C, for all of them,
// where a chgtol below them spends steps on charges that matter to nobody (docs/many_runs.md).
std::string transient_options(double r);

struct TransientStats {
  size_t accepted = 0;       // time points
  double t_reached = 0.0;    // [s]
  double cpu_seconds = 0.0;  // [s] of this process, reading the netlist included
  double load_seconds = 0.0;  // [s] of that, reading the netlist
};

// One analysis as an ngspice command, and what is wanted of it.
struct Analysis {
  std::string command;             // "op", "dc vin 0 1.8 10m", "ac dec 20 1 1g", "noise v(out) vin dec 10 1 1g", "tran 10p 100n"
  std::vector<std::string> watch;  // "node", "vsource#branch", "@m.x1.m1[gm]" (last point only), "onoise_total"; lower case
};

struct AnalysisRequest {
  std::string name;                // what messages call the netlist
  std::string netlist;             // text without analysis lines and .end; no external sources
  std::vector<Analysis> analyses;  // in this order, each from an operating point of its own
  std::string options;             // text after .options
};

struct AnalysisResult {
  std::vector<double> axis;  // swept value, frequency [Hz] or time [s]; empty for op
  std::map<std::string, std::vector<std::complex<double>>, std::less<>> vectors;  // by the name in Analysis::watch
  // Both throw Error (bug) for a name that was not watched.
  const std::vector<std::complex<double>>& complex(std::string_view vector) const;
  std::vector<double> real(std::string_view vector) const;
  double value(std::string_view vector) const;  // last point, real part
};

// What attempt n of a run puts before its .options, in their place, and how it shortens its steps: safer and slower, after an attempt that failed.
//   0  nothing
//   1  Gear's method instead of the trapezoidal rule, which damps ringing; 40 instead of 10 iterations per point; every device evaluated; half of dt_max
//   2  as 1, with currents to 1e-12 A, 1e-11 S across junctions, 1e-17 F at each node, 1,000 iterations for the operating point; a quarter of dt_max.
//      1e-17 F is below a thousandth of the neuron's capacitors.
struct SaferSettings {
  std::string options;
  double dt_max_factor = 1.0;
};
SaferSettings safer_settings(int attempt);

class Session {
 public:
  Session();
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Runs to t_stop or until hooks.done. Throws NetlistError (bad_input) when the netlist is refused, NetlistError (numerical_failure) when the run
  // aborts or finds no operating point; both carry what ngspice printed, the line of request.netlist where ngspice tells it, and the session can be used again.
  // After some bad netlists (an undefined parameter, a missing .lib file) ngspice itself cannot go on: usable() is false and every later run throws.
  TransientStats transient(const TransientRequest& request, const Hooks& hooks);
  // Results in the order of request.analyses. Throws as transient(): the netlist refused, an analysis without a result, a watched vector that does not exist.
  std::vector<AnalysisResult> analyse(const AnalysisRequest& request);
  bool usable() const;

  int attempt = 0;  // of this run: its safer_settings apply
  // Sees and may change each request and its hooks just before they run; empty: nothing. Trials with other settings and of failures on purpose.
  std::function<void(TransientRequest&, Hooks&)> intercept;
};

}  // namespace mho::spice
