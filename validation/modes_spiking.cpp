// The integrate-and-fire neuron over its input, against a discrete model.
//
// Model, per time step: V ← (1 − a)·V + b·x + b₀ (x the conductance-weighted mean of the input), V ← λV + c at steps with a leak, a spike when V > θ, then V ← V₀ and `refractory`
// steps of rest; V starts from what initialisation leaves. a (finite gain and charge injection that follows the output), b, b₀, λ, c and V₀ are regressions over the recorded outputs of two runs. θ lies between the largest silent
// and the smallest firing voltage of those runs, where the straight line between what these bring to the latch says (comparator_turn). The spikes of the runs at other inputs judge.
#include <fmt/format.h>

#include <Eigen/QR>
#include <algorithm>
#include <array>
#include <cmath>

#include "core/statistics.hpp"
#include "validation/converter_thresholds.hpp"
#include "validation/modes.hpp"

namespace mho::validation {
namespace {

constexpr double limit = 0.03;
constexpr int time_steps = 120;

struct Model {
  double a = 0, b = 0, b0 = 0, lambda = 1, c = 0, theta = 0, start = 0, v0 = 0;
};

// Input of `on` of the 16 rows at +1; conductances as write-verify reads them.
circuits::ColumnInput rows_on(int on) {
  circuits::ColumnInput input;
  for (int row = 0; row < 16; ++row) input.conductance.push_back((5.0 + 2.0 * row) * 1e-6);
  input.levels.assign(1, std::vector<std::int8_t>(16, 0));
  for (int i = 0; i < on; ++i) input.levels[0][static_cast<size_t>((7 * i) % 16)] = 1;
  input.point.v_read = 0.3;
  return input;
}

double mean_input(const circuits::ColumnInput& input) {
  double g = 0, gx = 0;
  for (size_t row = 0; row < 16; ++row) {
    g += input.conductance[row];
    gx += input.conductance[row] * input.levels[0][row];
  }
  return input.point.v_read * gx / g;
}

int model_spikes(const Model& m, double x, int leak_every, int refractory, std::vector<int>* times = nullptr) {
  double v = m.start;
  int spikes = 0;
  for (int step = 1; step <= time_steps; ++step) {
    v += m.b * x + m.b0 - m.a * v;
    if (leak_every > 0 && step % leak_every == 0) v = m.lambda * v + m.c;
    if (v <= m.theta) continue;
    ++spikes;
    if (times) times->push_back(step);
    v = m.v0;
    step += refractory;
  }
  return spikes;
}

// Spikes per step: from the first spike to the last, so that the part-interval at the end does not count.
double rate(const std::vector<int>& times) {
  return times.size() < 2 ? 0.0 : static_cast<double>(times.size() - 1) / static_cast<double>(times.back() - times.front());
}

std::vector<int> spike_steps(const circuits::ControlProgram& program, const circuits::ConversionRecord& record) {
  std::vector<int> steps;
  int step = 0;
  for (const auto& s : record.steps) {
    const circuits::Step& now = program.steps[static_cast<size_t>(s.step)];
    if (now.name == "sample" || now.name == "rest") ++step;
    if (now.name == "reset") steps.push_back(step);
  }
  return steps;
}

Model fit(const circuits::ControlProgram& program, const std::vector<const circuits::ConversionRecord*>& records, const std::vector<double>& inputs) {
  struct First {
    double input, out;  // first integration after a start
    bool after_spike;
  };
  std::vector<First> firsts;
  std::vector<double> x, from, increment, before_leak, after_leak;
  for (size_t r = 0; r < records.size(); ++r) {
    double out = 0.0;  // before the last comparison; what comparing and restoring add belongs to the next increment
    bool fresh = true;
    bool after_spike = false;
    for (const circuits::StepRecord& step : records[r]->steps) {
      const std::string& name = program.steps[static_cast<size_t>(step.step)].name;
      if (name == "integrate") {
        if (fresh) firsts.push_back({inputs[r], step.v_out, after_spike});
        else x.push_back(inputs[r]), from.push_back(out), increment.push_back(step.v_out - out);
        fresh = false;
        out = step.v_out;
      } else if (name == "hold") {
        before_leak.push_back(out);
        after_leak.push_back(step.v_out);
        out = step.v_out;
      } else if (name == "reset" || name == "initialise") {
        fresh = true;
        after_spike = name == "reset";
      }
    }
  }
  std::vector<circuits::ConversionRecord> copies;
  for (const auto* r : records) copies.push_back(*r);
  const auto n = static_cast<Eigen::Index>(x.size());
  Eigen::MatrixXd terms(n, 3);
  terms.col(0) = Eigen::Map<const Eigen::VectorXd>(x.data(), n);
  terms.col(1).setOnes();
  terms.col(2) = -Eigen::Map<const Eigen::VectorXd>(from.data(), n);
  const Eigen::VectorXd fitted = terms.colPivHouseholderQr().solve(Eigen::Map<const Eigen::VectorXd>(increment.data(), n));
  const Line leak = fit_line(before_leak, after_leak);
  Model m{fitted(2), fitted(0), fitted(1), leak.slope, leak.intercept, comparator_turn(program, copies).residue, 0.0, 0.0};
  std::array<double, 2> sum{}, count{};
  for (const First& f : firsts) {
    sum[f.after_spike] += (f.out - m.b * f.input - m.b0) / (1.0 - m.a);
    count[f.after_spike] += 1.0;
  }
  m.start = sum[0] / count[0];
  m.v0 = sum[1] / count[1];
  return m;
}

}  // namespace

Section validate_spiking(const ModeSettings& settings) {
  const circuits::CircuitParams circuit = mode_circuit();
  const circuits::ControlProgram program = circuits::named_program("lif");
  const std::vector<int> on{6, 7, 8, 10, 11, 12, 14, 16, 5, 9, 13, 15};
  const std::vector<size_t> fitted{1, 6};  // inputs that the model is fitted at
  constexpr double threshold = 0.15;
  constexpr int leak_every = 4, refractory = 1;
  std::vector<circuits::ConversionSetup> setups;
  const double series = series_resistance(circuit);
  for (int rows : on) {
    auto setup = column_setup(circuit, program, behind(rows_on(rows), series));
    setup.input.parameters = {{"time_steps", time_steps}, {"v_threshold", threshold}, {"leak_every", leak_every}, {"refractory", refractory}};
    setups.push_back(setup);
  }
  const auto records = run_modes(setups, settings, "integrate-and-fire");
  std::vector<const circuits::ConversionRecord*> sources;
  std::vector<double> inputs;
  for (size_t i : fitted) {
    sources.push_back(&records[i]);
    inputs.push_back(mean_input(rows_on(on[i])));
  }
  const Model m = fit(program, sources, inputs);
  Section s{"spiking", {}, {}, {}, {}};
  s.text = fmt::format(
      "{} steps; threshold {:.0f} mV, a leak every {} steps, {} step of rest\nmodel fitted at the inputs marked *: {:.4f} V/V a step, offset {:.3f} mV, {:.4f} of the output lost a step, leak factor {:.5f} "
      "(C_integ/(C_integ + C_sample) = {:.5f}) with {:.3f} mV, fires above {:.2f} mV, starts from {:.2f} mV, after a spike from {:.2f} mV\n\n   input [mV]   spikes   model   spikes a step      model   difference\n",
      time_steps, 1e3 * threshold, leak_every, refractory, m.b, 1e3 * m.b0, m.a, m.lambda, circuit.c_integ / (circuit.c_integ + circuit.c_sample), 1e3 * m.c, 1e3 * m.theta, 1e3 * m.start, 1e3 * m.v0);
  double worst = 0.0;
  for (size_t i = 0; i < on.size(); ++i) {
    const double x = mean_input(rows_on(on[i]));
    std::vector<int> times;
    const int expected = model_spikes(m, x, leak_every, refractory, &times);
    const std::vector<int> measured = spike_steps(program, records[i]);
    const bool is_fitted = std::find(fitted.begin(), fitted.end(), i) != fitted.end();
    const double f = rate(measured), g = rate(times), e = g > 0.0 ? f / g - 1.0 : (f > 0.0 ? INFINITY : 0.0);
    s.text += fmt::format("{:13.2f}{:9}{:8}{:16.5f}{:11.5f}{:12.2f} %{}\n", 1e3 * x, measured.size(), expected, f, g, 1e2 * e, is_fitted ? " *" : "");
    s.json["inputs"].push_back(Json{{"input_V", x}, {"rate", f}, {"model", g}, {"fitted", is_fitted}});
    if (!is_fitted && measured.size() < 5) s.missed.push_back(fmt::format("spiking: {} spikes at {:.1f} mV, too few for a rate", measured.size(), 1e3 * x));
    if (!is_fitted) worst = std::max(worst, std::abs(e));
  }
  s.text += fmt::format("worst {:.2f} % at inputs that were not fitted (limit {:.0f} %)\n", 1e2 * worst, 1e2 * limit);
  s.json["worst"] = worst;
  if (!(worst <= limit)) s.missed.push_back(fmt::format("spiking: f-I curve {:.1f} % from the model, limit {:.0f} %", 1e2 * worst, 1e2 * limit));
  return s;
}

}  // namespace mho::validation
