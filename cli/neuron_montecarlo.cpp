// mho neuron montecarlo: one conversion on many dies with mismatch: spread, its 95 % intervals, and
// the yield of a specification.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "circuits/energy_table.hpp"
#include "cli/commands.hpp"
#include "cli/neuron_setup.hpp"
#include "core/csv.hpp"
#include "core/errors.hpp"
#include "core/intervals.hpp"
#include "core/statistics.hpp"
#include "core/units.hpp"
#include "report/neuron_figures.hpp"
#include "solver/energy_fit.hpp"
#include "validation/conversion_runs.hpp"

namespace mho::cli {
namespace {

struct MonteCarloOptions {
  SetupOptions setup;
  int dies = 100;
  std::vector<std::string> specs;
};

// A quantity of a run, and how it is shown.
struct Measure {
  const char* key;
  const char* unit;
  const char* shown_unit;
  double scale;
  double (*of)(const circuits::ConversionRecord&);
};
constexpr Measure measures[] = {
    {"code", "1", "1", 1.0,
     [](const circuits::ConversionRecord& r) { return static_cast<double>(r.code); }},
    {"v_integrated", "V", "mV", 1e3,
     [](const circuits::ConversionRecord& r) { return r.v_integrated; }},
    {"energy", "J", "fJ", 1e15,
     [](const circuits::ConversionRecord& r) {
       return solver::energy_of(r, circuits::neurons_per_bias).total();
     }},
    {"duration", "s", "ns", 1e9, [](const circuits::ConversionRecord& r) { return r.duration; }},
};

struct Spec {
  const Measure* measure;
  double low, high;  // in the measure's unit
  std::string text;
  bool holds(const circuits::ConversionRecord& r) const {
    const double v = measure->of(r);
    return v >= low && v <= high;
  }
};

// "code=3..5", "energy=..200 fJ": either end may be missing.
Spec read_spec(const std::string& text) {
  const auto wrong = [&] {
    return Error(fmt::format(
        "--spec \"{}\" is not KEY=low..high with KEY among code, v_integrated, energy, duration",
        text));
  };
  const size_t equals = text.find('='), dots = text.find("..");
  if (equals == std::string::npos || dots == std::string::npos || dots < equals) throw wrong();
  Spec spec{nullptr, -std::numeric_limits<double>::infinity(),
            std::numeric_limits<double>::infinity(), text};
  for (const Measure& m : measures)
    if (text.substr(0, equals) == m.key) spec.measure = &m;
  if (!spec.measure) throw wrong();
  std::string low = text.substr(equals + 1, dots - equals - 1), high = text.substr(dots + 2);
  const auto blank = [](const std::string& part) { return part.find_first_not_of(' ') == std::string::npos; };
  if (blank(low) && blank(high)) throw wrong();
  // "100..200 fJ": the unit belongs to both.
  if (!blank(low) && parse_quantity(low, "1") && !parse_quantity(high, "1"))
    if (const size_t unit = high.find_first_not_of("0123456789+-.eE "); unit != std::string::npos) low += " " + high.substr(unit);
  const auto read = [&](const std::string& part, double& limit) {
    if (blank(part)) return;
    auto value = parse_quantity(part, spec.measure->unit);
    if (!value) value = parse_quantity(part, "1");
    if (!value) throw wrong();
    limit = *value;
  };
  read(low, spec.low);
  read(high, spec.high);
  if (!(spec.low <= spec.high)) throw wrong();
  return spec;
}

struct Dies {
  std::vector<const circuits::ConversionRecord*> records;
  std::vector<double> values(const Measure& m) const {
    std::vector<double> x;
    for (const auto* r : records) x.push_back(m.of(*r));
    return x;
  }
};

struct Yield {
  size_t passed, n;
  Interval interval;
};
Yield yield_of(const Dies& dies, const std::vector<Spec>& specs) {
  const auto passed = std::count_if(dies.records.begin(), dies.records.end(), [&](const auto* r) {
    return std::all_of(specs.begin(), specs.end(), [&](const Spec& s) { return s.holds(*r); });
  });
  const size_t n = dies.records.size();
  return {static_cast<size_t>(passed), n, share_interval(static_cast<size_t>(passed), n)};
}

std::string yield_line(const std::string& name, const Yield& y) {
  return fmt::format("{:<32}{:>6} of {:<6}{:>9.2f} %   95 %: {:.2f} to {:.2f} %\n", name, y.passed,
                     y.n, 1e2 * static_cast<double>(y.passed) / static_cast<double>(y.n),
                     1e2 * y.interval.low, 1e2 * y.interval.high);
}

std::string table(const Dies& dies, const std::vector<Spec>& specs, Json& json) {
  std::string text = fmt::format("{:<20}{:>12}{:>26}{:>12}{:>26}{:>12}{:>12}\n", "", "mean", "95 %",
                                 "sigma", "95 %", "least", "most");
  for (const Measure& m : measures) {
    const std::vector<double> x = dies.values(m);
    const Interval mi = mean_interval(x), si = sigma_interval(x);
    const double average = mean(x), sigma = x.size() > 1 ? standard_deviation(x) : 0.0, k = m.scale;
    const auto [low, high] = std::minmax_element(x.begin(), x.end());
    text += fmt::format("{:<20}{:>12.3f}{:>26}{:>12.4f}{:>26}{:>12.3f}{:>12.3f}\n",
                        m.scale == 1.0 ? m.key : fmt::format("{} [{}]", m.key, m.shown_unit),
                        k * average, fmt::format("{:.3f} to {:.3f}", k * mi.low, k * mi.high),
                        k * sigma, fmt::format("{:.4f} to {:.4f}", k * si.low, k * si.high),
                        k * *low, k * *high);
    json[m.key] = Json{{"mean", average}, {"mean_low", mi.low},  {"mean_high", mi.high},
                       {"sigma", sigma},  {"sigma_low", si.low}, {"sigma_high", si.high},
                       {"unit", m.unit}};
  }
  if (specs.empty()) return text;
  text += "\nyield\n";
  json["yield"] = Json::array();
  const auto add = [&](const std::string& name, const Yield& y) {
    text += yield_line(name, y);
    json["yield"].push_back(Json{{"spec", name},
                                 {"passed", y.passed},
                                 {"dies", y.n},
                                 {"low", y.interval.low},
                                 {"high", y.interval.high}});
  };
  for (const Spec& s : specs) add(s.text, yield_of(dies, {s}));
  if (specs.size() > 1) add("all", yield_of(dies, specs));
  return text;
}

void write_files(const std::string& out, const validation::ConversionRuns& runs, const Dies& dies,
                 const std::vector<Spec>& specs) {
  CsvTable csv{{"die[1]", "code[1]", "v_integrated[V]", "energy[J]", "duration[s]"}, {}};
  for (size_t i = 0; i < runs.records.size(); ++i)
    if (const auto& r = runs.records[i])
      csv.add({static_cast<double>(i), measures[0].of(*r), measures[1].of(*r), measures[2].of(*r),
               measures[3].of(*r)});
  csv.write(out + "/neuron_montecarlo.csv");
  std::vector<report::Histogram> histograms;
  for (const Measure& m : {measures[0], measures[1], measures[2]}) {
    report::Histogram h{m.scale == 1.0 ? m.key : fmt::format("{} [{}]", m.key, m.shown_unit),
                        dies.values(m), NAN, NAN};
    for (double& v : h.values) v *= m.scale;
    for (const Spec& s : specs)
      if (std::string(s.measure->key) == m.key) h.low = m.scale * s.low, h.high = m.scale * s.high;
    histograms.push_back(std::move(h));
  }
  report::write_pictures(out + "/histogram",
                        report::histogram_picture("spread over dies", histograms));
}

void montecarlo(const CommonOptions& common, const MonteCarloOptions& o) {
  std::vector<Spec> specs;
  for (const std::string& text : o.specs) specs.push_back(read_spec(text));
  if (o.setup.die) throw Error("--die: every die is run here; mho neuron simulate takes one");
  NeuronPoint point = neuron_point(o.setup, common);
  if (!common.out.empty()) make_output_folder(common.out);
  std::vector<circuits::ConversionSetup> setups;
  for (int die = 0; die < o.dies; ++die) {
    point.die = die;
    setups.push_back(setup_of(point));
  }
  point.die.reset();
  validation::RunSettings run;
  run.retries = 2;
  run.ngspice = ngspice_of(point);
  run.workers = common.threads.value_or(0);
  run.title = "dies";
  const validation::ConversionRuns runs =
      validation::run_conversions(setups, run, Cache({}, !common.no_cache));
  Dies dies;
  for (const auto& r : runs.records)
    if (r) dies.records.push_back(&*r);
  if (dies.records.empty())
    throw NumericalError(
        fmt::format("all {} dies failed, the first: {}", o.dies, runs.failures.front()));
  Json json = point_json(point);
  json["dies"] = o.dies;
  json["seed"] = point.seed;
  std::string text =
      describe(point) + fmt::format(
                            "{} dies of seed {}: transistors of amplifier, bias and latch, and "
                            "both capacitors drawn; {} from the cache\n\n",
                            o.dies, point.seed, runs.from_cache);
  text += table(dies, specs, json);
  for (const std::string& failure : runs.failures) text += "failed, left out: " + failure + "\n";
  json["failures"] = runs.failures;
  deliver(common, "neuron_montecarlo", json, text);
  if (!common.out.empty()) write_files(common.out, runs, dies, specs);
}

}  // namespace

void add_neuron_montecarlo(CLI::App& neuron) {
  const auto o = std::make_shared<MonteCarloOptions>();
  CLI::App* command =
      add_command(neuron, "montecarlo",
                  "one conversion over dies with mismatch, and the yield of a specification",
                  [o](const CommonOptions& common) { montecarlo(common, *o); });
  make_config_optional(*command);
  add_setup_options(*command, o->setup);
  command
      ->add_option("--dies", o->dies,
                   "dies, numbered from 0; a die does not depend on how many there are")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command
      ->add_option("--spec", o->specs,
                   "code, v_integrated, energy or duration within limits, e.g. \"code=3..5\" or "
                   "\"energy=..400 fJ\"; repeatable")
      ->type_name("KEY=LOW..HIGH")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace mho::cli
