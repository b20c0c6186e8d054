#include "validation/devices_leaks.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "circuits/device_spice.hpp"
#include "circuits/spice/worker_pool.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"
#include "devices/card.hpp"

namespace mho::validation {
namespace {

constexpr int warm_up = 50;
constexpr double limit = 20.0;  // [MiB] over 10,000 runs

double resident_mib() {
  std::ifstream statm("/proc/self/statm");
  double size = 0.0, resident = 0.0;
  statm >> size >> resident;
  return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1 << 20);
}

// One short pulse on a device of its own; end state [m].
double run_one(spice::Session& session, const devices::Card& card,
               const devices::Device<devices::GapModel>& nominal, std::uint32_t number) {
  RandomStream stream(1, 0, 0, number, Purpose::test);
  const devices::GapModel device = nominal.model.vary(nominal.spread, stream);
  const bool set = stream.below(2) == 0;
  devices::Load load;
  load.transistor = card.transistor.vary(stream);
  load.v_wl_set = 0.8 + 0.6 * stream.uniform();
  const double line = set ? 2.4 : -(0.8 + 1.2 * stream.uniform());
  const double start =
      device.params.gap_min + (device.params.gap_max - device.params.gap_min) * stream.uniform();
  // Coarse steps: what is counted here is memory.
  const circuits::SpiceDeviceOptions options{
      .reltol = 1e-3, .max_share = 0.2, .edge_steps = 2, .keep = false};
  const circuits::SpiceRun run =
      run_device(session, device, load, devices::pulse_train({{line, 100e-9, 10e-9}}, 0.0),
                 devices::state_of(start), options);
  if (!run) throw NumericalError(fmt::format("run {}: {}", number, run.reason));
  return run.state[0];
}

}  // namespace

Section validate_leaks(int runs) {
  Section section;
  section.name = "leaks";
  double before = 0.0, after = 0.0, cpu = 0.0;
  size_t distinct = 0;
  // One process, and not this one: what the caller holds in memory is not counted, and its ngspice
  // is free for others.
  const auto task = [runs](size_t) {
    const devices::Card card =
        devices::load_card(data_path("devices/params/stanford_d_analog.toml"));
    const auto& nominal = std::get<devices::Device<devices::GapModel>>(card.device);
    spice::Session session;
    std::set<double> ends;
    double start = 0.0;
    for (int i = 0; i < warm_up + runs; ++i) {
      if (i == warm_up) start = resident_mib();
      const double end = run_one(session, card, nominal, static_cast<std::uint32_t>(i));
      if (ends.size() < 1000) ends.insert(end);
    }
    return fmt::format("{} {} {} {}", start, resident_mib(), ends.size(),
                       static_cast<double>(clock()) / CLOCKS_PER_SEC);
  };
  spice::run_in_workers(1, {.workers = 1, .timeout = 3600.0}, task,
                        [&](size_t, spice::TaskOutcome outcome) {
                          if (!outcome.ok)
                            throw NumericalError("device runs in one process: " + outcome.error);
                          if (std::sscanf(outcome.result.c_str(), "%lf %lf %zu %lf", &before,
                                          &after, &distinct, &cpu) != 4)
                            throw Error("a worker answered " + outcome.result);
                        });
  const double growth = after - before, allowed = limit * std::max(1.0, runs / 10000.0);
  section.text = fmt::format(
      "{} different device runs in ngspice, one process\n"
      "  resident before, after {} runs of warm-up [MiB] {:>8.2f}\n"
      "  resident after [MiB]                            {:>8.2f}\n"
      "  growth [MiB]                                    {:>8.2f}  less than {:g}{}\n"
      "  cpu time per run [ms]                           {:>8.2f}\n",
      runs, warm_up, before, after, growth, allowed, growth < allowed ? "" : "   MISSED",
      1e3 * cpu / (warm_up + runs));
  section.json = {{"runs", runs},
                  {"resident_before", quantity(before, "MiB")},
                  {"resident_after", quantity(after, "MiB")},
                  {"growth", quantity(growth, "MiB")}};
  if (!(growth < allowed))
    section.missed.push_back(fmt::format(
        "{} ngspice device runs grow by {:.1f} MiB, wants less than {:g}", runs, growth, allowed));
  return section;
}

}  // namespace mho::validation
