// Pulse curves of 1T1R cells: tables of measured medians, and the same experiments simulated.
//
// Two kinds of experiment. Single: each point starts from its own resistance (R before) and takes
// one pulse. Ramp: one pulse after another on the same cell, and a cell whose resistance has passed
// `r_stop` takes no more. Resistance is that of cell and read path in series at a small voltage:
//
//   R = V_read / I,   I = I_cell(V_read − I·r_path)
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "core/params.hpp"
#include "devices/gap_model.hpp"
#include "devices/pulse.hpp"

namespace mho::devices {

struct PulseCurvePoint {
  double v;             // [V] of the swept line
  double r_before;      // [ohm] median over the cells before the pulse
  double r_after;       // [ohm] median after it
  double r_p10, r_p90;  // [ohm] 10 % and 90 % of the cells after it
};

// One curve: polarity and kind of the experiment, the line that was held and the one that was
// swept.
struct PulseCurve {
  Polarity polarity = Polarity::set;
  bool ramp = false;                    // pulses add up
  double width = 0.0;                   // [s]
  bool word_line_swept = false;         // else the bit line (SET) or source line (RESET) is
  double v_held = 0.0;                  // [V] the other line
  std::vector<PulseCurvePoint> points;  // swept voltage increases
};

// How the curves were taken.
struct PulseBench {
  double v_read = 0.2;            // [V]
  double r_path = 2000.0;         // [ohm] transistor and wires while reading
  double edge = 10e-9;            // [s] of a pulse
  double r_stop = 100e3;          // [ohm] a RESET ramp ends on the cell that has reached it
  double wl_time_constant = 0.0;  // [s] word line at the end of a pulse: V_WL·(1 − exp(−width/τ))
};

// Reads every curve of a CSV with the columns experiment, pulse_ns, fixed_line, fixed_V,
// swept_line, swept_V, R_before_median_ohm and R_after_median_ohm in any order; further columns are
// ignored. Rows of one curve are next to each other. An experiment is a SET when its name starts
// with "set", a RESET when with "reset", and a ramp when it contains "ramp". Throws IoError,
// ConfigError{file, line, column}.
std::vector<PulseCurve> read_pulse_curves(const std::string& path);

// Resistance of a cell in its read path [ohm], and the gap [m] whose resistance is r, clipped to
// the walls.
double read_resistance(const GapModel& model, const PulseBench& bench, double gap);
double gap_of_resistance(const GapModel& model, const PulseBench& bench, double r);

// Resistance [ohm] after the pulse of each point; NaN where a pulse could not be integrated. The
// points of a single-pulse curve start from their R before, a ramp from that of its first point.
std::vector<double> simulate_pulse_curve(const PulseCurve& curve, const GapModel& model,
                                         const SelectTransistor& transistor,
                                         const PulseBench& bench, int threads,
                                         const PulseOptions& options = {});

// Where ln R of a SET curve jumps from its plateau at low voltage to that at high voltage.
struct Jump {
  double v;              // [V] R crosses the geometric mean of the plateaus, interpolated in ln R
  double r_high, r_low;  // [ohm] plateaus: medians of the first and of the last ten points
  size_t first,
      last;  // shortest run of points over which ln R falls by more than half its whole fall
};
// None when R does not cross the mean, or when there are fewer than 20 points.
std::optional<Jump> find_jump(const std::vector<double>& v, const std::vector<double>& r);

}  // namespace mho::devices

namespace mho {
template <>
struct ParameterTable<devices::PulseBench> {
  using S = devices::PulseBench;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"v_read", &S::v_read, "V", 1e-3, 1.0, "read voltage across cell and path"},
      {"r_path", &S::r_path, "ohm", 0.0, 1e6, "transistor and wires while reading"},
      {"edge", &S::edge, "s", 1e-10, 1e-5, "rise and fall of a pulse"},
      {"r_stop", &S::r_stop, "ohm", 1e3, 1e12, "resistance at which a RESET ramp ends"},
      {"wl_time_constant", &S::wl_time_constant, "s", 0.0, 1e-3,
       "settling of the word line; 0: none"},
  });
};
}  // namespace mho
