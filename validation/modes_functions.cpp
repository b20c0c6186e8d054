// Activation functions of the converter: the same vectors through the unary converter and through each function's program. What a function should give follows from
// the unary code (ReLU: max(0, code)) and from the integrated voltage in units of the converter's own steps (tanh and sigmoid).
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/random.hpp"
#include "core/statistics.hpp"
#include "validation/modes.hpp"

namespace mho::validation {
namespace {

constexpr int vectors = 17;
constexpr int codes = 127;
constexpr double limit = 1.5;  // [LSB]

circuits::ColumnInput vector_input(std::uint64_t seed, int index) {
  RandomStream random(seed, 0, 0, static_cast<std::uint32_t>(1000 + index), Purpose::validation_plan);
  circuits::ColumnInput input;
  for (int row = 0; row < 16; ++row) input.conductance.push_back((1.0 + 39.0 * random.uniform()) * 1e-6);
  const double wanted = -1.0 + 2.0 * index / (vectors - 1);  // share of rows at +1 less those at −1
  input.levels.assign(2, std::vector<std::int8_t>(16, 0));
  for (auto& bit : input.levels)
    for (auto& level : bit) level = static_cast<std::int8_t>(random.uniform() < std::abs(wanted) ? (wanted > 0 ? 1 : -1) : 0);
  input.point.v_read = 0.3;
  input.point.v_decrement = 0.007;  // the largest sums reach the largest codes
  input.point.max_code = codes;
  return input;
}

// Counter after n decrements, as tanh.toml says it; the breakpoints are the program's own parameters.
double counted(const circuits::ControlProgram& program, int n) {
  circuits::ControlState state(program, {});
  double y = 0.0;
  const std::array<double, 4> b{state.get("b1"), state.get("b2"), state.get("b3"), state.get("b4")};
  for (int i = 1; i <= n; ++i) y += std::pow(0.5, static_cast<double>(std::count_if(b.begin(), b.end(), [&](double x) { return i > x; })));
  return y;
}

}  // namespace

Section validate_functions(const ModeSettings& settings) {
  const circuits::CircuitParams circuit = mode_circuit();
  const circuits::ControlProgram unary = circuits::named_program("driven_unary"), relu = circuits::named_program("relu"), tanh = circuits::named_program("tanh"), sigmoid = circuits::named_program("sigmoid");
  std::vector<circuits::ConversionSetup> setups;
  for (const circuits::ControlProgram* program : {&unary, &relu, &tanh, &sigmoid})
    for (int i = 0; i < vectors; ++i) setups.push_back(column_setup(circuit, *program, vector_input(settings.seed, i)));
  const auto records = run_modes(setups, settings, "activation functions");
  const auto at = [&](int program, int i) -> const circuits::ConversionRecord& { return records[static_cast<size_t>(program * vectors + i)]; };

  // Steps of the converter for each polarity, from the unary conversions alone: code + 1/2 over the integrated voltage.
  std::array<Line, 2> scale{};
  for (int p = 0; p < 2; ++p) {
    std::vector<double> v, x;
    for (int i = 0; i < vectors; ++i) {
      const auto& r = at(0, i);
      if ((r.sign >= 0) != (p == 0) || std::abs(r.code) >= codes) continue;
      v.push_back(r.v_integrated);
      x.push_back(r.code + 0.5 * r.sign);
    }
    if (v.size() >= 3) scale[static_cast<size_t>(p)] = fit_line(v, x);
  }
  Section s{"functions", {}, {}, {}, {}};
  s.text = "  integrated [mV]   unary    ReLU    tanh  target  63 tanh  sigmoid  target   true\n";
  int relu_wrong = 0, relu_steps = 0, unary_steps = 0;
  int largest = 0;
  double worst_tanh = 0, worst_sigmoid = 0, true_tanh = 0, true_sigmoid = 0;
  for (int i = 0; i < vectors; ++i) {
    const auto& r = at(0, i);
    const Line& line = scale[r.sign >= 0 ? 0 : 1];
    const double x = line.slope * r.v_integrated + line.intercept;  // codes, not rounded
    // The piecewise target at this voltage: between two counts the counter stands at the lower.
    const double n = std::abs(x), whole = std::floor(n);
    const double low = counted(tanh, static_cast<int>(whole)), high = counted(tanh, static_cast<int>(whole) + 1);
    const double target = r.sign * (low + (n - whole) * (high - low)), exact = 63.0 * std::tanh(x / 63.0);
    largest = std::max(largest, std::abs(r.code));
    relu_wrong += at(1, i).code != std::max(0, r.code);
    relu_steps += at(1, i).decrements;
    unary_steps += r.decrements;
    // A counter truncates: half an LSB towards zero is its own.
    const double t = at(2, i).code + (at(2, i).code == 0 ? 0.0 : 0.5 * r.sign), g = at(3, i).code + (at(3, i).code == 64 ? 0.0 : 0.5 * r.sign);
    worst_tanh = std::max(worst_tanh, std::abs(t - target));
    worst_sigmoid = std::max(worst_sigmoid, std::abs(g - 64.0 - target));
    true_tanh = std::max(true_tanh, std::abs(t - exact));
    true_sigmoid = std::max(true_sigmoid, std::abs(g - 64.0 - exact));
    s.text += fmt::format("{:17.2f}{:8}{:8}{:8}{:8.2f}{:9.2f}{:9}{:8.2f}{:7.2f}\n", 1e3 * r.v_integrated, r.code, at(1, i).code, at(2, i).code, target, exact, at(3, i).code,
                          64.0 + target, 64.0 + exact);
  }
  s.text += fmt::format(
      "ReLU: {} of {} codes differ from max(0, unary); {} decrements instead of {}\n"
      "tanh: worst {:.2f} LSB from the piecewise target (limit {}), {:.2f} of 63 from the true function\n"
      "sigmoid: worst {:.2f} LSB from the piecewise target (limit {}), {:.2f} of 63 from the true function\n",
      relu_wrong, vectors, relu_steps, unary_steps, worst_tanh, limit, true_tanh, worst_sigmoid, limit, true_sigmoid);
  s.json = Json{{"relu_wrong", relu_wrong}, {"tanh_lsb", worst_tanh}, {"tanh_true_lsb", true_tanh}, {"sigmoid_lsb", worst_sigmoid}, {"sigmoid_true_lsb", true_sigmoid}};
  if (relu_wrong > 0) s.missed.push_back(fmt::format("functions: {} ReLU codes are not max(0, unary)", relu_wrong));
  if (largest < 116) s.missed.push_back(fmt::format("functions: codes to {} only, the last breakpoint is beyond", largest));
  if (!(worst_tanh <= limit)) s.missed.push_back(fmt::format("functions: tanh {:.2f} LSB from its target, limit {}", worst_tanh, limit));
  if (!(worst_sigmoid <= limit)) s.missed.push_back(fmt::format("functions: sigmoid {:.2f} LSB from its target, limit {}", worst_sigmoid, limit));
  return s;
}

}  // namespace mho::validation
