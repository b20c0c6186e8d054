#include "validation/devices_speed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <vector>

#include "circuits/spice/worker_pool.hpp"
#include "circuits/write_cell_spice.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"

namespace mho::validation {
namespace {
using devices::GapModel;
using devices::State;

constexpr double limit = 2000.0;  // [1] ngspice over ODE, CPU time per pulse

double cpu_now() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double median(std::vector<double> x) {
  const auto middle = x.begin() + static_cast<std::ptrdiff_t>(x.size() / 2);
  std::nth_element(x.begin(), middle, x.end());
  return *middle;
}

// One pulse of a sequence, as the ODE met it.
struct PulseCase {
  GapModel model;
  devices::SelectTransistor transistor;
  devices::Pulse pulse;
  State before;
};

std::vector<PulseCase> sequences(int cells, std::uint64_t seed) {
  const devices::Card card = devices::load_card(data_path("devices/params/stanford_d_analog.toml"));
  const devices::WritePolicy policy =
      devices::load_policy(data_path("devices/params/policy_wl_ramp.toml"));
  const auto& nominal = std::get<devices::Device<GapModel>>(card.device);
  std::vector<PulseCase> cases;
  for (int i = 0; i < cells; ++i) {
    const auto cell = static_cast<std::uint32_t>(i);
    RandomStream device_stream(seed, 0, 0, cell, Purpose::device_to_device),
        cycles(seed, 0, 0, cell, Purpose::cycle_to_cycle);
    const devices::Device<GapModel> device{nominal.model.vary(nominal.spread, device_stream),
                                           nominal.spread};
    const devices::SelectTransistor transistor = card.transistor.vary(device_stream);
    const double target = 1.5e-6 + (40e-6 - 1.5e-6) * (i + 0.5) / cells;
    write_cell(device, policy, target, device.model.start_state(nominal.spread), cycles,
               [&](const devices::Pulse& pulse, const State& before) {
                 cases.push_back({device.model, transistor, pulse, before});
                 return apply_pulse(device.model, transistor, pulse, before);
               });
  }
  return cases;
}

// Whole, load, ODE [s], end difference [1] of the range, one line per pulse.
std::string measure(const std::vector<PulseCase>& cases) {
  spice::Session session;
  const circuits::SpiceDeviceOptions options{.keep = false};
  std::vector<double> whole, load, ode, apart;
  for (const PulseCase& c : cases) {
    const circuits::SpiceRun run =
        pulse_in_spice(session, c.model, c.transistor, c.pulse, c.before, options);
    if (!run) throw NumericalError(run.reason);
    // The clock ticks in a fraction of a pulse only when many are timed together.
    constexpr int repeats = 20;
    State end = c.before;
    const double begin = cpu_now();
    for (int r = 0; r < repeats; ++r)
      end = apply_pulse(c.model, c.transistor, c.pulse, c.before).state;
    ode.push_back((cpu_now() - begin) / repeats);
    whole.push_back(run.cpu_seconds);
    load.push_back(run.load_seconds);
    apart.push_back(std::abs(run.state[0] - end[0]) /
                    (c.model.params.gap_max - c.model.params.gap_min));
  }
  std::vector<double> ratio, ratio_run;
  for (size_t i = 0; i < whole.size(); ++i) {
    ratio.push_back(whole[i] / ode[i]);
    ratio_run.push_back((whole[i] - load[i]) / ode[i]);
  }
  return fmt::format("{} {} {} {} {} {} {}", median(whole), median(load), median(ode),
                     median(ratio), median(ratio_run), median(apart),
                     *std::max_element(apart.begin(), apart.end()));
}

}  // namespace

Section validate_pulse_speed(int cells, std::uint64_t seed) {
  Section section;
  section.name = "pulse speed";
  const std::vector<PulseCase> cases = sequences(cells, seed);
  if (cases.empty()) throw Error("no cell needed a pulse");
  double whole = 0.0, load = 0.0, ode = 0.0, ratio = 0.0, ratio_run = 0.0, apart = 0.0, worst = 0.0;
  // Both sides one after the other in one process, so that whatever else the machine does falls on
  // both.
  spice::run_in_workers(
      1, {.workers = 1, .timeout = 3600.0}, [&](size_t) { return measure(cases); },
      [&](size_t, spice::TaskOutcome outcome) {
        if (!outcome.ok) throw NumericalError("pulses in ngspice: " + outcome.error);
        if (std::sscanf(outcome.result.c_str(), "%lf %lf %lf %lf %lf %lf %lf", &whole, &load, &ode,
                        &ratio, &ratio_run, &apart, &worst) != 7)
          throw Error("a worker answered " + outcome.result);
      });
  section.text = fmt::format(
      "{} programming pulses of {} cells, the same in ngspice and as ODE; CPU time of a pulse, "
      "medians\n"
      "  ngspice, reading the deck included [ms] {:>10.2f}\n"
      "    of that reading the deck [ms]         {:>10.2f}\n"
      "  ODE [us]                                {:>10.2f}\n"
      "  ngspice / ODE                           {:>10.0f}  at least {:.0f}{}\n"
      "    without reading the deck              {:>10.0f}\n"
      "  end state apart [% of the range]        {:>10.4f}  (worst {:.3f})\n",
      cases.size(), cells, 1e3 * whole, 1e3 * load, 1e6 * ode, ratio, limit,
      ratio >= limit ? "" : "   MISSED", ratio_run, 100.0 * apart, 100.0 * worst);
  section.json = {{"pulses", cases.size()},
                  {"ngspice_cpu", quantity(whole, "s")},
                  {"ngspice_load_cpu", quantity(load, "s")},
                  {"ode_cpu", quantity(ode, "s")},
                  {"ratio", ratio},
                  {"ratio_without_load", ratio_run},
                  {"end_difference_of_range", apart},
                  {"worst_end_difference_of_range", worst}};
  if (!(ratio >= limit))
    section.missed.push_back(fmt::format(
        "a pulse as ODE is {:.0f} times faster than in ngspice, wants {:.0f}", ratio, limit));
  return section;
}

}  // namespace mho::validation
