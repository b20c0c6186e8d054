#include "cli/job/ablation.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/errors.hpp"
#include "core/progress.hpp"

namespace mho::job {
namespace {

using Classes = std::vector<std::vector<int>>;  // [die][image]

double accuracy(const Classes& classes, const std::vector<std::uint8_t>& labels) {
  double right = 0;
  for (const auto& of_die : classes)
    for (size_t i = 0; i < labels.size(); ++i) right += of_die[i] == labels[i] ? 1 : 0;
  return right / static_cast<double>(classes.size() * labels.size());
}

}  // namespace

PairedDifference paired_difference(const Classes& with, const Classes& without, const std::vector<std::uint8_t>& labels) {
  if (with.empty() || with.size() != without.size() || labels.empty()) throw Error("ablation: wants as many dies with as without, and images");
  double sum = 0, square = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    double d = 0;
    for (size_t die = 0; die < with.size(); ++die) d += (with[die].at(i) == labels[i] ? 1 : 0) - (without[die].at(i) == labels[i] ? 1 : 0);
    d /= static_cast<double>(with.size());
    sum += d;
    square += d * d;
  }
  const double n = static_cast<double>(labels.size()), more = n + 2;
  const double centre = sum / more, deviation = std::sqrt(square + 1 - sum * sum / more) / more;
  return {sum / n, centre - 1.96 * deviation, centre + 1.96 * deviation};
}

std::vector<chip::EffectSwitch> switches_of(const JobConfig& config) {
  std::vector<chip::EffectSwitch> switches;
  for (const chip::EffectSwitch& s : chip::effect_switches)
    if (config.core == CoreKind::calibrated || s.key == "bad_rows" || s.key == "programming" || s.key == "relaxation" || s.key == "adc") switches.push_back(s);
  return switches;
}

Ablation ablate(const JobConfig& config, const JobOptions& options, const std::optional<validation::Calibration>& calibration) {
  const auto switches = switches_of(config);
  std::optional<validation::Calibration> fitted = calibration;
  Ablation result;
  std::vector<std::uint8_t> labels;
  Progress progress("ablation", 3 + 2 * switches.size(), options.progress);
  const auto run = [&](const chip::Effects& effects, const std::string& what) {
    throw_if_interrupted();
    JobConfig variant = config;
    variant.effects = effects;
    Job job(variant, {.cache = options.cache, .progress = false});
    if (config.core == CoreKind::calibrated) {
      if (!fitted) fitted = job.calibration();
      job.use(*fitted);
    }
    Classes classes;
    for (int d = 0; d < config.dies; ++d) classes.push_back(job.inference(static_cast<std::uint32_t>(d)).classes);
    if (labels.empty()) {
      labels = job.test_images().labels;
      result.software = job.software_accuracy();
      result.images = labels.size();
      result.dies = classes.size();
    }
    progress.advance(1, what);
    return classes;
  };
  const chip::Effects none = chip::with_all_switches(config.effects, false), all = chip::with_all_switches(config.effects, true);
  const Classes of_none = run(none, "none"), of_all = run(all, "all");
  result.none = accuracy(of_none, labels);
  result.all = accuracy(of_all, labels);
  result.as_configured = accuracy(run(config.effects, "as configured"), labels);
  result.cost_of_all = paired_difference(of_all, of_none, labels);
  for (const chip::EffectSwitch& s : switches) {
    chip::Effects alone = none, rest = all;
    alone.*s.member = true;
    rest.*s.member = false;
    const Classes of_alone = run(alone, fmt::format("{} alone", s.name)), of_rest = run(rest, fmt::format("{} left out", s.name));
    result.rows.push_back({std::string(s.key), std::string(s.name), accuracy(of_alone, labels), accuracy(of_rest, labels), paired_difference(of_alone, of_none, labels),
                           paired_difference(of_rest, of_all, labels)});
  }
  progress.finish();
  return result;
}

std::string ablation_table(const Ablation& a) {
  const auto points = [](const PairedDifference& d) { return fmt::format("{:+.2f} [{:+.2f}, {:+.2f}]", 100 * d.mean, 100 * d.low, 100 * d.high); };
  std::string text = fmt::format("accuracy on {} images, {} die{}: software {:.2f} %, no effect {:.2f} %, all effects {:.2f} %, as configured {:.2f} %\n", a.images, a.dies,
                                 a.dies == 1 ? "" : "s", 100 * a.software, 100 * a.none, 100 * a.all, 100 * a.as_configured);
  text += fmt::format("percentage points with 95 % interval, paired over images; all less none: {}\n{:<20}{:>12}{:>26}{:>14}{:>26}\n", points(a.cost_of_all), "", "alone [%]", "less none",
                      "left out [%]", "less all");
  for (const AblationRow& r : a.rows)
    text += fmt::format("{:<20}{:>12.2f}{:>26}{:>14.2f}{:>26}\n", r.name, 100 * r.alone, points(r.alone_cost), 100 * r.left_out, points(r.left_out_gain));
  return text;
}

std::string ablation_csv(const Ablation& a) {
  std::string text = "effect,alone[1],alone_less_none[1],alone_low[1],alone_high[1],left_out[1],left_out_less_all[1],left_out_low[1],left_out_high[1],images[1],dies[1]\n";
  for (const AblationRow& r : a.rows)
    text += fmt::format("{},{},{},{},{},{},{},{},{},{},{}\n", r.key, r.alone, r.alone_cost.mean, r.alone_cost.low, r.alone_cost.high, r.left_out, r.left_out_gain.mean, r.left_out_gain.low,
                        r.left_out_gain.high, a.images, a.dies);
  return text;
}

Json ablation_json(const Ablation& a) {
  const auto difference = [](const PairedDifference& d) { return Json{{"mean", quantity(d.mean, "1")}, {"low", quantity(d.low, "1")}, {"high", quantity(d.high, "1")}}; };
  Json rows = Json::array();
  for (const AblationRow& r : a.rows)
    rows.push_back({{"effect", r.key}, {"alone", quantity(r.alone, "1")}, {"alone_less_none", difference(r.alone_cost)}, {"left_out", quantity(r.left_out, "1")},
                    {"left_out_less_all", difference(r.left_out_gain)}});
  return {{"images", quantity(static_cast<double>(a.images), "1")}, {"dies", quantity(static_cast<double>(a.dies), "1")}, {"software", quantity(a.software, "1")},
          {"none", quantity(a.none, "1")}, {"all", quantity(a.all, "1")}, {"as_configured", quantity(a.as_configured, "1")}, {"all_less_none", difference(a.cost_of_all)}, {"rows", rows}};
}

}  // namespace mho::job
