// How long the latch takes over the voltage that it is given, and how small that must be for it to stay undecided at the end of the compare phase. A latch regenerates:
// its outputs part as e^(t/τ), so the time is t₀ + τ ln(1/|Δv|), and half the supply is reached by t for |Δv| > Δ₀ e^(−t/τ): the metastability window.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "circuits/column.hpp"
#include "circuits/spice/worker_pool.hpp"
#include "core/errors.hpp"
#include "core/statistics.hpp"
#include "validation/converter_thresholds.hpp"
#include "validation/modes.hpp"

namespace mho::validation {
namespace {

// By the deck of one latch, in this process.
double decision_time(const circuits::CircuitParams& circuit, const circuits::Transistors& transistors, double temperature, double dv) {
  spice::Session session;
  spice::TransientRequest request;
  request.name = "latch";
  request.netlist = circuits::subcircuit_text(transistors) +
                    fmt::format("vdd vdd 0 {0:.17g}\nvm inm 0 {1:.17g}\nvp inp 0 {2:.17g}\nvk k 0 pwl(0 0 1n 0 1.1n {0:.17g})\nx1 inp inm k q qb vdd latch\n", circuit.v_dd,
                                circuit.v_ref, circuit.v_ref + dv);
  request.watch = {"q", "qb"};
  request.t_stop = 8e-9;
  request.dt_max = 1e-11;
  request.options = fmt::format("reltol=1e-6 abstol=1e-15 vntol=1e-9 chgtol=1e-19 method=trap temp={:.17g}", temperature);
  double crossed = INFINITY;
  spice::Hooks hooks;
  hooks.value = [](size_t, double) { return 0.0; };
  hooks.accepted = [&](double t, std::span<const double> v) {
    if (std::isinf(crossed) && std::abs(v[0] - v[1]) > 0.5 * circuit.v_dd) crossed = (v[0] - v[1] > 0) == (dv > 0) ? t - 1e-9 : -1.0;
  };
  hooks.done = [&] { return !std::isinf(crossed); };
  session.transient(request, hooks);
  return crossed;
}

}  // namespace

std::vector<double> latch_times(const circuits::CircuitParams& circuit, const circuits::Transistors& transistors, double temperature, const std::vector<double>& dv, int workers) {
  std::vector<double> time(dv.size(), NAN);
  spice::run_in_workers(dv.size(), {.workers = workers}, [&](size_t i) { return fmt::format("{:.17g}", decision_time(circuit, transistors, temperature, dv[i])); },
                        [&](size_t i, spice::TaskOutcome outcome) {
                          if (!outcome.ok) throw NumericalError("latch: " + outcome.error);
                          time[i] = std::stod(outcome.result);
                        });
  return time;
}

Section validate_latch(const ModeSettings& settings) {
  const circuits::CircuitParams circuit = mode_circuit();
  std::vector<double> dv;
  for (double v = 0.1; v > 2e-9; v *= 0.1)
    for (double sign : {1.0, -1.0}) dv.push_back(sign * v);
  const std::vector<double> time = latch_times(circuit, {}, 27.0, dv, settings.workers);
  Section s{"latch", {}, {}, {}, {}};
  s.text = "  difference     time until q and qb are half the supply apart [ps]: positive, negative\n";
  std::vector<double> x, t;
  int wrong = 0;
  for (size_t i = 0; i + 1 < dv.size(); i += 2) {
    wrong += (time[i] < 0) + (time[i + 1] < 0);
    s.text += fmt::format("{:9.0e} V{:12.1f}{:12.1f}\n", dv[i], 1e12 * time[i], 1e12 * time[i + 1]);
    if (dv[i] > 2e-3 || !std::isfinite(time[i])) continue;  // regeneration from small differences
    x.push_back(-std::log(dv[i]));
    t.push_back(time[i]);
  }
  const Line line = fit_line(x, t);
  constexpr double given = 1e-9;  // from the clock to the end of the compare phase
  const double window = std::exp((line.intercept - given) / line.slope);
  // The amplifier stands before it: the window at the integrated voltage is smaller by what the open amplifier gains in the compare phase.
  std::vector<circuits::ConversionSetup> presets;
  circuits::ReadPoint point;
  point.max_code = 1;
  for (double v : {1e-3, 4e-3}) presets.push_back(converter_setup(circuit, circuits::named_program("preset_unary"), point, v));
  const auto near = run_modes(presets, settings, "gain of the compare phase");
  const circuits::ControlProgram program = circuits::named_program("preset_unary");
  size_t sign = 0;
  while (sign + 1 < near[0].steps.size() && near[0].steps[sign].step != program.step_index("sign")) ++sign;
  const double before = near[1].v_integrated - near[0].v_integrated, after = near[1].steps[sign].v_decision - near[0].steps[sign].v_decision;
  s.text += fmt::format(
      "regeneration time constant {:.1f} ps; given {:.1f} ns, the latch stays undecided within {:.2g} V of its threshold\n"
      "the open amplifier makes a difference of {:.3f} mV one of {:.1f} mV when the latch is turned on: undecided within about {:.2g} V of integrated voltage\nwrong decisions: {}\n",
      1e12 * line.slope, 1e9 * given, window, 1e3 * before, 1e3 * after, window / std::abs(after / before), wrong);
  s.json = Json{{"tau_s", line.slope}, {"window_V", window}, {"compare_gain", after / before}, {"wrong", wrong}};
  if (wrong > 0) s.missed.push_back(fmt::format("latch: {} wrong decisions", wrong));
  if (!(std::abs(after / before) > 10.0)) s.missed.push_back(fmt::format("latch: the open amplifier gains {:.2g} before it, wants 10", after / before));
  if (near[0].undecided + near[1].undecided > 0) s.missed.push_back("latch: undecided after a difference of a millivolt");
  if (!(window < 1e-4)) s.missed.push_back(fmt::format("latch: undecided within {:.2g} V", window));
  return s;
}

}  // namespace mho::validation
