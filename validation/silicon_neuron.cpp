#include "validation/silicon_neuron.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "core/intervals.hpp"
#include "core/statistics.hpp"
#include "validation/modes.hpp"

namespace mho::validation {
namespace {

constexpr std::array<double, 2> lines{-0.2, 0.2};  // [V]
// A decrement large enough that reltol is small against it, and few of them, none across zero.
constexpr double decrement = 0.05;  // [V]
constexpr int decrements = 2;

}  // namespace

NeuronReport neuron_report(const SiliconSettings& settings) {
  circuits::CircuitParams circuit = mode_circuit();
  circuit.c_sample = circuits::CircuitParams{}.c_sample;  // the chip's
  circuit.c_integ = circuits::CircuitParams{}.c_integ;
  ModeSettings modes;
  modes.seed = settings.seed;
  modes.workers = settings.threads;
  modes.tolerance = settings.tolerance;
  modes.cache = settings.cache;
  const auto setups = [&](const char* program, const circuits::ReadPoint& at) {
    return mismatch_setups(circuit, circuits::named_program(program), at, lines, settings.neuron_dies, settings.seed);
  };
  const auto compared =
      run_modes(setups("comparator", {}), modes, "neuron gain");
  // Integrated and taken down by a few decrements.
  circuits::ReadPoint point;
  point.v_decrement = decrement;
  point.max_code = decrements;
  const auto counted = run_modes(setups("driven_unary", point), modes, "neuron gain in decrements");
  const double ratio = circuit.c_sample / circuit.c_integ;
  std::vector<double> integrated, codes;
  for (size_t die = 0; die < static_cast<size_t>(settings.neuron_dies); ++die) {
    const auto* r = &compared[2 * die];
    integrated.push_back((r[1].v_integrated - r[0].v_integrated) / (lines[1] - lines[0]) / ratio);
    r = &counted[2 * die];
    double step = 0.0;  // of both polarities, which differ by the switches' charge
    for (int k : {0, 1}) {
      const auto& residue = r[k].v_residue;
      step += 0.5 * std::abs(residue.back() - residue.front()) /
              static_cast<double>(residue.size() - 1);
    }
    codes.push_back((r[1].v_integrated - r[0].v_integrated) / (lines[1] - lines[0]) * decrement /
                    step);
  }
  NeuronReport report;
  report.text = fmt::format(
      "neuron: {} dies in ngspice at {:g}/{:g} fF, transistors and capacitors after Pelgrom, lines "
      "at ±200 mV, reltol {:g}\n",
      settings.neuron_dies, 1e15 * circuit.c_sample, 1e15 * circuit.c_integ, settings.tolerance);
  const auto row = [&](const char* what, const char* key, const std::vector<double>& x) {
    const double m = mean(x), sigma = standard_deviation(x) / m;
    const Interval i = sigma_interval(x);
    report.text += fmt::format("  {:<64}{:>7.4f}, relative σ {:.2f} % [{:.2f}, {:.2f}]\n", what, m,
                               100 * sigma, 100 * i.low / m, 100 * i.high / m);
    report.json[key] = {{"mean", m},
                        {"relative_sigma", sigma},
                        {"low", i.low / m},
                        {"high", i.high / m},
                        {"n", x.size()}};
    return sigma;
  };
  report.spread.integrated = row("(A) integrated voltage over the line's, over C_sample/C_integ",
                                 "integrated", integrated);
  report.spread.codes =
      row("in codes: the same over a decrement by the same capacitors", "codes", codes);
  return report;
}

}  // namespace mho::validation
