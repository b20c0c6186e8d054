#include "validation/conversion_plan.hpp"

#include <algorithm>
#include <cmath>

namespace mho::validation {

double provisional_trim(double rows, const circuits::CircuitParams& circuit) {
  // Measured on three columns at 0.9 -> 2.5 V and about 0.36 pF: -56, -174 and -460 mV at 16, 64 and 256 of 256 rows; scaled by swing and capacitance.
  const double c = circuit.c_line + circuit.c_line_cell * circuit.rows + 0.13e-12 * circuit.rows / 256.0;
  return -0.46 * std::pow(rows / 256.0, 0.75) * (circuit.wl_high - circuit.wl_low) / 1.6 * 0.36e-12 / c;
}

circuits::ColumnInput random_column(std::uint64_t seed, std::uint32_t index, Purpose purpose, const circuits::CircuitParams& circuit,
                                    const PlanOptions& options) {
  RandomStream random(seed, 0, 0, index, purpose);
  circuits::ColumnInput input;
  const double span = std::log(static_cast<double>(options.max_rows) / options.min_rows);
  const int rows = 2 * static_cast<int>(std::lround(0.5 * options.min_rows * std::exp(span * random.uniform())));
  const std::uint32_t kind = random.below(4);  // uniform, low, and twice differential pairs
  const int full = (1 << options.bits) - 1;
  const double drive = 1.6 * random.uniform() - 0.8;  // how far the inputs lean to one sign
  input.levels.assign(static_cast<size_t>(options.bits), {});
  double sum_g = 0.0, sum_gx = 0.0;
  int pair_code = 0;
  for (int row = 0; row < rows; ++row) {
    double g = 1e-6 + 39e-6 * random.uniform();
    const double lean = drive * random.uniform(), spread = 2.0 * random.uniform() - 1.0;
    int code = static_cast<int>(std::lround(full * std::clamp(lean + 0.7 * spread, -1.0, 1.0)));
    if (kind == 1) g = 1e-6 * std::exp(2.3 * random.uniform());
    if (kind >= 2) {  // pairs of rows with opposite inputs; the weight sits in the row that agrees with the lean more often
      if (row % 2 == 0) pair_code = std::abs(code);
      code = row % 2 == 0 ? pair_code : -pair_code;
      const bool strong = (random.uniform() < 0.5 + 0.5 * drive) == (row % 2 == 0);
      if (!strong) g = 1e-6 + 0.6e-6 * random.uniform();
    }
    input.conductance.push_back(g);
    for (int k = 0; k < options.bits; ++k)
      input.levels[static_cast<size_t>(k)].push_back(static_cast<std::int8_t>((std::abs(code) >> k & 1) * (code < 0 ? -1 : 1)));
    sum_g += g;
    sum_gx += g * code;
  }
  circuits::ReadPoint& point = input.point;
  point.v_read = 0.2 + 0.3 * random.uniform();
  point.pulse_multiplier = random.below(3) == 0 ? 2 : 1;
  point.v_trim = provisional_trim(rows, circuit) + 0.06 * (random.uniform() - 0.5);
  point.max_code = options.max_code;
  // Aim the code anywhere in the range; the decrement stays within what the chip can set.
  const double signal = std::abs(sum_gx / sum_g) * point.v_read * point.pulse_multiplier;
  const double aim = (0.05 + 0.95 * random.uniform()) * options.max_code;
  point.v_decrement = std::clamp(0.9 * signal / aim, 0.03, 0.08);
  return input;
}

}  // namespace mho::validation
