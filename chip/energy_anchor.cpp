#include "chip/energy_anchor.hpp"

#include <fmt/format.h>

#include <Eigen/SVD>
#include <cmath>

#include "core/errors.hpp"

namespace mho::chip {
namespace {

double array_side(const EnergyGroups& e) { return e.word_line + e.input_pulses; }

// Per multiplication by a 256 × 256 matrix of signed weights, which takes two cores of 128 × 256 that work at once.
struct Figures {
  double joule_per_operation, error, operations_per_second, operations_per_joule, latency, joule, energy_delay;
};
Figures figures(const EnergyBenchCase& c, double joule_per_operation, double error, int cores) {
  const double operations = c.estimate.operations(), joule = 2 * operations * joule_per_operation;
  return {joule_per_operation, error, cores * operations / c.estimate.latency, 1 / joule_per_operation, c.estimate.latency, joule, joule * c.estimate.latency};
}
Figures from_transistors(const EnergyBenchCase& c, int cores) { return figures(c, c.grouped().total(), c.error_per_operation(), cores); }
Figures anchored(const EnergyBenchCase& c, const EnergyAnchors& a, int cores) { return figures(c, a.apply(c.grouped()).total(), a.error(c), cores); }

std::string precision(const EnergyBenchCase& c) { return fmt::format("{}/{}{}", c.input_bits, c.output_bits, c.outside_of_fit() ? "*" : ""); }

}  // namespace

EnergyGroups EnergyAnchors::apply(const EnergyGroups& e) const {
  return {array_side * e.word_line, neuron * e.neuron, array_side * e.input_pulses, e.digital};
}

double EnergyAnchors::error(const EnergyBenchCase& c) const {
  const EnergyGroups e = apply(c.grouped());
  const double fitted = c.error_per_operation() * e.total() / c.grouped().total();
  return std::hypot(fitted, array_side_spread * chip::array_side(e), neuron_spread * e.neuron);
}

EnergyAnchors anchor(const std::vector<EnergyBenchCase>& cases) {
  std::vector<const EnergyBenchCase*> points;
  for (const EnergyBenchCase& c : cases)
    if (c.chip) points.push_back(&c);
  if (points.size() != 2) throw Error(fmt::format("energy anchors: {} published points in the cases, wants 2", points.size()));
  Eigen::Matrix2d model;
  std::array<double, 2> of_array{}, of_neuron{};  // logarithms of chip over model
  for (size_t i = 0; i < 2; ++i) {
    const EnergyGroups ours = points[i]->grouped(), &chip = *points[i]->chip;
    if (!(array_side(ours) > 0 && ours.neuron > 0)) throw Error("energy anchors: a stage takes no energy; nothing to multiply");
    of_array[i] = std::log(array_side(chip) / array_side(ours));
    of_neuron[i] = std::log(chip.neuron / ours.neuron);
    model.row(static_cast<Eigen::Index>(i)) << array_side(ours), ours.neuron;
  }
  const Eigen::Vector2d singular = model.jacobiSvd().singularValues();
  return {std::exp(0.5 * (of_array[0] + of_array[1])), std::exp(0.5 * (of_neuron[0] + of_neuron[1])), 0.5 * std::abs(of_array[0] - of_array[1]),
          0.5 * std::abs(of_neuron[0] - of_neuron[1]), singular[0] / singular[1]};
}

const std::vector<PriorChip>& prior_chips() {
  static const std::vector<PriorChip> chips = [] {
    const std::string unverified = "from memory, unverified", macro = "not checked";
    return std::vector<PriorChip>{
        {"Mochida, VLSI 2018", "180 nm", "4 M cells", "binary", "66.5", macro, unverified},
        {"Xue, ISSCC 2019", "55 nm", "1 Mb", "1b/3b/4b", "53.2", macro, unverified},
        {"Liu, ISSCC 2020", "130 nm", "158.8 kb", "1b/3b/-", "78.4", macro, unverified},
        {"Xue, ISSCC 2020", "22 nm", "2 Mb", "1b/2b/6b to 4b/4b/11b", "121 to 28.9", macro, unverified},
        {"Xue, Hung 2021", "22 nm", "4 to 8 Mb", "1b to 8b/8b/14b", "196 to 11.9", macro, unverified},
        {"Yoon, ISSCC 2021", "40 nm", "64 kb", "1b/1b", "56.7", macro, unverified},
        {"Wan, ISSCC 2020", "130 nm", "64 k cells", "1b", "148", "one core", "its abstract: 74 TMACS/W, a MAC as two operations"},
        {"Wan, Nature 2022", "130 nm", "48 x 64 k cells", "1b/-/3b", "43.1", "input and output stages of cores, without data movement", "digitised figure"},
        {"Wan, Nature 2022", "130 nm", "48 x 64 k cells", "4b/-/6b", "16.0", "the same", "digitised figure"}};
  }();
  return chips;
}

Json to_json(const std::vector<EnergyBenchCase>& cases, const EnergyAnchors& anchors, int cores) {
  const auto groups = [](const EnergyGroups& e) {
    return Json{{"total", quantity(e.total(), "J")}, {"word_line", quantity(e.word_line, "J")}, {"neuron", quantity(e.neuron, "J")}, {"input_pulses", quantity(e.input_pulses, "J")},
                {"digital_add", quantity(e.digital, "J")}};
  };
  const auto column = [&](const EnergyBenchCase& c, const EnergyGroups& e, const Figures& f) {
    Json j{{"energy_per_operation", groups(e)},
           {"error", quantity(f.error, "J")},
           {"throughput", quantity(f.operations_per_second, "1/s")},
           {"operations_per_joule", quantity(f.operations_per_joule, "1/J")},
           {"latency", quantity(f.latency, "s")},
           {"energy_256x256", quantity(f.joule, "J")},
           {"energy_delay_256x256", quantity(f.energy_delay, "J s")}};
    if (c.chip) j["of_published"] = quantity(e.total() / c.chip->total(), "1");
    return j;
  };
  Json list = Json::array(), chips = Json::array();
  for (const EnergyBenchCase& c : cases) {
    Json phases = Json::array();
    for (const EnergyPhase& p : c.phases)
      phases.push_back({{"input_bits", p.input_bits}, {"output_bits", p.output_bits}, {"operating_point", to_json(p.point)}, {"analogue_error", quantity(p.error_lsb, "LSB")},
                        {"outside_of_fit", p.outside_of_fit}, {"per_multiplication", to_json(p.estimate)}});
    Json item{{"input_bits", c.input_bits}, {"output_bits", c.output_bits}, {"outside_of_fit", c.outside_of_fit()},
              {"from_transistors", column(c, c.grouped(), from_transistors(c, cores))}, {"anchored", column(c, anchors.apply(c.grouped()), anchored(c, anchors, cores))}, {"phases", phases}};
    if (c.chip) item["published_energy_per_operation"] = groups(*c.chip);
    list.push_back(item);
  }
  for (const PriorChip& p : prior_chips())
    chips.push_back({{"name", p.name}, {"node", p.node}, {"size", p.size}, {"precision", p.precision}, {"tops_per_watt", p.efficiency}, {"boundary", p.boundary}, {"trust", p.trust}});
  return {{"cores", cores},
          {"cases", list},
          {"anchors", {{"array_side", quantity(anchors.array_side, anchors.array_side * anchors.array_side_spread, "1")},
                       {"neuron", quantity(anchors.neuron, anchors.neuron * anchors.neuron_spread, "1")},
                       {"condition_of_totals", quantity(anchors.condition, "1")}}},
          {"prior_chips", chips}};
}

std::string energy_bench_csv(const std::vector<EnergyBenchCase>& cases, const EnergyAnchors& anchors, int cores) {
  std::string text = "input_bits,output_bits,phases,outside_of_fit,array[J/op],word_line[J/op],amplifier[J/op],switches[J/op],comparator[J/op],bias[J/op],digital_add[J/op]";
  for (const char* column : {"transistors", "anchored"})
    text += fmt::format(",{0}[J/op],{0}_error[J/op],{0}_word_line[J/op],{0}_neuron[J/op],{0}_input_pulses[J/op],{0}_throughput[op/s],{0}_efficiency[op/J],{0}_256x256[J],{0}_energy_delay[J s],"
                        "{0}_of_published[1]", column);
  text += ",latency[s],published[J/op],published_word_line[J/op],published_neuron[J/op],published_input_pulses[J/op]\n";
  for (const EnergyBenchCase& c : cases) {
    text += fmt::format("{},{},{},{}", c.input_bits, c.output_bits, c.phases.size(), c.outside_of_fit() ? 1 : 0);
    for (const double joule : c.estimate.energy.joule) text += fmt::format(",{}", joule / c.estimate.operations());
    text += fmt::format(",{}", c.grouped().digital);
    for (const bool of_anchors : {false, true}) {
      const EnergyGroups e = of_anchors ? anchors.apply(c.grouped()) : c.grouped();
      const Figures f = of_anchors ? anchored(c, anchors, cores) : from_transistors(c, cores);
      text += fmt::format(",{},{},{},{},{},{},{},{},{},{}", f.joule_per_operation, f.error, e.word_line, e.neuron, e.input_pulses, f.operations_per_second, f.operations_per_joule, f.joule,
                          f.energy_delay, c.chip ? fmt::format("{}", e.total() / c.chip->total()) : "");
    }
    text += fmt::format(",{}", c.estimate.latency);
    text += c.chip ? fmt::format(",{},{},{},{}\n", c.chip->total(), c.chip->word_line, c.chip->neuron, c.chip->input_pulses) : std::string(",,,,\n");
  }
  return text;
}

std::string energy_bench_table(const std::vector<EnergyBenchCase>& cases, const EnergyAnchors& anchors, int cores) {
  std::string text = fmt::format("from transistors alone, fJ per operation\n{:<8}{:>7}", "in/out", "phases");
  for (const std::string_view name : solver::component_names) text += fmt::format("{:>11}", name);
  text += fmt::format("{:>9}{:>9}{:>7}{:>10}{:>11}{:>12}\n", "digital", "total", "±", "published", "of it", "error [LSB]");
  for (const EnergyBenchCase& c : cases) {
    text += fmt::format("{:<8}{:>7}", precision(c), c.phases.size());
    for (const double joule : c.estimate.energy.joule) text += fmt::format("{:>11.1f}", 1e15 * joule / c.estimate.operations());
    double worst = 0;
    for (const EnergyPhase& p : c.phases) worst = std::max(worst, p.error_lsb);
    const double total = c.grouped().total();
    text += fmt::format("{:>9.1f}{:>9.1f}{:>7.1f}{:>10}{:>11}{:>12.2f}\n", 1e15 * c.grouped().digital, 1e15 * total, 1e15 * c.error_per_operation(),
                        c.chip ? fmt::format("{:.1f}", 1e15 * c.chip->total()) : "", c.chip ? fmt::format("{:.2f}", total / c.chip->total()) : "", worst);
  }
  const auto summary = [&](const std::string& title, bool of_anchors) {
    text += fmt::format("\n{}\n{:<8}{:>7}{:>9}{:>7}{:>11}{:>9}{:>14}{:>9}{:>8}{:>9}{:>12}{:>12}{:>14}{:>9}\n", title, "in/out", "phases", "fJ/op", "±", "word line", "neuron", "input pulses",
                        "digital", "TOPS", "TOPS/W", "latency us", "nJ/256x256", "EDP [J s]", "of publ.");
    for (const EnergyBenchCase& c : cases) {
      const EnergyGroups e = of_anchors ? anchors.apply(c.grouped()) : c.grouped();
      const Figures f = of_anchors ? anchored(c, anchors, cores) : from_transistors(c, cores);
      text += fmt::format("{:<8}{:>7}{:>9.1f}{:>7.1f}{:>11.1f}{:>9.1f}{:>14.1f}{:>9.1f}{:>8.2f}{:>9.1f}{:>12.2f}{:>12.2f}{:>14.2e}{:>9}\n", precision(c), c.phases.size(),
                          1e15 * f.joule_per_operation, 1e15 * f.error, 1e15 * e.word_line, 1e15 * e.neuron, 1e15 * e.input_pulses, 1e15 * e.digital, 1e-12 * f.operations_per_second,
                          1e-12 * f.operations_per_joule, 1e6 * f.latency, 1e9 * f.joule, f.energy_delay, c.chip ? fmt::format("{:.2f}", e.total() / c.chip->total()) : "");
      if (c.chip)
        text += fmt::format("{:<15}{:>9.1f}{:>7}{:>11.1f}{:>9.1f}{:>14.1f}\n", "  published", 1e15 * c.chip->total(), "", 1e15 * c.chip->word_line, 1e15 * c.chip->neuron,
                            1e15 * c.chip->input_pulses);
    }
  };
  summary(fmt::format("from transistors alone, in the groups of the published split; TOPS of {} cores", cores), false);
  summary(fmt::format("anchored to the two published points: word lines and input pulses × {:.3f} ± {:.3f}, neurons × {:.3f} ± {:.3f}; other precisions are predictions", anchors.array_side,
                      anchors.array_side * anchors.array_side_spread, anchors.neuron, anchors.neuron * anchors.neuron_spread),
          true);
  return text + "* outside of what the calibration saw: more than three magnitude bits, or an operating point or LSB beyond its range\n";
}

std::string prior_chips_table() {
  std::string text = fmt::format("prior chips; what their figures count has not been checked where it says so, and no claim rests on them\n{:<22}{:<9}{:<17}{:<24}{:<14}{:<58}{}\n", "", "node", "size",
                                 "in/weight/out", "TOPS/W", "boundary", "source");
  for (const PriorChip& p : prior_chips())
    text += fmt::format("{:<22}{:<9}{:<17}{:<24}{:<14}{:<58}{}\n", p.name, p.node, p.size, p.precision, p.efficiency, p.boundary, p.trust);
  return text;
}

std::string prior_chips_csv() {
  std::string text = "chip,node,size,precision,efficiency[TOPS/W],boundary,source\n";
  for (const PriorChip& p : prior_chips()) text += fmt::format("\"{}\",{},{},{},{},\"{}\",\"{}\"\n", p.name, p.node, p.size, p.precision, p.efficiency, p.boundary, p.trust);
  return text;
}

}  // namespace mho::chip
