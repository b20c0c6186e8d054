#include <fmt/format.h>

#include <sys/resource.h>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdlib>

#include "circuits/conversion.hpp"
#include "circuits/spice/sweep.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/statistics.hpp"
#include "validation/conversion_plan.hpp"
#include "validation/spice_engine.hpp"

namespace mho::validation {
namespace {

double median(std::vector<double> x) { return quantile(std::move(x), 0.5); }

double processor_seconds_of_children() {
  rusage use{};
  getrusage(RUSAGE_CHILDREN, &use);
  return static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
}

double load_average() {
  double load = 0.0;
  return getloadavg(&load, 1) == 1 ? load : 0.0;
}

struct Timing {
  double wall = 0.0, cpu = 0.0;  // [s]
};

Timing time_with(int workers, size_t count, const std::function<std::string(size_t)>& task) {
  const double before = processor_seconds_of_children();
  const auto start = std::chrono::steady_clock::now();
  spice::run_in_workers(count, {.workers = workers}, task, [](size_t, spice::TaskOutcome outcome) {
    if (!outcome.ok) throw NumericalError("conversion: " + outcome.error);
  });
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(),
          processor_seconds_of_children() - before};
}

// One way to run the columns, and what came of it.
struct Way {
  std::string name, options;
  double dt_max = 2e-9;  // [s]
  int repeats = 1;
  std::vector<circuits::ConversionRecord> records = {};  // [column]
  std::vector<double> cpu = {};                          // [s] median, by column
};

// The options and step of each repeat are set on the request, so that all ways run the same
// netlist.
void run(Way& way, const circuits::CircuitParams& circuit, const circuits::ControlProgram& program,
         const std::vector<circuits::ColumnInput>& columns) {
  const auto repeats = static_cast<size_t>(way.repeats);
  std::vector<std::vector<double>> cpu(columns.size());
  way.records.resize(columns.size());
  const auto task = [&](size_t i) {
    spice::Session session;
    session.intercept = [&](spice::TransientRequest& request, spice::Hooks&) {
      request.options = way.options;
      request.dt_max = way.dt_max;
    };
    return Json(circuits::run_conversion(session, circuit, program, columns[i / repeats],
                                         {.tolerance = 1e-4}))
        .dump();
  };
  spice::run_in_workers(
      columns.size() * repeats, {.workers = 1, .timeout = 1800.0}, task,
      [&](size_t i, spice::TaskOutcome outcome) {
        if (!outcome.ok)
          throw NumericalError(fmt::format("conversion at {}: {}", way.options, outcome.error));
        circuits::ConversionRecord& record = way.records[i / repeats];
        record = Json::parse(outcome.result).get<circuits::ConversionRecord>();
        cpu[i / repeats].push_back(record.cpu_seconds);
      });
  for (const auto& times : cpu) way.cpu.push_back(median(times));
}

// Against the reference [mV]: integrated voltages, and what is left after each decrement that both
// took.
struct Errors {
  std::vector<double> integrated, residue;
};

Errors errors(const Way& way, const Way& reference) {
  Errors e;
  for (size_t c = 0; c < way.records.size(); ++c) {
    const circuits::ConversionRecord &a = way.records[c], &b = reference.records[c];
    e.integrated.push_back(1e3 * (a.v_integrated - b.v_integrated));
    for (size_t k = 0; k < std::min(a.v_residue.size(), b.v_residue.size()); ++k)
      e.residue.push_back(1e3 * (a.v_residue[k] - b.v_residue[k]));
  }
  return e;
}

double worst(const std::vector<double>& x) {
  double most = 0.0;
  for (double v : x) most = std::max(most, std::abs(v));
  return most;
}

std::vector<circuits::ColumnInput> columns_of(int rows, int count, int max_code, std::uint64_t seed,
                                              const circuits::CircuitParams& circuit) {
  const PlanOptions options{.min_rows = rows, .max_rows = rows, .bits = 2, .max_code = max_code};
  std::vector<circuits::ColumnInput> columns;
  for (int i = 0; i < count; ++i) {
    columns.push_back(
        random_column(seed, static_cast<std::uint32_t>(i), Purpose::test, circuit, options));
    columns.back().point.max_code = max_code;
    columns.back().point.v_decrement = 0.03;
    columns.back().point.pulse_multiplier = 1;
  }
  return columns;
}

}  // namespace

