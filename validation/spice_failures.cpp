#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <optional>

#include "circuits/conversion.hpp"
#include "circuits/spice/sweep.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/random.hpp"
#include "validation/conversion_plan.hpp"
#include "validation/spice_engine.hpp"

namespace mho::validation {
namespace {
namespace fs = std::filesystem;
using spice::Cause;

enum class Sabotage { refused_line, killed, hang, memory, no_solution };
constexpr std::array<const char*, 5> sabotage_names{
    "line that ngspice refuses", "SIGKILL in the middle", "hang", "memory without end",
    "circuit without a solution"};
constexpr std::array<Cause, 5> sabotage_causes{Cause::bad_input, Cause::signal, Cause::timeout,
                                               Cause::memory, Cause::numerical};
constexpr double when = 40e-9;  // [s] of simulated time: word lines are on

struct Case {
  int number = 0;
  circuits::ColumnInput input;
  std::optional<Sabotage> sabotage;
  bool once = false;  // the first attempt only
};

void sabotage(Sabotage kind, spice::TransientRequest& request, spice::Hooks& hooks) {
  const auto at_time = [&hooks](auto action) {
    hooks.accepted = [inner = hooks.accepted, action](double t, std::span<const double> v) {
      if (t > when) action();
      inner(t, v);
    };
  };
  switch (kind) {
    case Sabotage::refused_line:
      request.netlist += "\nqbad sl 0 0 nomodel\n";
      break;
    case Sabotage::killed:
      at_time([] { std::raise(SIGKILL); });
      break;
    case Sabotage::hang:
      at_time([] {
        for (;;) pause();
      });
      break;
    case Sabotage::memory:
      at_time([] {
        std::vector<std::string> kept;
        for (;;) kept.emplace_back(std::size_t{1} << 24, 'x');
      });
      break;
    case Sabotage::no_solution:  // a relay that is open when it should be closed, and the other way
                                 // round
      request.netlist +=
          "\nbbad 0 zbad i=time < 40n ? 0 : (v(zbad) < 0.5 ? 1 : 0)\nrbad zbad 0 1\n";
      break;
  }
}

std::vector<Case> plan(const SpiceEngineSettings& s, const circuits::CircuitParams& circuit) {
  const PlanOptions options{.min_rows = 16, .max_rows = 16, .bits = 1, .max_code = 1};
  std::vector<Case> cases;
  for (int i = 0; i < s.conversions; ++i)
    cases.push_back({i,
                     random_line_column(s.seed, static_cast<std::uint32_t>(i), Purpose::test,
                                        circuit, options, 1),
                     {},
                     false});
  std::vector<size_t> order(cases.size());
  std::iota(order.begin(), order.end(), size_t{0});
  RandomStream random(s.seed, 0, 2, 0, Purpose::test);
  const auto bad = static_cast<size_t>(s.sabotaged * s.conversions);
  for (size_t k = 0; k < bad; ++k) {
    std::swap(order[k], order[k + random.below(static_cast<std::uint32_t>(order.size() - k))]);
    Case& c = cases[order[k]];
    c.sabotage = static_cast<Sabotage>(k % sabotage_names.size());
    c.once = *c.sabotage == Sabotage::killed && (k / sabotage_names.size()) % 2 == 0;
  }
  return cases;
}

// What all runs share.
struct Bench {
  circuits::CircuitParams circuit;
  circuits::ControlProgram program =
      circuits::read_control_program(data_path("netlists/programs/line_pulses.toml"));
  fs::path folder;
  spice::SweepOptions options;

