#include "validation/conversion_plan.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace mho::validation {

double provisional_trim(double rows, const circuits::CircuitParams& circuit) {
  // What line_trim found for the network's columns at 0.9 -> 2.5 V and 0.565 pF: -43, -271 and -339 mV at 20, 146 and 194 of 256 rows; scaled by swing and capacitance.
  const double c = circuit.c_line + circuit.c_line_cell * circuit.rows + 0.13e-12 * circuit.rows / 256.0;
  return -0.43 * std::pow(rows / 256.0, 0.9) * (circuit.wl_high - circuit.wl_low) / 1.6 * 0.565e-12 / c;
}

namespace {

// What places a run among all that can be run; whatever else a column has is drawn for each row.
enum class Axis : size_t { rows, kind, v_read, lean, density, multiplier, trim, range, aim };
constexpr size_t line_axes = 3, conversion_axes = 9;

// Draws where a run lies on each axis, and keeps it.
class Placement {
 public:
  Placement(RandomStream& random, UnitPoint* where) : random_(random), where_(where) {}
  double operator[](Axis axis) { return keep(axis, random_.uniform()); }
  // Share of the rows with an input: all in half of the columns, which is one half of the axis.
  double density() {
    const double dense = random_.uniform();
    if (dense < 0.5) return keep(Axis::density, dense), 1.0;
    const double share = random_.uniform();
    keep(Axis::density, 0.5 + 0.5 * share);
    return 0.1 + 0.9 * share;
  }

