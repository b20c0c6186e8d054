#include "solver/line.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace mho::solver {

TransistorCurrent transistor_current(const TransistorParams& t, double line, double node) {
  const double over_line = std::max(t.v_pinch - line, 0.0), over_node = std::max(t.v_pinch - node, 0.0), over_mean = t.v_pinch - 0.5 * (line + node);
  const double denominator = 1.0 + t.theta * std::max(over_mean, 0.0), by_mean = over_mean > 0.0 ? -0.5 * t.theta : 0.0;
  const double ampere = 0.5 * t.beta * (over_line * over_line - over_node * over_node) / denominator;
  return {ampere, (-t.beta * over_line - ampere * by_mean) / denominator, (t.beta * over_node - ampere * by_mean) / denominator};
}

double cell_current(const TransistorParams& t, double r_driver, double conductance, double drive, double line, double* slope) {
  const double r = 1.0 / conductance + r_driver;
  // Node m between cell and transistor: (drive − m)/r = I(m). I rises with m, so the difference is monotone and Newton from the drive converges.
  double m = drive;
  TransistorCurrent i{};
  for (int round = 0; round < 30; ++round) {
    i = transistor_current(t, line, m);
    const double step = ((drive - m) / r - i.ampere) / (1.0 / r + i.by_node);
    m += step;
    if (std::abs(step) < 1e-12) break;
  }
  if (slope) *slope = i.by_line / (1.0 + r * i.by_node);
  return (drive - m) / r;
}

LineCurrent line_current(const NeuronModel& model, std::span<const double> conductance, std::span<const std::int8_t> levels, double v_read) {
  // The line lies between its extreme drivers; before that it may start from a held voltage below them. Three points around the conductance-weighted mean.
  double sum_g = 0.0, sum_gv = 0.0;
  for (size_t i = 0; i < conductance.size(); ++i) {
    sum_g += conductance[i];
    sum_gv += conductance[i] * levels[i] * v_read;
  }
  const double centre = sum_gv / sum_g, half = 0.1;
  std::array<double, 3> current{};
  for (int p = -1; p <= 1; ++p)
    for (size_t i = 0; i < conductance.size(); ++i)
      current[static_cast<size_t>(p + 1)] +=
          cell_current(model.transistor, model.circuit.r_driver, conductance[i], levels[i] * v_read, centre + p * half);
  LineCurrent line{centre, current[1], (current[2] - current[0]) / (2 * half), (current[2] - 2 * current[1] + current[0]) / (2 * half * half)};
  const double vertex = -0.5 * line.c1 / line.c2;
  if (line.c1 < 0.0 && vertex > 0.0) line.high = vertex;
  if (line.c1 < 0.0 && vertex < 0.0) line.low = vertex;
  return line;
}

}  // namespace mho::solver
