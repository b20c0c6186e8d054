// The stochastic neuron: N pulses of random sign are integrated on top of the sum, then one comparison.
//
// Prediction, with no decision of the samples in it: pulse i adds ±g w_i + c to the output (g, c and the leak λ of each sample-integrate cycle from runs of other sequences at
// another input), so out_N = λ(… λ(v + s_1 g w_1 + c) …) for a sequence s, the comparator turns at v₀ (from the converter's comparisons), and P(v) is the share of the
// register's sequences with out_N > v₀. v, the sum before the pulses, is read from one run at each level. The circuit has no noise of its own here, so a sequence gives the same run every time: each is run once and counted as often as drawn.
#include <fmt/format.h>

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/random.hpp"
#include "validation/converter_thresholds.hpp"
#include "validation/modes.hpp"

namespace mho::validation {
namespace {

constexpr double v_noise = 0.1;  // [V]
constexpr int calibrations = 10;

// Signs of the pulses that a register starting at `lfsr` gives, as bits; the first pulse is the lowest.
int sequence_of(const circuits::ControlProgram& program, std::uint32_t lfsr) {
  circuits::ProgramInput input;
  input.lfsr = lfsr;
  int bits = 0, n = 0;
  for (circuits::ControlState state(program, input); !state.ended(); state.advance(true))
    if (state.step().name == "noise") bits |= (state.get("noise") > 0) << n++;
  return bits;
}

// Every row at the sign of `level`, so the line is at `level` [V].
circuits::ConversionSetup setup_at(const circuits::CircuitParams& circuit, const circuits::ControlProgram& program, double level, std::uint32_t lfsr) {
  circuits::ColumnInput input;
  input.conductance.assign(4, 30e-6);
  input.levels.assign(1, std::vector<std::int8_t>(4, static_cast<std::int8_t>(level > 0 ? 1 : level < 0 ? -1 : 0)));
  input.point.v_read = level == 0.0 ? 0.1 : std::abs(level);
  auto setup = column_setup(circuit, program, input);
  setup.input.lfsr = lfsr;
  setup.input.parameters = {{"v_noise", v_noise}};
  return setup;
}

struct Pulses {
  double g = 0, c = 0, lambda = 1, residual = 0;  // [V], [V], [1], [V]
};

Pulses calibrate(const circuits::ControlProgram& program, const std::vector<double>& weight, const std::vector<circuits::ConversionRecord>& records,
                 const std::vector<int>& sequences) {
  std::vector<std::array<double, 4>> points;  // s w, before, 1, after
  for (size_t r = 0; r < records.size(); ++r) {
    double out = 0.0;
    size_t n = 0;
    for (const circuits::StepRecord& step : records[r].steps) {
      const std::string& name = program.steps[static_cast<size_t>(step.step)].name;
      if (name == "noise_integrate") {
        points.push_back({((sequences[r] >> n) & 1 ? 1.0 : -1.0) * weight[n], out, 1.0, step.v_out});
        ++n;
      }
      if (name == "integrate" || name == "noise_integrate") out = step.v_out;
    }
  }
  Eigen::MatrixXd a(static_cast<Eigen::Index>(points.size()), 3);
  Eigen::VectorXd y(a.rows());
  for (Eigen::Index i = 0; i < a.rows(); ++i) {
    const auto& p = points[static_cast<size_t>(i)];
    a.row(i) << p[0], p[1], p[2];
    y[i] = p[3];
  }
  const Eigen::Vector3d x = a.colPivHouseholderQr().solve(y);
  return {x[0], x[2], x[1], (a * x - y).norm() / std::sqrt(static_cast<double>(y.size()))};
}

double final_output(const Pulses& p, const std::vector<double>& weight, double v, int sequence) {
  for (size_t i = 0; i < weight.size(); ++i) v = p.lambda * v + ((sequence >> i) & 1 ? p.g : -p.g) * weight[i] + p.c;
  return v;
}

}  // namespace

Section validate_stochastic(const ModeSettings& settings) {
  const circuits::CircuitParams circuit = mode_circuit();
  const circuits::ControlProgram program = circuits::named_program("stochastic");
  const double unit = v_noise * circuit.c_sample / circuit.c_integ;
  std::vector<double> weight = program.tables.front().second;
  weight.erase(weight.begin());
  std::vector<double> levels;
  for (int i = -4; i <= 4; ++i) levels.push_back(0.8 * i * v_noise);

  // Calibration: ten sequences at a level that is not among the samples'.
  std::vector<circuits::ConversionSetup> setups;
  std::vector<int> sequences;
  RandomStream choose(settings.seed, 0, 0, 1, Purpose::calibration_plan);
  for (int i = 0; i < calibrations; ++i) {
    const std::uint32_t lfsr = 1 + choose.below(65535);
    sequences.push_back(sequence_of(program, lfsr));
    setups.push_back(setup_at(circuit, program, 0.13 * v_noise, lfsr));
  }
  const auto calibration = run_modes(setups, settings, "calibration of the pulses");
  const Pulses pulses = calibrate(program, weight, calibration, sequences);
  // The comparator from presets around zero.
  std::vector<circuits::ConversionSetup> presets;
  circuits::ReadPoint point;
  point.max_code = 1;
  for (double v : {-3e-3, -2e-3, -1e-3, -0.5e-3, 0.0, 0.5e-3, 1e-3, 2e-3}) presets.push_back(converter_setup(circuit, circuits::named_program("preset_unary"), point, v));
  const circuits::ControlProgram unary = circuits::named_program("preset_unary");
  const double turn = comparator_turn(unary, run_modes(presets, settings, "comparator")).residue;

  // The samples: which register states, and the distinct sequences among them at each level.
  std::map<std::pair<size_t, int>, size_t> run_of;
  setups.clear();
  std::vector<std::vector<int>> drawn(levels.size());
  std::vector<int> of_state(65536, -1);
  const auto sequence = [&](std::uint32_t lfsr) {
    if (of_state[lfsr] < 0) of_state[lfsr] = sequence_of(program, lfsr);
    return of_state[lfsr];
  };
  for (size_t l = 0; l < levels.size(); ++l) {
    RandomStream random(settings.seed, 0, 0, static_cast<std::uint32_t>(l), Purpose::test);
    for (int i = 0; i < settings.samples; ++i) {
      const std::uint32_t lfsr = 1 + random.below(65535);
      const int s = sequence(lfsr);
      drawn[l].push_back(s);
      if (run_of.try_emplace({l, s}, setups.size()).second) setups.push_back(setup_at(circuit, program, levels[l], lfsr));
    }
  }
  const auto records = run_modes(setups, settings, "stochastic samples");
  Section s{"stochastic", {}, {}, {}, {}};
  s.text = fmt::format("{} pulses, v_noise {:.0f} mV, weights", weight.size(), 1e3 * v_noise);
  for (double w : weight) s.text += fmt::format(" {:g}", w);
  s.text += fmt::format(
      "\na pulse adds ±{:.4f} mV times its weight (C_sample/C_integ v_noise = {:.4f} mV) and {:.4f} mV, the rest shrinks by {:.6f}; misfit {:.3f} mV; the comparator turns at {:.3f} mV\n"
      "{} samples a level, {} distinct runs in ngspice\n\n  level [mV]   integrated [mV]       P   predicted   standard error   distance   logistic\n",
      1e3 * pulses.g, 1e3 * unit, 1e3 * pulses.c, pulses.lambda, 1e3 * pulses.residual, 1e3 * turn, settings.samples, records.size());
  double worst = 0.0, worst_logistic = 0.0;
  int sequences_run = 0, otherwise = 0;
  for (size_t l = 0; l < levels.size(); ++l) {
    double up = 0.0, v = 0.0;
    for (int d : drawn[l]) up += records[run_of.at({l, d})].sign > 0;
    for (const auto& step : records[run_of.at({l, drawn[l].front()})].steps)
      if (program.steps[static_cast<size_t>(step.step)].name == "integrate") v = step.v_out;
    // Every sequence that was run against the decision that its pulses foretell.
    for (const auto& [key, run] : run_of)
      if (key.first == l) {
        ++sequences_run;
        otherwise += (final_output(pulses, weight, v, key.second) > turn) != (records[run].sign > 0);
      }
    // Over all 65,535 states of the register.
    double predicted = 0.0;
    for (std::uint32_t lfsr = 1; lfsr <= 65535; ++lfsr) predicted += final_output(pulses, weight, v, sequence(lfsr)) > turn;
    predicted /= 65535.0;
    const double p = up / settings.samples, error = std::sqrt(std::max(predicted * (1.0 - predicted), 1.0 / settings.samples) / settings.samples);
    const double distance = (p - predicted) / error, logistic = 1.0 / (1.0 + std::exp(-(v - turn) / unit));
    worst = std::max(worst, std::abs(distance));
    worst_logistic = std::max(worst_logistic, std::abs(p - logistic));
    s.text += fmt::format("{:12.1f}{:18.3f}{:10.4f}{:12.4f}{:17.4f}{:11.2f}{:11.4f}\n", 1e3 * levels[l], 1e3 * v, p, predicted, error, distance, logistic);
    s.json["levels"].push_back(Json{{"level_V", levels[l]}, {"integrated_V", v}, {"p", p}, {"predicted", predicted}, {"standard_error", error}, {"logistic", logistic}});
  }
  s.text += fmt::format("worst {:.2f} standard errors from the prediction (limit 3); largest distance to the logistic function {:.4f}\n{} of {} sequences decided otherwise than their pulses foretell\n", worst, worst_logistic, otherwise,
                        sequences_run);
  if (!(worst <= 3.0)) s.missed.push_back(fmt::format("stochastic: {:.1f} standard errors from the prediction", worst));

  // Neurons along one register: each takes the 8 bits after its neighbour's. Their decisions at the middle level.
  const size_t middle = levels.size() / 2;
  std::map<int, int> decision;
  for (const auto& [key, run] : run_of)
    if (key.first == middle) decision[key.second] = records[run].sign;
  std::vector<std::uint32_t> state;
  RandomStream random(settings.seed, 0, 0, 77, Purpose::test);
  for (int i = 0; i < settings.samples; ++i) state.push_back(1 + random.below(65535));
  const auto advanced = [&](std::uint32_t lfsr, int steps) {
    for (int i = 0; i < steps; ++i) lfsr = circuits::lfsr_step(lfsr);
    return lfsr;
  };
  double worst_correlation = 0.0;
  for (int neighbour : {1, 2, 5, 17}) {
    double xy = 0, x = 0, y = 0, n = 0;
    for (std::uint32_t a : state) {
      const auto one = decision.find(sequence(a)), two = decision.find(sequence(advanced(a, neighbour * static_cast<int>(weight.size()))));
      if (one == decision.end() || two == decision.end()) continue;
      x += one->second;
      y += two->second;
      xy += one->second * two->second;
      n += 1.0;
    }
    const double variance = n > 0 ? (1.0 - x / n * (x / n)) * (1.0 - y / n * (y / n)) : 0.0;  // decisions are ±1
    const double correlation = variance > 0.0 ? (xy / n - x / n * (y / n)) / std::sqrt(variance) : NAN;
    if (!(std::abs(correlation) < 4.0 / std::sqrt(n))) s.missed.push_back(fmt::format("stochastic: neurons {} apart correlate by {:.3f} over {:.0f} samples", neighbour, correlation, n));
    worst_correlation = std::max(worst_correlation, std::abs(correlation));
    s.text += fmt::format("correlation of a neuron with number {} after it on the same register: {:+.4f} ({:.0f} samples, standard error {:.4f})\n", neighbour, correlation, n, 1.0 / std::sqrt(n));
  }
  s.json["worst_standard_errors"] = worst;
  s.json["logistic_distance"] = worst_logistic;
  s.json["correlation"] = worst_correlation;
  return s;
}

}  // namespace mho::validation
