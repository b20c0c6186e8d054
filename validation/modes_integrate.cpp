// What one neuron integrates, against what it should.
// Conductances are what write-verify reads: cell, select transistor and driver in series; the resistive cell is what is left of that (the transistor's resistance is taken at
// VREF and 50 mV, and varies a little with the line).
//
// Driven: C_sample follows the line that the drivers hold, so v(out) − VREF = C_sample/C_integ · Σ_k 2^k V_k with V_k = V_read Σ G x_k / Σ G.
// Held: the word lines fall and the line with its capacitance C_line is left alone; each sample shares charge with it. C_sample comes from the line reference, so the
// line's distance u from it falls by the factor a = C_line/(C_line + C_sample) at each sample, and bit k adds C_sample/C_integ · u_k (a + a² + … + a^(2^k)).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/random.hpp"
#include "core/statistics.hpp"
#include "validation/modes.hpp"

namespace mho::validation {
namespace {

constexpr int vectors = 13, fitted = 4, bits = 3;
constexpr double limit = 0.5e-2;  // of full scale

circuits::ColumnInput random_input(std::uint64_t seed, int index) {
  RandomStream random(seed, 0, 0, static_cast<std::uint32_t>(index), Purpose::validation_plan);
  circuits::ColumnInput input;
  for (int row = 0; row < 16; ++row) input.conductance.push_back((1.0 + 39.0 * random.uniform()) * 1e-6);
  input.levels.assign(bits, std::vector<std::int8_t>(16, 0));
  // Sums from one end of the range to the other: the share of rows at +1 goes with the index.
  const double up = vectors == 1 ? 0.5 : static_cast<double>(index) / (vectors - 1);
  for (auto& bit : input.levels)
    for (auto& level : bit) {
      const double u = random.uniform();
      level = static_cast<std::int8_t>(u < 0.2 ? 0 : random.uniform() < up ? 1 : -1);
    }
  input.point.v_read = 0.3;
  input.point.max_code = 1;
  return input;
}

double weighted_mean(const circuits::ColumnInput& input, int bit) {
  double g = 0.0, gx = 0.0;
  for (size_t row = 0; row < input.conductance.size(); ++row) {
    g += input.conductance[row];
    gx += input.conductance[row] * input.levels[static_cast<size_t>(bit)][row];
  }
  return input.point.v_read * gx / g;
}

// Integrated voltage over the ratio of capacitors when the held lines were `held` and each sample leaves the part `a` of them.
double shared(const std::vector<double>& held, double trim, double a) {
  double sum = 0.0;
  for (size_t k = 0; k < held.size(); ++k) {
    double u = held[k] - trim;
    for (int sample = 0; sample < (1 << k); ++sample) sum += u *= a;
  }
  return sum;
}

}  // namespace

Section validate_integrate(const ModeSettings& settings) {
  const circuits::CircuitParams circuit = mode_circuit();
  const double ratio = circuit.c_sample / circuit.c_integ;
  std::vector<circuits::ColumnInput> inputs;
  for (int i = 0; i < vectors; ++i) inputs.push_back(random_input(settings.seed, i));
  const double series = series_resistance(circuit);
  // The falling word lines pull the held line down: its reference goes with it, by the mean of a first run with zero inputs.
  circuits::ColumnInput zero = inputs[vectors / 2];
  for (auto& bit : zero.levels) std::fill(bit.begin(), bit.end(), static_cast<std::int8_t>(0));
  const circuits::ControlProgram driven = circuits::named_program("driven_unary"), held = circuits::named_program("held_line_unary");
  const double trim = run_modes({column_setup(circuit, held, behind(zero, series))}, settings, "held line at zero input").front().v_line_held.front();

  // What switches inject in every cycle is nulled by the same reference, as the chip trims its levels: the trim at which zero inputs integrate to zero.
  const double full_scale = ratio * 0.3 * ((1 << bits) - 1);
  const double injected = run_modes({column_setup(circuit, driven, behind(zero, series))}, settings, "driven line at zero input").front().v_integrated;
  const double driven_trim = injected / (ratio * ((1 << bits) - 1));
  std::vector<circuits::ConversionSetup> setups;
  for (auto input : inputs) {
    input.point.v_trim = driven_trim;
    setups.push_back(column_setup(circuit, driven, behind(input, series)));
  }
  for (auto input : inputs) {
    input.point.v_trim = trim;
    setups.push_back(column_setup(circuit, held, behind(input, series)));
  }
  const auto records = run_modes(setups, settings, "integrated voltage, driven and held");
  Section s{"integrate", {}, {}, {}, {}};
  s.text = fmt::format("{} vectors of {} bits on 16 rows, C_sample/C_integ = {:.4f}, full scale {:.1f} mV (all rows at +{} mV); {:.0f} ohm of transistor and driver in series\n", vectors, bits, ratio, 1e3 * full_scale, 300,
                       series);

  std::vector<double> ideal, measured;
  for (int i = 0; i < vectors; ++i) {
    double sum = 0.0;
    for (int k = 0; k < bits; ++k) sum += (1 << k) * weighted_mean(inputs[static_cast<size_t>(i)], k);
    ideal.push_back(ratio * sum);
    measured.push_back(records[static_cast<size_t>(i)].v_integrated);
  }
  const auto judge = [&](const char* name, const std::vector<double>& expected, const std::vector<double>& got, size_t from, double range) {
    double worst = 0.0, square = 0.0;
    s.text += fmt::format("\n{}\n   expected [mV]  measured [mV]  difference [mV]\n", name);
    for (size_t i = 0; i < expected.size(); ++i) {
      const double e = got[i] - expected[i];
      s.text += fmt::format("{:15.3f}{:15.3f}{:17.3f}{}\n", 1e3 * expected[i], 1e3 * got[i], 1e3 * e, i < from ? "   (fitted)" : "");
      if (i < from) continue;
      worst = std::max(worst, std::abs(e));
      square += e * e / static_cast<double>(expected.size() - from);
    }
    const Line line = fit_line(expected, got);
    s.text += fmt::format("worst {:.3f} % of a full scale of {:.1f} mV, rms {:.3f} % (limit {:.1f} %); gain {:.5f}, offset {:.3f} mV\n", 1e2 * worst / range, 1e3 * range,
                          1e2 * std::sqrt(square) / range, 1e2 * limit, line.slope, 1e3 * line.intercept);
    s.json[name] = Json{{"worst", worst / range}, {"rms", std::sqrt(square) / range}, {"gain", line.slope}, {"offset_V", line.intercept}};
    if (!(worst <= limit * range)) s.missed.push_back(fmt::format("integrate, {}: {:.2f} % of full scale, limit {:.1f} %", name, 1e2 * worst / range, 1e2 * limit));
  };
  judge("driven in every sample, against C_sample/C_integ times the conductance-weighted mean", ideal, measured, 0, full_scale);
  if (!(std::abs(driven_trim) < 5e-3)) s.missed.push_back(fmt::format("integrate: zero inputs integrate to {:.1f} mV, more than switches inject", 1e3 * injected));

  // The line's capacitance with its junctions, and the charge that each sample's switches add, come from the first vectors; the others judge.
  std::vector<double> got;
  for (int i = 0; i < vectors; ++i) got.push_back(records[static_cast<size_t>(vectors + i)].v_integrated);
  double best_a = 0.0, best = INFINITY, offset = 0.0;
  for (double a = 0.5; a < 1.0; a += 1e-4) {
    double mean = 0.0, square = 0.0;
    std::vector<double> e;
    for (int i = 0; i < fitted; ++i) e.push_back(got[static_cast<size_t>(i * 3)] - ratio * shared(records[static_cast<size_t>(vectors + i * 3)].v_line_held, trim, a));
    for (double x : e) mean += x / fitted;
    for (double x : e) square += (x - mean) * (x - mean);
    if (square < best) {
      best = square;
      best_a = a;
      offset = mean;
    }
  }
  std::vector<double> law, law_measured;
  for (int pass = 0; pass < 2; ++pass)
    for (int i = 0; i < vectors; ++i) {
      const bool is_fitted = i % 3 == 0 && i / 3 < fitted;
      if (is_fitted != (pass == 0)) continue;
      law.push_back(ratio * shared(records[static_cast<size_t>(vectors + i)].v_line_held, trim, best_a) + offset);
      law_measured.push_back(got[static_cast<size_t>(i)]);
    }
  const double c_line = circuit.c_line + circuit.c_line_cell * circuit.rows, c_left = c_line * (1.0 - best_a) / best_a - circuit.c_sample;
  s.text += fmt::format("\ntrims: {:.2f} mV driven, {:.1f} mV held\nheld: each sample leaves {:.4f} of the line; with {:.1f} fF of line, {:.1f} fF of C_sample and {:.1f} fF at its left plate share its charge; {:.3f} mV of charge injection\n",
                        1e3 * driven_trim, 1e3 * trim, best_a, 1e15 * c_line, 1e15 * circuit.c_sample, 1e15 * c_left, 1e3 * offset);
  s.json["held_line"] = Json{{"factor", best_a}, {"c_left_F", c_left}, {"offset_V", offset}};
  if (c_left < 0.0 || c_left > 15e-15) s.missed.push_back(fmt::format("integrate: the fit puts {:.1f} fF at the left plate, where six switches are", 1e15 * c_left));
  // What the held line can reach: all rows at the read voltage, by the same law.
  const double held_scale = ratio * shared(std::vector<double>(bits, 0.3), 0.0, best_a);
  judge("held, against the law of shared charge", law, law_measured, fitted, held_scale);
  return s;
}

}  // namespace mho::validation
