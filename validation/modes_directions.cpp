// The same array read both ways, and fed back.
//
// Backward: inputs on the source lines, the neurons read bit lines; each code is held against the forward code of the transposed matrix.
// Recurrent: the sign that a neuron decided is the next input of its line, x_(t+1) = sgn(W x_t); the host carries the signs between runs, as the chip's registers do. Each code is
// held against the forward product of the transposed matrix with the same signs: the product of the weights through the circuit's gain and offset, the step of its
// decrements of either sign and the turn of its comparator, which other signs on the same lines give first.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "circuits/core_array.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"
#include "core/statistics.hpp"
#include "validation/converter_thresholds.hpp"
#include "validation/modes.hpp"

namespace mho::validation {
namespace {

constexpr size_t lines = 16;
constexpr int limit = 1;              // [LSB]
constexpr double decrement = 0.02;    // [V]: codes up to ±15 per bit of input
constexpr double fine = 0.01;         // [V] of the recurrent mode, whose inputs are ±1: codes to ±30

std::vector<std::vector<double>> random_matrix(std::uint64_t seed) {
  RandomStream random(seed, 0, 0, 0, Purpose::weights);
  std::vector<std::vector<double>> g(lines, std::vector<double>(lines));
  for (auto& row : g)
    for (double& cell : row) cell = (1.0 + 39.0 * random.uniform()) * 1e-6;
  return g;
}

std::vector<std::vector<double>> transposed(const std::vector<std::vector<double>>& g) {
  std::vector<std::vector<double>> t(g.front().size(), std::vector<double>(g.size()));
  for (size_t i = 0; i < g.size(); ++i)
    for (size_t j = 0; j < g[i].size(); ++j) t[j][i] = g[i][j];
  return t;
}

circuits::CoreInput core_input(const std::vector<std::vector<double>>& g, const std::vector<std::vector<std::int8_t>>& levels, bool forward, size_t output, double step) {
  circuits::CoreInput input;
  input.conductance = g;
  input.levels = levels;
  input.forward = forward;
  input.bit_line = output;
  input.source_line = output;
  input.point.v_read = 0.3;
  input.point.v_decrement = step;
  input.point.max_code = 31;
  return input;
}

// What the circuit makes of a product: code of a weighted mean [1], by columns of other inputs.
struct ProductModel {
  Line line;                     // integrated voltage [V] over the weighted mean
  std::array<double, 2> step{};  // [V] of a decrement from above, from below
  double turn = 0.0;             // [V]
  int code(double mean, int most) const {
    const double above = line.slope * mean + line.intercept - turn, unit = step[above > 0.0 ? 0 : 1];
    return std::clamp(static_cast<int>(above / unit), -most, most);
  }
};
ProductModel model_of(const circuits::ControlProgram& program, const std::vector<double>& means, const std::vector<circuits::ConversionRecord>& records) {
  std::vector<double> integrated;
  std::array<std::vector<double>, 2> steps;
  for (const auto& r : records) {
    integrated.push_back(r.v_integrated);
    double before = r.v_integrated;
    for (double v : r.v_residue) {
      steps[r.sign > 0 ? 0 : 1].push_back(std::abs(v - before));
      before = v;
    }
  }
  if (steps[0].empty() || steps[1].empty()) throw Error("directions: the inputs that the products are scaled with have sums of one sign only");
  return {fit_line(means, integrated), {mean(steps[0]), mean(steps[1])}, comparator_turn(program, records).residue};
}

double mean_of(const std::vector<std::vector<double>>& g, const std::vector<std::int8_t>& x, size_t column) {
  double sum = 0, weighted = 0;
  for (size_t i = 0; i < g.size(); ++i) {
    sum += g[i][column];
    weighted += g[i][column] * x[i];
  }
  return weighted / sum;
}

}  // namespace

Section validate_directions(const ModeSettings& wanted) {
  ModeSettings settings = wanted;
  settings.tolerance = std::max(settings.tolerance, 1e-4);  // 0.6 mV rms of 3.3 mV a code (docs/many_runs.md), on 256 cells of their own
  const circuits::CircuitParams circuit = mode_circuit();
  // Wires of a 16×16 corelet: 0.5 ohm and the parameters' wire capacitance a cell, 0.1 fF to each neighbour.
  const circuits::WireParams wires{0.5, 0.5, 0.1e-15, 0.0};
  const circuits::ControlProgram program = circuits::named_program("driven_unary");
  const auto g = random_matrix(settings.seed), gt = transposed(g);
  RandomStream random(settings.seed, 0, 0, 1, Purpose::inputs);
  std::vector<std::vector<std::int8_t>> levels(2, std::vector<std::int8_t>(lines));
  for (auto& bit : levels)
    for (auto& level : bit) level = static_cast<std::int8_t>(static_cast<int>(random.below(3)) - 1);
  std::vector<circuits::ConversionSetup> setups;
  std::vector<size_t> outputs;
  for (size_t k = 0; k < lines; k += 2) outputs.push_back(k);
  for (size_t k : outputs) setups.push_back(core_setup(circuit, wires, program, core_input(g, levels, false, k, decrement)));
  for (size_t k : outputs) setups.push_back(core_setup(circuit, wires, program, core_input(gt, levels, true, k, decrement)));
  const auto records = run_modes(setups, settings, "backward and forward products");
  Section s{"directions", {}, {}, {}, {}};
  s.text = fmt::format("{0} by {0} cells, wires {1} ohm a cell, 2-bit inputs\n\nbackward: inputs on source lines, outputs on bit lines, beside the forward product of the transposed matrix\n"
                       "   output   code   forward of transposed   integrated [mV]   forward [mV]\n", lines, wires.r_bl);
  int worst = 0;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const auto &back = records[i], &forth = records[outputs.size() + i];
    worst = std::max(worst, std::abs(back.code - forth.code));
    s.text += fmt::format("{:9}{:7}{:24}{:18.3f}{:15.3f}\n", outputs[i], back.code, forth.code, 1e3 * back.v_integrated, 1e3 * forth.v_integrated);
  }
  s.text += fmt::format("worst {} LSB (limit {})\n", worst, limit);
  s.json["backward_lsb"] = worst;
  if (worst > limit) s.missed.push_back(fmt::format("directions: backward {} LSB from the forward product of the transposed matrix", worst));

