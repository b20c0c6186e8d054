// mho device program: cells of a card written to targets by a policy; mho device relax: what becomes of them.
#include <fmt/format.h>

#include <cmath>

#include "cli/commands.hpp"
#include "cli/device.hpp"
#include "core/csv.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "core/statistics.hpp"
#include "core/units.hpp"
#include "devices/array_programming.hpp"
#include "devices/relaxation_data.hpp"
#include "devices/relaxation_fit.hpp"
#include "report/device_figures.hpp"

namespace mho::cli {
namespace {

struct Population {
  std::string policy = "wl_ramp", relaxation;
  std::vector<std::string> targets{"5 uS", "10 uS", "20 uS", "40 uS"};
  double tolerance = 0.0;  // [S] 0: the policy's
  int cells = 100, passes = 1, threads = 0, die = 0;
  std::uint64_t seed = 1;
  double stuck_low = 0.0, stuck_high = 0.0;
};

std::string shipped(const std::string& name, const std::string& prefix) {
  if (name.find('/') != std::string::npos || name.ends_with(".toml")) return name;
  return data_path("devices/params/" + prefix + name + ".toml");
}

void program(const DeviceOptions& options, const Population& p) {
  devices::ProgrammingSetup setup;
  setup.card = load_device(options);
  setup.policy = devices::load_policy(shipped(p.policy, "policy_"));
  if (p.tolerance > 0.0) setup.policy.tolerance = p.tolerance;
  setup.options.passes = p.passes;
  setup.defects.stuck_low = p.stuck_low;
  setup.defects.stuck_high = p.stuck_high;
  const int threads = p.threads > 0 ? p.threads : default_threads();
  if (!options.out.empty()) make_output_folder(options.out);
  const devices::AnyMemristor model = model_of(setup.card);
  // What the card can hold at all: a cell with I0 three sigma off still counts, so the range is given some air.
  const double lowest = devices::conductance(model, setup.policy.v_read, devices::low_state(model)), highest = devices::conductance(model, setup.policy.v_read, devices::high_state(model));
  std::string text = fmt::format("{:>10}{:>9}{:>11}{:>10}{:>11}{:>18}{:>16}{:>14}  {}\n{:>10}{:>9}{:>11}{:>10}{:>11}{:>18}{:>16}{:>14}\n", "target", "written", "pulses", "SET", "reversals", "residual mean/σ",
                                 "energy", "time", "not reached, why", "[uS]", "[%]", "mean", "mean", "mean", "[uS]", "[pJ] a cell", "[us] a cell");
  Json json = Json::array();
  CsvTable table{{"target[S]", "cell[1]", "programmed[S]", "relaxed[S]", "pulses[1]", "set_pulses[1]", "reversals[1]", "energy[J]", "time[s]", "failure[1]"}, {}};
  report::ProgrammedLevels levels;
  for (const std::string& t : p.targets) {
    const double target = read_quantity(t, "--targets", "S", 0.0, 200e-6);
    if (target < 0.5 * lowest - setup.policy.tolerance || target > 2.0 * highest + setup.policy.tolerance)
      throw Error(fmt::format("target {} is outside the window of card {}: {} to {} at {} V", format_quantity(target, "S"), setup.card.name, format_quantity(lowest, "S"), format_quantity(highest, "S"), setup.policy.v_read));
    const std::vector<double> targets(static_cast<size_t>(p.cells), target);
    const auto cells = devices::consecutive_cells(0, 0, targets.size());
    const auto done = devices::program_array(targets, setup, {p.seed, static_cast<std::uint32_t>(p.die), cells}, threads);
    std::vector<double> residuals, energy, time, sets, reversals, pulses;
    for (size_t i = 0; i < targets.size(); ++i) {
      const devices::WriteResult& w = done.first_pass[i];
      if (w.success()) residuals.push_back(w.conductance - target);
      energy.push_back(w.energy);
      time.push_back(w.time);
      sets.push_back(w.set_pulses);
      reversals.push_back(w.reversals);
      pulses.push_back(w.pulses());
      table.add({target, static_cast<double>(i), done.conductance_programmed[i], done.conductance_relaxed[i], static_cast<double>(done.pulses[i]), static_cast<double>(w.set_pulses), static_cast<double>(w.reversals),
                 w.energy, w.time, static_cast<double>(w.failure)});
    }
    const double sigma = residuals.size() > 1 ? standard_deviation(residuals) : 0.0, centre = residuals.empty() ? 0.0 : mean(residuals);
    const double share = static_cast<double>(residuals.size()) / static_cast<double>(p.cells);
    std::string why;
    Json failures = Json::object();
    for (size_t f = 1; f < done.summary.failures.size(); ++f)
      if (done.summary.failures[f] > 0) {
        const std::string name(devices::name_of(static_cast<devices::WriteFailure>(f)));
        why += fmt::format("{}{} {}", why.empty() ? "" : ", ", done.summary.failures[f], name);
        failures[name] = done.summary.failures[f];
      }
    text += fmt::format("{:>10.4g}{:>9.2f}{:>11.2f}{:>10.2f}{:>11.2f}{:>18}{:>16.4g}{:>14.4g}  {}\n", 1e6 * target, 100.0 * share, mean(pulses), mean(sets), mean(reversals),
                        fmt::format("{:.3f}/{:.3f}", 1e6 * centre, 1e6 * sigma), 1e12 * mean(energy), 1e6 * mean(time), why);
    json.push_back({{"target", quantity(target, "S")}, {"cells", p.cells}, {"success_rate", share}, {"mean_pulses", mean(pulses)}, {"mean_set_pulses", mean(sets)}, {"mean_reversals", mean(reversals)},
                    {"residual_mean", quantity(centre, "S")}, {"residual_sigma", quantity(sigma, "S")}, {"energy_per_cell", quantity(mean(energy), "J")}, {"time_per_cell", quantity(mean(time), "s")},
                    {"relaxed_rms", quantity(done.summary.relaxed_rms, "S")}, {"failures", failures}});
    levels.target.push_back(target);
    levels.mean_pulses.push_back(mean(pulses));
    levels.success.push_back(share);
    levels.residual_sigma.push_back(sigma);
  }
  text += fmt::format("policy {}, {} cells a target, ±{}; first pass{}\n", p.policy, p.cells, format_quantity(setup.policy.tolerance, "S"), p.passes > 1 ? fmt::format(" of {}", p.passes) : "");
  if (!options.out.empty()) {
    table.write(options.out + "/program.csv");
    write_text_file(options.out + "/program.svg", report::programming_svg(setup.card.name, levels));
    text += fmt::format("{0}/program.csv, {0}/program.svg\n", options.out);
  }
  deliver(options, "program", json, text);
}

struct Relaxing {
  std::string card = "log_time", fit, out;
  std::vector<std::string> conductances{"2 uS", "12 uS", "30 uS"};
  std::vector<std::string> times{"10 ms", "100 ms", "1 s", "10 s", "100 s", "1000 s", "10000 s", "100000 s"};
  int cells = 10000, threads = 0;
  std::uint64_t seed = 1;
  bool json = false;
};

// Fits the law to measured cells and writes it as a card.
devices::RelaxationParams fit_and_write(const Relaxing& r, int threads) {
  const auto cells = devices::read_measured_relaxation(r.fit);
  const devices::RelaxationFit fit = devices::fit_relaxation(cells, {}, {}, threads);
  if (fit.status != devices::RelaxationFitStatus::converged) throw NumericalError(fmt::format("the fit to {} did not converge", r.fit));
  fmt::print("{} cells, {} reads: ν {:.3f} ± {:.3f}\n", fit.cells, fit.reads, fit.params.nu, fit.error.nu);
  const std::string text = devices::relaxation_toml(fit, "fitted to " + r.fit);
  if (r.out.empty()) {
    fmt::print("{}", text);
  } else {
    write_text_file(r.out + "/relaxation_fit.toml", text);
    fmt::print("{}/relaxation_fit.toml\n", r.out);
  }
  return fit.params;
}

void relax(const Relaxing& r) {
  const int threads = r.threads > 0 ? r.threads : default_threads();
  if (!r.out.empty()) make_output_folder(r.out);
  const devices::RelaxationParams params = r.fit.empty() ? devices::load_relaxation(shipped(r.card, "relaxation_")) : fit_and_write(r, threads);
  std::vector<double> times;
  for (const std::string& t : r.times) {
    times.push_back(read_quantity(t, "--times", "s", 1e-6, 1e10));
    if (times.size() > 1 && !(times.back() > times[times.size() - 2])) throw Error(fmt::format("--times: {} does not come after the time before it", t));
  }
  std::string text = fmt::format("{:>10}{:>12}{:>12}{:>12}{:>12}{:>12}{:>12}{:>14}\n", "G [uS]", "t [s]", "mean [uS]", "σ [uS]", "10 % [uS]", "50 % [uS]", "90 % [uS]", "> 5 uS [%]");
  CsvTable table{{"g_start[S]", "t[s]", "mean[S]", "sigma[S]", "q10[S]", "q50[S]", "q90[S]", "share_beyond_5uS[1]"}, {}};
  Json json = Json::array();
  std::vector<report::QuantileSeries> series;
  for (size_t level = 0; level < r.conductances.size(); ++level) {
    const double g = read_quantity(r.conductances[level], "--g", "S", 0.0, 1.0);
    std::vector<std::vector<double>> values(times.size(), std::vector<double>(static_cast<size_t>(r.cells)));
    parallel_for(static_cast<size_t>(r.cells), threads, [&](size_t i) {
      RandomStream stream(r.seed, 0, static_cast<std::uint32_t>(level), static_cast<std::uint32_t>(i), Purpose::relaxation);
      devices::RelaxationPath path(params, g, stream);
      for (size_t k = 0; k < times.size(); ++k) {
        path.advance(times[k], stream);
        values[k][i] = path.conductance();
      }
    }, 64);
    report::QuantileSeries quantiles;
    for (size_t k = 0; k < times.size(); ++k) {
      const double m = mean(values[k]), sigma = standard_deviation(values[k]), low = quantile(values[k], 0.1), median = quantile(values[k], 0.5), high = quantile(values[k], 0.9);
      double beyond = 0.0;
      for (double x : values[k]) beyond += std::abs(x - g) > 5e-6 ? 1.0 / r.cells : 0.0;
      text += fmt::format("{:>10.4g}{:>12.4g}{:>12.4g}{:>12.4g}{:>12.4g}{:>12.4g}{:>12.4g}{:>14.3f}\n", 1e6 * g, times[k], 1e6 * m, 1e6 * sigma, 1e6 * low, 1e6 * median, 1e6 * high, 100.0 * beyond);
      table.add({g, times[k], m, sigma, low, median, high, beyond});
      json.push_back({{"g_start", quantity(g, "S")}, {"time", quantity(times[k], "s")}, {"mean", quantity(m, "S")}, {"sigma", quantity(sigma, "S")}, {"q10", quantity(low, "S")}, {"q50", quantity(median, "S")},
                      {"q90", quantity(high, "S")}, {"share_beyond_5uS", beyond}});
      quantiles.t.push_back(times[k]);
      quantiles.low.push_back(low);
      quantiles.median.push_back(median);
      quantiles.high.push_back(high);
    }
    series.push_back(quantiles);
  }
  if (!r.out.empty()) {
    table.write(r.out + "/relax.csv");
    write_text_file(r.out + "/relax.svg", report::relaxation_svg("relaxation " + r.card, series));
    write_json_file(r.out + "/relax.json", json);
    text += fmt::format("{0}/relax.csv, {0}/relax.svg\n", r.out);
  }
  fmt::print("{}", r.json ? json.dump(1) + "\n" : text);
}

}  // namespace

void add_device_program(CLI::App& device) {
  struct All { DeviceOptions o; Population p; };
  const auto a = std::make_shared<All>();
  CLI::App* command = device.add_subcommand("program", "cells of a card written to targets by write-verify");
  add_device_options(*command, a->o);
  Population& p = a->p;
  command->add_option("--policy", p.policy, "wl_ramp, wl_ramp_gentle_reset, bl_ramp, ispva, adaptive or a file")->type_name("POLICY")->capture_default_str();
  command->add_option("--targets", p.targets, "conductances, separated by commas")->delimiter(',')->type_name("S")->default_str("5 uS,10 uS,20 uS,40 uS");
  add_quantity(*command, "--tolerance", p.tolerance, "S", 0.0, 1e-3, "half of the window; 0: the policy's");
  command->add_option("--cells", p.cells, "cells of each target")->check(CLI::Range(1, 10000000))->capture_default_str();
  command->add_option("--passes", p.passes, "programming passes")->check(CLI::Range(1, 100))->capture_default_str();
  command->add_option("--die", p.die, "number of the die")->check(CLI::Range(0, 1000000))->capture_default_str();
  command->add_option("--stuck-low", p.stuck_low, "share of cells that stay low")->check(CLI::Range(0.0, 1.0))->capture_default_str();
  command->add_option("--stuck-high", p.stuck_high, "share of cells that stay high")->check(CLI::Range(0.0, 1.0))->capture_default_str();
  command->add_option("--seed", p.seed, "of every random number")->capture_default_str();
  command->add_option("--threads", p.threads, "0: all processors; results do not depend on it")->check(CLI::Range(0, 1024))->capture_default_str();
  command->callback([a] { program(a->o, a->p); });
}

void add_device_relax(CLI::App& device) {
  const auto r = std::make_shared<Relaxing>();
  CLI::App* command = device.add_subcommand("relax", "drift and spread of programmed conductances over time");
  command->add_option("--relaxation", r->card, "log_time or a file")->type_name("CARD")->capture_default_str();
  command->add_option("--fit", r->fit, "fit the law to measured cells first (gzipped table, docs/models/relaxation.md)")->type_name("FILE");
  command->add_option("--g", r->conductances, "conductances as programmed, separated by commas")->delimiter(',')->type_name("S")->default_str("2 uS,12 uS,30 uS");
  command->add_option("--times", r->times, "times after programming, rising, separated by commas")->delimiter(',')->type_name("s")->default_str("10 ms,...,100000 s");
  command->add_option("--cells", r->cells, "cells of each conductance")->check(CLI::Range(2, 100000000))->capture_default_str();
  command->add_option("--seed", r->seed, "of every random number")->capture_default_str();
  command->add_option("--threads", r->threads, "0: all processors; results do not depend on it")->check(CLI::Range(0, 1024))->capture_default_str();
  command->add_option("--out", r->out, "folder for CSV, picture and JSON")->type_name("DIR");
  command->add_flag("--json", r->json, "print JSON instead of a table");
  command->callback([r] { relax(*r); });
}

}  // namespace mho::cli