 private:
  double keep(Axis axis, double u) {
    if (where_) where_->at(static_cast<size_t>(axis)) = u;
    return u;
  }
  RandomStream& random_;
  UnitPoint* where_;
};

enum class Kind { uniform, low, pairs, matrix };
Kind kind_at(double u) { return static_cast<Kind>(4.0 * u); }

// Conductances of one pair of rows [S]; the stronger cell of a differential pair is the second one when `second`.
std::array<double, 2> draw_pair(RandomStream& random, Kind kind, bool second) {
  std::array<double, 2> g{};
  const double strong = kind == Kind::matrix ? std::min(0.5 * std::abs(random.normal()), 1.0) : random.uniform();
  for (size_t i = 0; i < 2; ++i) {
    const bool carries = (i == 1) == second;
    switch (kind) {
      case Kind::uniform: g[i] = 1e-6 + 39e-6 * random.uniform(); break;
      case Kind::low: g[i] = 1e-6 * std::exp(2.3 * random.uniform()); break;
      case Kind::pairs: g[i] = carries ? 1e-6 + 39e-6 * strong : 1e-6 + 0.6e-6 * random.uniform(); break;
      case Kind::matrix:  // with about the spread that programming and relaxation leave
        g[i] = std::max(std::abs(1e-6 + (carries ? 39e-6 * strong : 0.0) + (carries ? 2.5e-6 : 1.4e-6) * random.normal()), 1e-9);
        break;
    }
  }
  return g;
}

circuits::ColumnInput draw_column(std::uint64_t seed, std::uint32_t index, Purpose purpose, const circuits::CircuitParams& circuit, const PlanOptions& options, UnitPoint* where) {
  RandomStream random(seed, 0, 0, index, purpose);
  Placement at(random, where);
  circuits::ColumnInput input;
  const double span = std::log(static_cast<double>(options.max_rows) / options.min_rows);
  const int rows = 2 * static_cast<int>(std::lround(0.5 * options.min_rows * std::exp(span * at[Axis::rows])));
  const Kind kind = kind_at(at[Axis::kind]);
  const int full = (1 << options.bits) - 1;
  const double drive = 1.6 * at[Axis::lean] - 0.8;                                         // how far the inputs lean to one sign
  const double density = at.density();
  input.levels.assign(static_cast<size_t>(options.bits), {});
  double sum_g = 0.0, sum_gx = 0.0;
  const auto draw_code = [&] {
    const double lean = drive * random.uniform(), spread = 2.0 * random.uniform() - 1.0;
    const int code = static_cast<int>(std::lround(full * std::clamp(lean + 0.7 * spread, -1.0, 1.0)));
    return random.uniform() < density ? code : 0;
  };
  for (int row = 0; row < rows; row += 2) {
    std::array<int, 2> code{draw_code(), draw_code()};
    // Rows of a differential pair get opposite inputs; the weight sits in the row that agrees with the lean more often.
    if (kind >= Kind::pairs) code = {std::abs(code[0]), -std::abs(code[0])};
    const auto g = draw_pair(random, kind, random.uniform() > 0.5 + 0.5 * drive);
    for (size_t i = 0; i < 2; ++i) {
      input.conductance.push_back(g[i]);
      for (int k = 0; k < options.bits; ++k)
        input.levels[static_cast<size_t>(k)].push_back(static_cast<std::int8_t>((std::abs(code[i]) >> k & 1) * (code[i] < 0 ? -1 : 1)));
      sum_g += g[i];
      sum_gx += g[i] * code[i];
    }
  }
  circuits::ReadPoint& point = input.point;
  point.v_read = 0.2 + 0.3 * at[Axis::v_read];
  point.pulse_multiplier = at[Axis::multiplier] < 0.5 ? 1 : 2;
  point.v_trim = provisional_trim(rows, circuit) + 0.06 * (at[Axis::trim] - 0.5);
  point.max_code = at[Axis::range] < 0.25 ? 2 * options.max_code + 1 : options.max_code;
  // Aim the code anywhere in the range; the decrement stays within what the chip can set.
  const double signal = std::abs(sum_gx / sum_g) * point.v_read * point.pulse_multiplier;
  const double aim = (0.05 + 0.95 * at[Axis::aim]) * point.max_code;
  point.v_decrement = std::clamp(0.9 * signal / aim, 0.03, 0.08);
  return input;
}

circuits::ColumnInput draw_line_column(std::uint64_t seed, std::uint32_t index, Purpose purpose, const circuits::CircuitParams& circuit, const PlanOptions& options, int pulses,
                                       UnitPoint* where) {
  RandomStream random(seed, 0, 1, index, purpose);
  Placement at(random, where);
  circuits::ColumnInput input;
  // Uniform: what the falling word lines do grows with the rows, and so does what is left over by a poor fit.
  const int rows = 2 * static_cast<int>(std::lround(0.5 * (options.min_rows + (options.max_rows - options.min_rows) * at[Axis::rows])));
  const Kind kind = kind_at(at[Axis::kind]);
  for (int row = 0; row < rows; row += 2)
    for (const double g : draw_pair(random, kind, random.below(2) == 1)) input.conductance.push_back(g);
  for (int k = 0; k < pulses; ++k) {
    const double density = random.below(5) == 0 ? 0.0 : random.uniform(), lean = random.uniform();
    const bool opposite = random.below(3) != 0;
    std::vector<std::int8_t> levels;
    for (int row = 0; row < rows; ++row) {
      const std::int8_t level = random.uniform() < density ? (random.uniform() < lean ? 1 : -1) : 0;
      levels.push_back(opposite && row % 2 == 1 ? static_cast<std::int8_t>(-levels.back()) : level);
    }
    input.levels.push_back(std::move(levels));
  }
  input.point = {.v_read = 0.1 + 0.4 * at[Axis::v_read], .v_trim = provisional_trim(rows, circuit), .max_code = 1};
  return input;
}

}  // namespace

circuits::ColumnInput random_column(std::uint64_t seed, std::uint32_t index, Purpose purpose, const circuits::CircuitParams& circuit, const PlanOptions& options) {
  return draw_column(seed, index, purpose, circuit, options, nullptr);
}

circuits::ColumnInput random_line_column(std::uint64_t seed, std::uint32_t index, Purpose purpose, const circuits::CircuitParams& circuit, const PlanOptions& options, int pulses) {
  return draw_line_column(seed, index, purpose, circuit, options, pulses, nullptr);
}

UnitPoint conversion_plan_point(std::uint64_t seed, std::uint32_t index) {
  UnitPoint where(conversion_axes);
  draw_column(seed, index, Purpose::calibration_plan, {}, {}, &where);
  return where;
}

UnitPoint line_plan_point(std::uint64_t seed, std::uint32_t index) {
  UnitPoint where(line_axes);
  draw_line_column(seed, index, Purpose::calibration_plan, {}, {}, 1, &where);
  return where;
}

}  // namespace mho::validation