  explicit Bench(const SpiceEngineSettings& s)
      : folder(fs::temp_directory_path() / fmt::format("mho-validate-spice-{}", getpid())) {
    circuit.rows = 16;
    fs::remove_all(folder);
    fs::create_directories(folder);
    options.worker = {
        .workers = s.workers, .timeout = s.timeout, .memory = std::size_t{512} << 20, .retries = 1};
    options.kind = "conversions";
    options.title = "conversions, some sabotaged";
  }
  ~Bench() {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  Cache cache() const { return Cache(folder / "cache"); }
  size_t stored() const {
    size_t n = 0;
    std::error_code error;
    for (auto it = fs::directory_iterator(folder / "cache" / "conversions", error);
         it != fs::directory_iterator(); it.increment(error))
      ++n;
    return n;
  }
  size_t started() const {
    return fs::exists(folder / "started") ? static_cast<size_t>(fs::file_size(folder / "started"))
                                          : 0;
  }

  std::string run_one(const Case& c, int attempt, bool with_sabotage) const {
    if (attempt == 0) std::ofstream(folder / "started", std::ios::app) << 'x' << std::flush;
    spice::Session session;
    session.attempt = attempt;
    if (with_sabotage && c.sabotage && !(c.once && attempt > 0))
      session.intercept = [&](spice::TransientRequest& request, spice::Hooks& hooks) {
        sabotage(*c.sabotage, request, hooks);
      };
    circuits::ConversionRecord record =
        circuits::run_conversion(session, circuit, program, c.input, {.tolerance = 1e-4});
    record.cpu_seconds = 0.0;  // all else is the same in every run
    return Json(record).dump();
  }
  spice::Sweep run(const std::vector<Case>& cases, bool with_sabotage, const Cache& store) const {
    return spice::run_sweep(
        cases,
        [](const Case& c) {
          return CacheKey("spice failures").add("number", std::int64_t{c.number});
        },
        [](const Case& c) { return fmt::format("conversion {}", c.number); },
        [&](const Case& c, int attempt) { return run_one(c, attempt, with_sabotage); }, options,
        store);
  }
};

// Starts the run in a process of its own and kills that when half of the results are there.
void run_half(const Bench& bench, const std::vector<Case>& cases) {
  const pid_t run = fork();
  if (run < 0) throw Error("cannot start a process", ExitStatus::numerical_failure);
  if (run == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    try {
      bench.run(cases, true, bench.cache());
    } catch (...) {
    }
    _exit(0);
  }
  int status = 0;
  while (bench.stored() < cases.size() / 2 && waitpid(run, &status, WNOHANG) == 0) usleep(20000);
  kill(run, SIGKILL);
  waitpid(run, &status, 0);
  usleep(300000);  // its workers end with it
}

struct Count {
  size_t sabotaged = 0, named = 0, rescued = 0, wrong = 0;
};

std::string lines(const std::array<Count, sabotage_names.size()>& counts, Json& json) {
  std::string text = fmt::format("  {:<30}{:>10}{:>10}{:>10}{:>10}\n", "sabotage", "made", "named",
                                 "rescued", "wrong");
  for (size_t k = 0; k < counts.size(); ++k) {
    const Count& c = counts[k];
    text += fmt::format("  {:<30}{:>10}{:>10}{:>10}{:>10}\n", sabotage_names[k], c.sabotaged,
                        c.named, c.rescued, c.wrong);
    json[sabotage_names[k]] = {
        {"made", c.sabotaged}, {"named", c.named}, {"rescued", c.rescued}, {"wrong", c.wrong}};
  }
  return text;
}

}  // namespace

Section validate_spice_failures(const SpiceEngineSettings& s) {
  Section section;
  section.name = "failures";
  const Bench bench(s);
  const std::vector<Case> cases = plan(s, bench.circuit);
  run_half(bench, cases);
  const size_t kept = bench.stored(), before = bench.started();
  const spice::Sweep sweep = bench.run(cases, true, bench.cache());
  const size_t repeated = sweep.summary.from_cache < kept ? kept - sweep.summary.from_cache : 0,
               started = bench.started() - before;

  std::array<Count, sabotage_names.size()> counts{};
  size_t good = 0, lost = 0, second_attempt = 0;
  std::vector<Case> sample;
  for (size_t i = 0; i < cases.size(); ++i) {
    const Case& c = cases[i];
    const spice::SweepResult& r = sweep.results[i];
    if (!c.sabotage) {
      good += r.ok;
      lost += !r.ok;
      second_attempt += r.ok && r.attempt > 0;
      if (r.ok && r.attempt == 0 && sample.size() < 50) sample.push_back(c);
      continue;
    }
    Count& count = counts[static_cast<size_t>(*c.sabotage)];
    ++count.sabotaged;
    if (r.ok && c.once)
      ++count.rescued;
    else if (!r.ok && r.cause == sabotage_causes[static_cast<size_t>(*c.sabotage)] &&
             !r.error.empty())
      ++count.named;
    else
      ++count.wrong;
  }
  const spice::Sweep clean = bench.run(sample, false, Cache({}, false));
  size_t differ = 0;
  for (size_t k = 0; k < sample.size(); ++k)
    differ += clean.results[k].text != sweep.results[static_cast<size_t>(sample[k].number)].text;

  Json kinds = Json::object();
  section.text = fmt::format(
      "{} conversions of 16 rows, {:g} % sabotaged, up to 2 attempts, {:g} s and 512 MiB each\n{}",
      s.conversions, 100 * s.sabotaged, s.timeout, lines(counts, kinds));
  section.text += fmt::format(
      "  others with a result              {:>6}  ({} lost, {} by the second attempt)\n"
      "  of {} of them run without sabotage, not equal bit by bit {:>4}\n"
      "  killed with SIGKILL at half: results kept {}, found again {}, conversions started by the "
      "second run {}\n",
      good, lost, second_attempt, sample.size(), differ, kept, sweep.summary.from_cache, started);
  for (size_t k = 0; k < std::min<size_t>(sweep.summary.failures.size(), 5); ++k)
    section.text += "    " + sweep.summary.failures[k] + "\n";
  section.json = {{"conversions", s.conversions},
                  {"with_result", good},
                  {"lost", lost},
                  {"second_attempt", second_attempt},
                  {"sabotage", kinds},
                  {"compared", sample.size()},
                  {"differ", differ},
                  {"kept_at_kill", kept},
                  {"found_again", sweep.summary.from_cache},
                  {"started_by_second_run", started},
                  {"failures", sweep.summary.failures}};
  size_t wrong = 0;
  for (const Count& c : counts) wrong += c.wrong;
  const auto miss = [&](size_t n, const char* what) {
    if (n > 0) section.missed.push_back(fmt::format("{} {}", n, what));
  };
  miss(lost, "conversions without sabotage have no result");
  miss(wrong, "sabotaged conversions have no failure of the right cause");
  miss(differ, "results differ from a run without sabotage");
  miss(repeated, "finished conversions were not found after the kill");
  miss(kept + started == cases.size() ? 0 : 1,
       "count of conversions after the kill is not that of the missing ones");
  return section;
}

}  // namespace mho::validation
