// 1T1R cell: a memristor in series with its select transistor, solved for the cell voltage.
#pragma once
#include <algorithm>
#include <cmath>
#include <concepts>

#include "devices/memristor.hpp"
#include "devices/select_transistor.hpp"

namespace mho::devices {

enum class Polarity { set, reset };

// Lines during a pulse. SET: BL = TE raised to v_line, source line 0. RESET: source line = drain
// raised, BL = TE 0, source at the cell.
struct CellBias {
  Polarity polarity = Polarity::set;
  double v_line = 0.0;  // [V] ≥ 0
  double v_wl = 0.0;    // [V]
};

// Where cell and transistor carry the same current.
struct OperatingPoint {
  double v;                 // [V] magnitude of the cell voltage, 0 … v_line
  double current;           // [A] magnitude
  double di_dv_cell;        // [S] slope of the cell's current at v, > 0
  double di_dv_transistor;  // [S] slope of the transistor's current at v, ≤ 0
  int iterations;           // Newton steps taken
};

// A transistor in series with the cell: current and slope by the cell voltage, falling with it.
template <class T>
concept SeriesTransistor = requires(const T& t, bool source_at_cell, double v) {
  { drain_current(t, source_at_cell, v, v, v) } -> std::same_as<CurrentSlope>;
};

// Solves F(v) = I_cell(v) − I_D(v) = 0, F increasing, by Newton inside a shrinking bracket
// [0, v_line]; a step that would leave it is replaced by bisection. Stops when a step is below
// 20 µV: the error left is the next step, about its square over twice V0. `guess` starts it.
template <class Curve, SeriesTransistor Transistor>
OperatingPoint solve_cell(const Curve& curve, const Transistor& transistor, const CellBias& bias,
                          double guess) {
  const bool source_at_cell = bias.polarity == Polarity::reset;
  double low = 0.0, high = bias.v_line;
  double v = std::clamp(guess, low, high);
  constexpr double step_tolerance = 2e-5;  // [V]
  constexpr int max_iterations = 100;
  CurrentSlope cell{}, fet{};
  int n = 0;
  while (n < max_iterations) {
    ++n;
    cell = curve.current(v);
    fet = drain_current(transistor, source_at_cell, bias.v_wl, bias.v_line, v);
    const double residual = cell.current - fet.current;
    (residual > 0.0 ? high : low) = v;
    double next = v - residual / (cell.slope - fet.slope);
    if (!(next >= low && next <= high)) next = 0.5 * (low + high);
    const double step = next - v;
    v = next;
    if (std::abs(step) <= step_tolerance) {
      return {v, cell.current + cell.slope * step, cell.slope, fet.slope, n};
    }
  }
  return {v, cell.current, cell.slope, fet.slope, n};
}

}  // namespace mho::devices
