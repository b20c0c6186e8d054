#include "validation/devices_programming.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <boost/math/distributions/beta.hpp>
#include <chrono>
#include <cmath>
#include <ctime>

#include "core/statistics.hpp"
#include "devices/array_programming.hpp"

namespace mho::validation {
namespace {
using namespace devices;

// An independent program with the same card, policy, limits and spread.
struct Reference {
  double target;  // [µS]
  int succeeded, cells;
  double mean_pulses, residual_mean, residual_sigma;  // [1], [µS]
};
constexpr Reference references[] = {{1.5, 40, 40, 4.0, -0.27, 0.20}, {2.5, 40, 40, 5.6, -0.58, 0.26},
                                    {5, 40, 40, 8.3, -0.25, 0.46},   {10, 40, 40, 12.0, 0.05, 0.54},
                                    {15, 40, 40, 16.9, -0.03, 0.64}, {20, 40, 40, 18.7, 0.02, 0.60},
                                    {30, 39, 40, 40.0, 0.07, 0.61},  {40, 37, 40, 65.0, -0.08, 0.55}};

// Lower end of the two-sided 95 % interval of a probability after k of n.
double lower_end(int k, int n) {
  if (k == 0) return 0.0;
  return boost::math::quantile(boost::math::beta_distribution<>(k, n - k + 1), 0.025);
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

// Largest and rms difference of the end states of random pulses on random devices from a tolerance of 1e-10, as a share of the range.
struct IntegrationError {
  double rms, worst;
};
IntegrationError integration_error(const ProgrammingSetup& setup, std::uint64_t seed) {
  const auto& device = std::get<Device<GapModel>>(setup.card.device);
  std::vector<double> errors;
  double worst = 0.0;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    RandomStream stream(seed, 0, 0, i, Purpose::test);
    const GapModel model = device.model.vary(device.spread, stream);
    const double range = model.state_max() - model.state_min();
    const double start = model.state_min() + stream.uniform() * range;
    Pulse pulse;
    if (stream.uniform() < 0.5) pulse.bias = {Polarity::set, 2.4, 0.7 + 0.8 * stream.uniform()};
    else pulse.bias = {Polarity::reset, 0.6 + 2.0 * stream.uniform(), 3.0};
    const auto end = [&](const PulseOptions& o) { return apply_pulse(model, setup.card.transistor, pulse, start, o).state; };
    const double error = (end(setup.pulses) - end({PulsePair::dormand_prince, 1e-10, 1000000})) / range;
    errors.push_back(error);
    worst = std::max(worst, std::abs(error));
  }
  return {rms(errors), worst};
}

}  // namespace

Section validate_write_verify(std::uint64_t seed, int cells, int threads) {
  Section s;
  s.name = "write_verify";
  s.json["targets"] = Json::array();
  s.text = fmt::format("{:>8}{:>12}{:>12}{:>12}{:>15}{:>20}{:>16}\n{:>8}{:>12}{:>12}{:>12}{:>15}{:>20}{:>16}\n", "target", "success", "reference", "mean", "reference", "residual", "reference",
                       "[µS]", "[%]", "[%] at least", "pulses", "at most", "mean / σ [µS]", "mean / σ [µS]");
  for (const Reference& r : references) {
    ProgrammingSetup setup;
    if (r.target == 1.5) setup.policy.tolerance = 0.5e-6;
    const std::vector<double> targets(static_cast<size_t>(cells), r.target * 1e-6);
    const auto addresses = consecutive_cells(0, 0, targets.size());
    const ArrayProgramming done = program_array(targets, setup, {seed, 0, addresses}, threads);
    std::vector<double> pulses, residuals;
    size_t succeeded = 0;
    for (const WriteResult& w : done.first_pass) {
      pulses.push_back(w.pulses());
      if (!w.success()) continue;
      ++succeeded;
      residuals.push_back(w.conductance * 1e6 - r.target);
    }
    const double share = static_cast<double>(succeeded) / static_cast<double>(cells), least = lower_end(r.succeeded, r.cells);
    const double error = standard_deviation(pulses) / std::sqrt(static_cast<double>(r.cells)), most = r.mean_pulses + 2.0 * error;
    s.text += fmt::format("{:>8g}{:>12.2f}{:>12.1f}{:>12.2f}{:>15}{:>20}{:>16}\n", r.target, 100.0 * share, 100.0 * least, mean(pulses), fmt::format("{:g} + {:.1f}", r.mean_pulses, 2.0 * error),
                          fmt::format("{:.2f} / {:.2f}", mean(residuals), standard_deviation(residuals)), fmt::format("{:.2f} / {:.2f}", r.residual_mean, r.residual_sigma));
    s.json["targets"].push_back({{"target", quantity(r.target * 1e-6, "S")}, {"cells", cells}, {"success", share}, {"mean_pulses", mean(pulses)}, {"reference_mean_pulses", r.mean_pulses},
                                 {"residual_mean", quantity(mean(residuals) * 1e-6, "S")}, {"residual_sigma", quantity(standard_deviation(residuals) * 1e-6, "S")}});
    if (share < least) s.missed.push_back(fmt::format("write-verify at {:g} µS: {:.2f} % succeed, wants at least {:.1f} %", r.target, 100.0 * share, 100.0 * least));
    if (mean(pulses) > most) s.missed.push_back(fmt::format("write-verify at {:g} µS: {:.2f} pulses, wants at most {:.2f}", r.target, mean(pulses), most));
  }
  return s;
}

Section validate_whole_chip(std::uint64_t seed, std::size_t cells, int threads) {
  Section s;
  s.name = "whole_chip";
  ProgrammingSetup setup;
  setup.pulses = whole_chip_pulses;
  constexpr std::size_t per_core = 65536;
  std::vector<double> targets(cells);
  std::vector<CellAddress> addresses(cells);
  RandomStream stream(seed, 0, 0, 0, Purpose::weights);
  for (std::size_t i = 0; i < cells; ++i) {
    targets[i] = 1e-6 + 39e-6 * stream.uniform();
    addresses[i] = {static_cast<std::uint32_t>(i / per_core), static_cast<std::uint32_t>(i % per_core)};
  }
  const auto begin = std::chrono::steady_clock::now();
  const std::clock_t cpu_begin = std::clock();
  Progress progress("whole chip", cells);
  const ArrayProgramming done = program_array(targets, setup, {seed, 0, addresses}, threads, &progress);
  progress.finish();
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double cpu = static_cast<double>(std::clock() - cpu_begin) / CLOCKS_PER_SEC, memory = peak_mib();
  const double pulses = done.summary.mean_pulses * static_cast<double>(done.summary.needed);
  const IntegrationError error = integration_error(setup, seed);
  s.text = fmt::format("{} cells, targets uniform in 1 to 40 µS, ±{:g} µS: {:.2f} % reach their window in {:.2f} pulses\n"
                       "{:.1f} s on {} threads, {:.1f} s of processor time, {:.2f} µs a pulse, {:.0f} MiB\n"
                       "end state of a pulse against a tolerance of 1e-10, 2000 random devices and pulses: rms {:.4f} %, worst {:.3f} % of the range (scatter of one pulse: {:.2f} %)\n",
                       cells, setup.policy.tolerance * 1e6, 100.0 * done.summary.success_rate(), done.summary.mean_pulses, wall, threads, cpu, 1e6 * cpu / pulses, memory, 100.0 * error.rms,
                       100.0 * error.worst, 100.0 * GapSpread{}.cycle_gap / (GapSpread{}.gap_max - GapSpread{}.gap_min));
  for (size_t f = 1; f < done.summary.failures.size(); ++f)
    if (done.summary.failures[f] > 0) s.text += fmt::format("  {:>8} cells: {}\n", done.summary.failures[f], name_of(static_cast<WriteFailure>(f)));
  s.json = {{"cells", cells}, {"success_rate", done.summary.success_rate()}, {"mean_pulses", done.summary.mean_pulses}, {"wall_time", quantity(wall, "s")}, {"processor_time", quantity(cpu, "s")},
            {"threads", threads}, {"peak_memory_MiB", memory}, {"integration_error_rms", error.rms}, {"integration_error_worst", error.worst}, {"summary", to_json(done.summary)}};
  if (done.summary.success_rate() < 0.97) s.missed.push_back(fmt::format("whole chip: {:.2f} % succeed, wants at least 97 %", 100.0 * done.summary.success_rate()));
  // The time limit is for 3.1 million cells; fewer are judged in proportion.
  const double limit = 120.0 * static_cast<double>(cells) / 3.1e6;
  if (wall > limit) s.missed.push_back(fmt::format("whole chip: {:.1f} s, wants at most {:.1f} s", wall, limit));
  if (memory > 4096.0) s.missed.push_back(fmt::format("whole chip: {:.0f} MiB, wants at most 4096", memory));
  return s;
}

}  // namespace mho::validation