  // Recurrent: two time steps of all lines; the sign of each line's weighted mean is its next input.
  constexpr int time_steps = 2;
  std::vector<std::int8_t> x(lines);
  const auto draw = [&](std::vector<std::int8_t>& signs) {
    for (auto& sign : signs) sign = static_cast<std::int8_t>(random.below(2) ? 1 : -1);
  };
  // Other signs and their negatives, so that both signs of the sum come.
  std::vector<circuits::ConversionSetup> other;
  std::vector<double> means;
  for (size_t k = 0; k < lines; k += 4) {
    draw(x);
    for (int sign : {1, -1}) {
      for (auto& level : x) level = static_cast<std::int8_t>(sign * level);
      other.push_back(core_setup(circuit, wires, program, core_input(g, {x}, true, k, fine)));
      means.push_back(mean_of(g, x, k));
    }
  }
  const ProductModel model = model_of(program, means, run_modes(other, settings, "scale of the recurrent products"));
  draw(x);
  int recurrent_worst = 0, differing = 0;
  s.text += fmt::format("\nrecurrent: the sign of each code is the next input of its line. By {} columns of other signs: {:.4f} of the ideal gain, offset {:.2f} mV, decrements of {:.3f} and {:.3f} mV, comparator turns at {:.2f} mV\n"
                        "   step   codes (| forward product with the same signs through that gain and these steps)\n",
                        other.size(), model.line.slope / (0.3 * circuit.c_sample / circuit.c_integ), 1e3 * model.line.intercept, 1e3 * model.step[0], 1e3 * model.step[1], 1e3 * model.turn);
  for (int t = 0; t < time_steps; ++t) {
    std::vector<circuits::ConversionSetup> step;
    for (size_t k = 0; k < lines; ++k) step.push_back(core_setup(circuit, wires, program, core_input(g, {x}, true, k, fine)));
    const auto now = run_modes(step, settings, fmt::format("recurrent step {}", t + 1));
    std::string codes, expected;
    std::vector<std::int8_t> next(lines);
    for (size_t k = 0; k < lines; ++k) {
      const double product = mean_of(g, x, k);
      const int predicted = model.code(product, 31);
      recurrent_worst = std::max(recurrent_worst, std::abs(now[k].code - predicted));
      next[k] = static_cast<std::int8_t>(now[k].sign);
      differing += predicted != 0 && (predicted > 0) != (now[k].sign > 0);
      codes += fmt::format("{:4}", now[k].code);
      expected += fmt::format("{:4}", predicted);
    }
    s.text += fmt::format("{:7}  {} |{}\n", t + 1, codes, expected);
    x = next;
  }
  s.text += fmt::format("worst {} LSB (limit {}); {} of {} signs differ where the product is beyond one code\n", recurrent_worst, limit, differing, time_steps * static_cast<int>(lines));
  s.json["recurrent_lsb"] = recurrent_worst;
  s.json["recurrent_signs_differing"] = differing;
  if (differing > 0) s.missed.push_back(fmt::format("directions: {} recurrent signs are wrong", differing));
  if (recurrent_worst > limit) s.missed.push_back(fmt::format("directions: recurrent codes {} LSB from the product", recurrent_worst));
  return s;
}

}  // namespace mho::validation
