#include "solver/line.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace mho::solver {

double cell_current(const TransistorParams& t, double r_driver, double conductance, double drive, double line, double* slope) {
  const double r = 1.0 / conductance + r_driver;
  const double overdrive_s = std::max(t.v_pinch - line, 0.0);
  // Node m between cell and transistor: (drive − m)/r = I(m). I rises with m, so the difference is monotone and Newton from the drive converges.
  double m = drive, current = 0.0, di_dm = 0.0, di_ds = 0.0;
  for (int i = 0; i < 30; ++i) {
    const double overdrive_m = std::max(t.v_pinch - m, 0.0);
    const double denominator = 1.0 + t.theta * std::max(t.v_pinch - 0.5 * (line + m), 0.0);
    const double numerator = 0.5 * t.beta * (overdrive_s * overdrive_s - overdrive_m * overdrive_m);
    current = numerator / denominator;
    const double d_denominator = t.v_pinch > 0.5 * (line + m) ? -0.5 * t.theta : 0.0;
    di_dm = (t.beta * overdrive_m - current * d_denominator) / denominator;
    di_ds = (-t.beta * overdrive_s - current * d_denominator) / denominator;
    const double residual = (drive - m) / r - current;
    const double step = residual / (1.0 / r + di_dm);
    m += step;
    if (std::abs(step) < 1e-12) break;
  }
  if (slope) *slope = di_ds / (1.0 + r * di_dm);
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
  return {centre, current[1], (current[2] - current[0]) / (2 * half), (current[2] - 2 * current[1] + current[0]) / (2 * half * half)};
}

}  // namespace mho::solver
