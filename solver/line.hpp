// The source line: cells in series with their select transistors and drivers, and the line's current while the word
// lines are on. Voltages are relative to VREF.
#pragma once
#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "solver/neuron_model.hpp"

namespace mho::solver {

// Current [A] of a select transistor from the cell's node at `node` into a line at `line`, with its derivatives [S].
struct TransistorCurrent {
  double ampere, by_line, by_node;
};
TransistorCurrent transistor_current(const TransistorParams& transistor, double line, double node);

// Current [A] from the driver at `drive` through driver resistance, cell `conductance` and transistor into a line at `line`. Derivative by the line in *slope [S].
double cell_current(const TransistorParams& transistor, double r_driver, double conductance, double drive, double line, double* slope = nullptr);

// The column's current into the line as a quadratic in its voltage, exact at three points of [lo, hi]: 256 cells are summed three times, not once per time step.
// Beyond its vertex, where all transistors would be pinched off, the current stays what it is there.
struct LineCurrent {
  double centre, c0, c1, c2;  // I(v) = c0 + c1 (v − centre) + c2 (v − centre)²
  double low = -std::numeric_limits<double>::infinity(), high = std::numeric_limits<double>::infinity();  // [V] of v − centre, at most one of them finite: the vertex
  double at(double v) const {
    const double w = std::clamp(v - centre, low, high);
    return c0 + w * (c1 + c2 * w);
  }
};
LineCurrent line_current(const NeuronModel& model, std::span<const double> conductance, std::span<const std::int8_t> levels, double v_read);

}  // namespace mho::solver
