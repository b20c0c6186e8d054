#include "validation/devices_engines.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <memory>
#include <optional>

#include "circuits/device_spice.hpp"
#include "circuits/spice/worker_pool.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "validation/curve_distance.hpp"
#include "validation/device_stimuli.hpp"

namespace mho::validation {
namespace {
using circuits::SpiceRun;
using devices::AnyMemristor;
using devices::State;

constexpr double end_limit = 5e-3;  // [1] of the range of a state

double volts_limit(std::string_view model) {
  return model == "jart_vcm" ? 10e-3 : model == "pku" ? 5e-3 : 2e-3;
}

struct Case {
  std::string card;
  AnyMemristor model;
  DeviceStimulus stimulus;
  State start;
  std::optional<SpiceRun> spice;
  std::string failure;
  devices::TransientResult ode;
  double ode_seconds = 0.0;
  CurveDistance distance;
  double end_error = 0.0;  // [1] of the range, the worse state
};

// A run as bytes: through the pipe from its worker, and in the cache.
std::string pack(const SpiceRun& run) {
  std::vector<double> all{run.state[0],
                          run.state[1],
                          run.energy,
                          run.t_reached,
                          run.cpu_seconds,
                          run.load_seconds,
                          static_cast<double>(run.steps),
                          static_cast<double>(run.trace.size())};
  for (size_t i = 0; i < run.trace.size(); ++i)
    for (double x : {run.trace.t[i], run.trace.drive[i], run.trace.v[i], run.trace.current[i]})
      all.push_back(x);
  return {reinterpret_cast<const char*>(all.data()), all.size() * sizeof(double)};
}

SpiceRun unpack(const std::string& text) {
  std::vector<double> all(text.size() / sizeof(double));
  std::memcpy(all.data(), text.data(), all.size() * sizeof(double));
  SpiceRun run;
  if (all.size() < 8 || all.size() != 8 + 4 * static_cast<size_t>(all[7]))
    throw Error("a run of ngspice in the cache is damaged");
  run.state = devices::state_of(all[0], all[1]);
  run.energy = all[2];
  run.t_reached = all[3];
  run.cpu_seconds = all[4];
  run.load_seconds = all[5];
  run.steps = static_cast<size_t>(all[6]);
  for (size_t i = 8; i < all.size(); i += 4) {
    run.trace.t.push_back(all[i]);
    run.trace.drive.push_back(all[i + 1]);
    run.trace.v.push_back(all[i + 2]);
    run.trace.current.push_back(all[i + 3]);
  }
  return run;
}

circuits::SpiceDeviceOptions spice_options(const AnyMemristor& model) {
  circuits::SpiceDeviceOptions options;
  // A steep edge is judged between points, too; the threshold of VTEAM bends the curve more sharply
  // than points some 50 mV apart can follow.
  options.edge_steps = std::holds_alternative<devices::VteamModel>(model) ? 200 : 40;
  options.reltol = 1e-6;
  // Behind a resistor the tip slides along its field threshold: the distance p above it falls as
  // 1/(k t) on the flat of a SET and, with the same threshold on the other side, grows as long again
  // in the RESET after it, which therefore breaks loose just when its pulse ends. p is then some
  // 1e-4 of a rise that is 1e-3 of the field, and a relative error of 1e-8 in the state is 5 % of
  // that time.
  if (const auto* gap = std::get_if<devices::GapModel>(&model); gap && gap->params.field_min > 0.0) {
    options.reltol = 1e-8;
    options.max_share = 5e-4;
  }
  // A thermal runaway on an edge of 10 ns multiplies the errors of the steps before it.
  if (std::holds_alternative<devices::Sky130Model>(model)) options.reltol = 1e-8;
  // Its state may start at a thousandth of its range, where errors are counted on the scale of the
  // whole range.
  if (std::holds_alternative<devices::YakopcicModel>(model)) options.reltol = 1e-8;
  return options;
}

CacheKey key_of(const Case& c) {
  const circuits::DeviceDeck deck = circuits::device_deck(
      c.model, c.stimulus.load, c.stimulus.drive, c.start, spice_options(c.model));
  CacheKey key("ngspice device 1");
  key.add("deck", deck.netlist)
      .add("options", deck.options)
      .add("dt", deck.dt_max)
      .add("stop", deck.t_stop);
  return key;
}

void run_spice(std::vector<Case>& cases, const EngineSettings& settings, const Cache& cache,
               size_t& from_cache) {
  std::vector<size_t> missing;
  std::vector<CacheKey> keys;
  for (size_t i = 0; i < cases.size(); ++i) {
    keys.push_back(key_of(cases[i]));
    if (const auto text = cache.find("device_runs", keys[i])) {
      cases[i].spice = unpack(*text);
      ++from_cache;
    } else {
      missing.push_back(i);
    }
  }
  if (missing.empty()) return;
  Progress progress("device runs in ngspice", missing.size());
  std::unique_ptr<spice::Session> session;  // lives in the worker that the task runs in
  const auto task = [&](size_t m) {
    if (!session) session = std::make_unique<spice::Session>();
    const Case& c = cases[missing[m]];
    const SpiceRun run = run_device(*session, c.model, c.stimulus.load, c.stimulus.drive, c.start,
                                    spice_options(c.model));
    if (!run) throw NumericalError(run.reason);
    return pack(run);
  };
  spice::run_in_workers(missing.size(), {settings.workers, settings.timeout}, task,
                        [&](size_t m, spice::TaskOutcome outcome) {
                          Case& c = cases[missing[m]];
                          if (outcome.ok) {
                            c.spice = unpack(outcome.result);
                            cache.store("device_runs", keys[missing[m]], outcome.result);
                          } else {
                            c.failure = outcome.error;
                          }
                          progress.advance();
                        });
  progress.finish();
}

double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

void compare(Case& c) {
  const double begin = thread_seconds();
  // Curves are judged between points, too: a step of order 4 may be far longer than a straight line
  // holds.
  c.ode = run_transient(c.model, c.stimulus.load, c.stimulus.drive, c.start, {.max_dlni = 0.02});
  c.ode_seconds = thread_seconds() - begin;
  if (!c.spice) return;
  const CurveLimits limits{.volts = volts_limit(model_name(c.model)),
                           .time = 0.01 * volts_limit(model_name(c.model)) / 2e-3};
  c.distance = distance_to(c.spice->trace, c.ode.trace, c.stimulus.drive, limits);
  const CurveDistance back = distance_to(c.ode.trace, c.spice->trace, c.stimulus.drive, limits);
  if (back.distance > c.distance.distance) c.distance = back;
  const State range = upper(c.model) - lower(c.model), gap = c.spice->state - c.ode.state;
  for (int k = 0; k < state_count(c.model); ++k)
    c.end_error = std::max(c.end_error, std::abs(gap[k] / range[k]));
}

std::string place_of(const CurveDistance& d) {
  return fmt::format("{:+.3f} V {:+.2e} A ({:.2g} %, {})", d.drive, d.current,
                     100.0 * d.current_error,
                     d.flat ? fmt::format("{:.2g} % of the time", 100.0 * d.shift)
                            : fmt::format("{:.2g} mV", 1e3 * d.shift));
}

std::vector<Case> make_cases(const EngineSettings& settings) {
  std::vector<Case> cases;
  for (const std::string& path : devices::card_files(data_path("devices/params"))) {
    const devices::Card card = devices::load_card(path);
    if (!card.name.starts_with(settings.only)) continue;
    const AnyMemristor model = model_of(card);
    for (DeviceStimulus& s : stimuli(card, settings.seed)) {
      const State start = s.from_high ? high_state(model) : low_state(model);
      cases.push_back({.card = card.name,
                       .model = model,
                       .stimulus = std::move(s),
                       .start = start,
                       .spice = {},
                       .failure = {},
                       .ode = {},
                       .distance = {}});
    }
  }
  return cases;
}

void judge(const Case& c, Section& section) {
  const std::string name = fmt::format("{}, {}", c.card, c.stimulus.name);
  if (!c.spice) section.missed.push_back(fmt::format("{}: ngspice: {}", name, c.failure));
  if (!c.ode) section.missed.push_back(fmt::format("{}: ODE: {}", name, c.ode.brief()));
  if (!c.spice || !c.ode) return;
  if (!(c.distance.distance <= 1.0))
    section.missed.push_back(fmt::format("{}: curves apart at {}", name, place_of(c.distance)));
  if (!(c.end_error <= end_limit))
    section.missed.push_back(fmt::format("{}: end states {:.3g} % of the range apart, wants {:g} %",
                                         name, 100.0 * c.end_error, 100.0 * end_limit));
}

}  // namespace

Section validate_engines(const EngineSettings& settings, const Cache& cache) {
  Section section;
  section.name = "engines";
  std::vector<Case> cases = make_cases(settings);
  size_t from_cache = 0;
  run_spice(cases, settings, cache, from_cache);
  parallel_for(cases.size(), settings.workers, [&](size_t i) { compare(cases[i]); });

  section.text = fmt::format(
      "ngspice against the ODE, {} runs ({} from the cache). A point counts as on the other curve "
      "within 1 % in current or 2 mV in drive\n"
      "(JART 10 mV, PKU 5 mV; 1 % of the time per 2 mV where the drive stands). Worst point of "
      "each run, and the end state in % of its range.\n"
      "{:<20} {:<38} {:>8}  {:<46} {:>8} {:>13} {:>15}\n",
      cases.size(), from_cache, "card", "stimulus", "of limit", "worst point", "end [%]", "steps",
      "cpu [ms]");
  Json rows = Json::array();
  const Case *worst = nullptr, *worst_end = nullptr;
  for (const Case& c : cases) {
    judge(c, section);
    if (!c.spice) {
      section.text +=
          fmt::format("{:<20} {:<38} ngspice failed: {}\n", c.card, c.stimulus.name, c.failure);
      continue;
    }
    section.text += fmt::format(
        "{:<20} {:<38} {:>8.2f}  {:<46} {:>8.3f} {:>6}/{:<6} {:>7.1f}/{:<7.2f}\n", c.card,
        c.stimulus.name, c.distance.distance, place_of(c.distance), 100.0 * c.end_error,
        c.spice->steps, c.ode.steps, 1e3 * c.spice->cpu_seconds, 1e3 * c.ode_seconds);
    rows.push_back({{"card", c.card},
                    {"stimulus", c.stimulus.name},
                    {"distance_of_limit", c.distance.distance},
                    {"drive", quantity(c.distance.drive, "V")},
                    {"current", quantity(c.distance.current, "A")},
                    {"current_error", c.distance.current_error},
                    {"end_error_of_range", c.end_error},
                    {"ngspice_cpu", quantity(c.spice->cpu_seconds, "s")},
                    {"ode_cpu", quantity(c.ode_seconds, "s")}});
    if (!worst || c.distance.distance > worst->distance.distance) worst = &c;
    if (!worst_end || c.end_error > worst_end->end_error) worst_end = &c;
  }
  section.json["runs"] = rows;
  if (worst) {
    section.text +=
        fmt::format("worst point: {}, {}: {}, {:.2f} of its limit\n", worst->card,
                    worst->stimulus.name, place_of(worst->distance), worst->distance.distance);
    section.text += fmt::format("worst end state: {}, {}: {:.3f} % of the range, at most {:g} %\n",
                                worst_end->card, worst_end->stimulus.name,
                                100.0 * worst_end->end_error, 100.0 * end_limit);
    section.json["worst_distance_of_limit"] = worst->distance.distance;
    section.json["worst_end_error_of_range"] = worst_end->end_error;
  }
  return section;
}

}  // namespace mho::validation