Section validate_spice_workers(const SpiceEngineSettings& s) {
  constexpr double limit = 1.8;
  Section section;
  section.name = "workers";
  const circuits::CircuitParams circuit;
  const auto program =
      circuits::read_control_program(data_path("netlists/programs/line_pulses.toml"));
  const PlanOptions options{.min_rows = 64, .max_rows = 64, .bits = 1, .max_code = 1};
  std::vector<circuits::ColumnInput> columns;
  for (std::uint32_t i = 0; i < 16; ++i)
    columns.push_back(random_line_column(s.seed, i, Purpose::test, circuit, options, 2));
  const auto task = [&](size_t i) {
    spice::Session session;
    return Json(
               circuits::run_conversion(session, circuit, program, columns[i], {.tolerance = 1e-4}))
        .dump();
  };
  // In turns, and the shortest of each: what else the machine does only ever adds time.
  std::array<Timing, 2> best{Timing{1e300, 0.0}, Timing{1e300, 0.0}};
  for (int k = 0; k < s.repeats; ++k)
    for (int workers : {1, 2}) {
      const Timing t = time_with(workers, columns.size(), task);
      Timing& b = best[static_cast<size_t>(workers - 1)];
      if (t.wall < b.wall) b = t;
    }
  // With two processors of their own both workers would end after half of their processor time.
  const double possible = 2.0 * best[0].cpu / best[1].cpu;
  const double faster = best[0].wall / best[1].wall, load = load_average();
  section.text = fmt::format(
      "{} conversions of 64 rows, shortest of {} runs each, in turns\n  {:<12}{:>12}{:>16}{:>18}\n",
      columns.size(), s.repeats, "workers", "time [s]", "processor [s]", "processors used");
  for (size_t w = 0; w < 2; ++w)
    section.text += fmt::format("  {:<12}{:>12.2f}{:>16.2f}{:>18.2f}\n", w + 1, best[w].wall,
                                best[w].cpu, best[w].cpu / best[w].wall);
  section.text += fmt::format(
      "  two workers are faster by {:.2f}  at least {:g}{}\n"
      "  most that their processor times allow {:.2f}\n"
      "  load average of the machine at the end {:.1f}{}\n",
      faster, limit, faster >= limit ? "" : "   MISSED", possible, load,
      load > 2.5 ? ": others are computing" : "");
  section.json = {{"conversions", columns.size()},
                  {"one_worker", quantity(best[0].wall, "s")},
                  {"two_workers", quantity(best[1].wall, "s")},
                  {"one_worker_cpu", quantity(best[0].cpu, "s")},
                  {"two_workers_cpu", quantity(best[1].cpu, "s")},
                  {"faster", faster},
                  {"possible", possible},
                  {"load_average", load}};
  if (!(faster >= limit))
    section.missed.push_back(
        fmt::format("two workers are {:.2f} times faster than one, wants {:g}; load average {:.1f}",
                    faster, limit, load));
  return section;
}

Section validate_spice_speed(const SpiceEngineSettings& s) {
  constexpr double limit = 0.7;
  Section section;
  section.name = "settings";
  const circuits::CircuitParams circuit;
  const auto program =
      circuits::read_control_program(data_path("netlists/programs/held_line_unary.toml"));
  section.text = fmt::format(
      "conversions of 1T1R columns at three settings, processor time (sum over the columns of the "
      "median of {} runs) and error against the reference [mV]\n",
      s.repeats);
  section.text += fmt::format("  {:>6}  {:<12}{:>10}{:>8}{:>9}{:>16}{:>10}{:>14}{:>10}\n", "cells",
                              "settings", "time [s]", "ratio", "points", "integrated rms", "worst",
                              "residues rms", "worst");
  section.json = Json::array();
  for (const auto& [rows, count, max_code] : {std::array{64, 6, 4}, std::array{256, 3, 2}}) {
    const auto columns = columns_of(rows, count, max_code, s.seed, circuit);
    std::array<Way, 3> ways{
        Way{"reference", "reltol=1e-6 abstol=1e-14 vntol=1e-9 chgtol=1e-15 method=trap trtol=7",
            2e-9, 1},
        Way{"recommended",
            "reltol=1e-4 abstol=1e-14 vntol=1e-6 chgtol=1e-16 method=trap trtol=7 bypass=1", 2e-9,
            s.repeats},
        Way{"even charge", spice::transient_options(1e-4), 2e-9, s.repeats}};
    for (Way& way : ways) run(way, circuit, program, columns);
    std::array<double, 3> time{}, size{};
    for (size_t w = 0; w < ways.size(); ++w) {
      size_t points = 0;
      for (const auto& record : ways[w].records) points += record.time_points;
      for (double t : ways[w].cpu) time[w] += t;
      const Errors e = errors(ways[w], ways[0]);
      std::vector<double> all = e.integrated;
      all.insert(all.end(), e.residue.begin(), e.residue.end());
      size[w] = rms(all);
      section.text += fmt::format(
          "  {:>6}  {:<12}{:>10.2f}{:>8}{:>9}{:>16.3f}{:>10.3f}{:>14.3f}{:>10.3f}\n", rows,
          ways[w].name, time[w], w < 2 ? "" : fmt::format("{:.2f}", time[2] / time[1]), points,
          rms(e.integrated), worst(e.integrated), rms(e.residue), worst(e.residue));
      section.json.push_back({{"cells", rows},
                              {"settings", ways[w].name},
                              {"options", ways[w].options},
                              {"cpu", quantity(time[w], "s")},
                              {"time_points", points},
                              {"integrated_rms", quantity(rms(e.integrated), "mV")},
                              {"integrated_worst", quantity(worst(e.integrated), "mV")},
                              {"residue_rms", quantity(rms(e.residue), "mV")},
                              {"residue_worst", quantity(worst(e.residue), "mV")}});
    }
    if (!(time[2] <= limit * time[1]))
      section.missed.push_back(
          fmt::format("{} cells take {:.2f} of the time at recommended settings, wants {:g}", rows,
                      time[2] / time[1], limit));
    if (!(size[2] <= size[1]))
      section.missed.push_back(
          fmt::format("{} cells: error is {:.3f} mV rms, at recommended settings {:.3f} mV", rows,
                      size[2], size[1]));
  }
  section.json = Json{{"runs", section.json}};
  return section;
}

}  // namespace mho::validation
