// Results of image recovery as text, JSON, CSV and page.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "cli/job/rbm_job.hpp"
#include "cli/job/results.hpp"
#include "cli/job/tables.hpp"
#include "core/statistics.hpp"
#include "report/figures.hpp"
#include "report/html.hpp"
#include "report/image_figure.hpp"

namespace mho::job {
namespace {

constexpr std::array<const char*, 2> corruption_titles{"20 % of the pixels flipped", "bottom third grey"};
constexpr std::array<const char*, 2> direction_names{"visible to hidden", "hidden to visible"};

double standard_error(const chip::Recovery& r) {
  return r.error_of_image.size() > 1 ? standard_deviation(r.error_of_image) / std::sqrt(static_cast<double>(r.error_of_image.size())) : 0.0;
}

// Machines in the order of every table: name, error, its ± and what that is.
struct Line {
  std::string name;
  double error, uncertainty;
};
std::vector<Line> lines(const RecoveryResults& r, int weight_bits) {
  return {{"software", r.software.error(), standard_error(r.software)},
          {fmt::format("software, {}-bit weights", weight_bits), r.few_bits.error(), standard_error(r.few_bits)},
          {"software, hidden neuron of the chip", r.software_neuron.error(), standard_error(r.software_neuron)},
          {fmt::format("chip, {} die{}", r.dies.size(), r.dies.size() == 1 ? "" : "s"), r.mean(), r.deviation()}};
}

std::vector<std::vector<float>> columns_of(const Eigen::MatrixXf& images, int count) {
  std::vector<std::vector<float>> result;
  for (Eigen::Index n = 0; n < std::min<Eigen::Index>(count, images.cols()); ++n) result.emplace_back(images.col(n).begin(), images.col(n).end());
  return result;
}

std::string picture(const RecoveryResults& r, int count) {
  return report::images_svg({{"original", columns_of(r.images.original, count)},
                             {"corrupted", columns_of(r.images.corrupted, count)},
                             {"chip, die 0", columns_of(r.dies[0].recovered, count)},
                             {"software", columns_of(r.software.recovered, count)}},
                            r.images.height, r.images.width);
}

Json recovery_json(const RecoveryResults& r) {
  const auto errors = [](const chip::Recovery& recovery) -> Json { return {{"error", quantity(recovery.error(), standard_error(recovery), "1")}, {"by_cycle", {{"values", recovery.error_of_cycle}, {"unit", "1"}}}}; };
  Json dies = Json::array();
  for (const chip::Recovery& die : r.dies) dies.push_back(errors(die));
  return {{"images", quantity(static_cast<double>(r.images.original.cols()), "1")},
          {"initial_error", quantity(r.images.error, "1")},
          {"software", errors(r.software)},
          {"software_few_bits", errors(r.few_bits)},
          {"software_chip_neuron", errors(r.software_neuron)},
          {"chip", {{"error", quantity(r.mean(), r.deviation(), "1")}, {"dies", dies}}},
          {"reduction",
           {{"software", quantity(r.reduction(r.software.error()), "1")},
            {"software_few_bits", quantity(r.reduction(r.few_bits.error()), "1")},
            {"software_chip_neuron", quantity(r.reduction(r.software_neuron.error()), "1")},
            {"chip", quantity(r.reduction(r.mean()), "1")}}}};
}

}  // namespace

std::string rbm_table(const RbmResults& results, const Job& job) {
  const RbmSettings& settings = *job.config().rbm;
  std::string text = chip::rbm_block_table(results.dies[0].mapping, job.config().chip) + "\n";
  text += fmt::format("{:<20}{:>11}{:>9}{:>11}{:>16}{:>10}{:>13}{:>18}{:>22}{:>12}{:>8}{:>8}\n", "direction", "read [mV]", "samples", "trim [mV]", "decrement [mV]", "LSB [mV]", "beyond [%]", "mV per log-odds", "error [log-odds rms]", "corrected", "slope", "offset");
  for (size_t k = 0; k < results.points.size(); ++k) {
    const chip::PointChoice& c = results.points[k];
    std::vector<double> errors, corrected;
    for (const auto& e : results.sum_error) errors.push_back(e[k]);
    for (const auto& e : results.corrected_error) corrected.push_back(e[k]);
    text += fmt::format("{:<20}{:>11.1f}{:>9}{:>11.2f}{:>16.2f}{:>10.2f}{:>13.3f}{:>18.2f}{:>22.3f}{:>12.3f}{:>8.3f}{:>8.2f}\n", direction_names[k], 1e3 * c.point.v_read, c.point.pulse_multiplier, 1e3 * c.point.v_trim,
                        1e3 * c.point.v_decrement, 1e3 * c.lsb, 100 * c.beyond_range, 1e3 * results.volts_per_log_odds[k], mean(errors), mean(corrected), results.corrections[0][k].slope.mean(),
                        std::sqrt(results.corrections[0][k].offset.squaredNorm() / static_cast<float>(results.corrections[0][k].offset.size())));
  }
  text += fmt::format("chosen on {} training images; sums {}corrected; grey {:.4f}; label {}; visible units {}; hidden neuron {} ({:.3f} from the logistic function)\n\n", job.config().training_images, settings.correct_sums ? "" : "not ", results.grey,
                      settings.known_label ? "known" : "not known", settings.sample_visible ? "drawn" : "take their probability", settings.stochastic ? "stochastic" : "logistic",
                      results.sampler.distance_from_logistic());
  for (size_t k = 0; k < results.recovery.size(); ++k) {
    const RecoveryResults& r = results.recovery[k];
    text += fmt::format("{}, {} test images, {} cycles: error {:.3f} before\n", corruption_titles[k], r.images.original.cols(), settings.cycles, r.images.error);
    for (const Line& line : lines(r, settings.weight_bits)) text += fmt::format("  {:<40}{:>8.3f} ± {:.3f}{:>+9.1f} %\n", line.name, line.error, line.uncertainty, -100 * r.reduction(line.error));
    std::string dies;
    for (const double e : r.errors_of_dies()) dies += fmt::format(" {:.3f}", e);
    text += fmt::format("  dies:{}; ± is the standard error over images, of the chip the deviation over dies\n", dies);
  }
  if (results.estimate) {
    const chip::LayerEstimate& e = results.estimate->total;
    text += fmt::format("\nenergy per image [nJ]        {:.1f} ± {:.1f}\n", 1e9 * e.energy.total(), 1e9 * e.total_error);
    for (const chip::LayerEstimate& l : results.estimate->layers) text += fmt::format("  {:<27}{:.1f} ± {:.1f}, {:.1f} us\n", l.name, 1e9 * l.energy.total(), 1e9 * l.total_error, 1e6 * l.latency);
    text += fmt::format("latency per image [us]       {:.1f}\nenergy per operation [fJ]    {:.1f}\n", 1e6 * e.latency, 1e15 * e.joule_per_operation());
  }
  return text + "\n" + times_table(job);
}

Json rbm_json(const RbmResults& results, Job& job, const std::string& command) {
  Json out = Json::object();
  if (job.config().core == CoreKind::calibrated) out["calibration"] = calibration_json(job.calibration());
  const chip::RbmMapping& map = results.dies[0].mapping;
  out["mapping"] = with_units({{"blocks", map.cells.blocks.size()}, {"cores_used", map.cells.cores_used()}, {"cells_used", map.cells.cells_used()}, {"w_max", map.w_max}, {"saturated", map.saturated(results.rbm)}});
  Json dies = Json::array(), points = Json::array(), sums = Json::array();
  for (const chip::RbmDie& die : results.dies) dies.push_back(chip::to_json(die.cells));
  out["programming"] = {{"dies", with_units(dies)}};
  for (size_t k = 0; k < results.points.size(); ++k) {
    Json item{{"direction", direction_names[k]}};
    item.update(chip::to_json(results.points[k]));
    item["voltage_per_log_odds"] = quantity(results.volts_per_log_odds[k], "V");
    points.push_back(item);
  }
  out["operating_points"] = with_units(points);
  for (size_t d = 0; d < results.dies.size(); ++d) {
    Json item = Json::object();
    for (size_t k = 0; k < 2; ++k)
      item[direction_names[k]] = {{"error", results.sum_error[d][k]},
                                  {"corrected", results.corrected_error[d][k]},
                                  {"mean_slope", results.corrections[d][k].slope.mean()},
                                  {"rms_offset", std::sqrt(results.corrections[d][k].offset.squaredNorm() / static_cast<float>(results.corrections[d][k].offset.size()))}};
    sums.push_back(item);
  }
  out["rms_error_of_sums"] = with_units(sums);
  out["grey"] = quantity(results.grey, "1");
  out["hidden_neuron_from_logistic"] = quantity(results.sampler.distance_from_logistic(), "1");
  for (size_t k = 0; k < results.recovery.size(); ++k) out["recovery"][std::string(chip::corruption_names[k])] = recovery_json(results.recovery[k]);
  if (results.estimate) {
    out["energy"] = with_units(chip::to_json(*results.estimate));
    out["energy"]["by_die"] = {{"values", results.energy_of_dies}, {"unit", "J"}};
  }
  return manifest("mho.rbm", job, command, out);
}

void write_rbm_tables(const RbmResults& results, const Job& job, const Json& run, const std::string& folder) {
  const int bits = job.config().rbm->weight_bits;
  std::string table = "corruption,machine,error[1],uncertainty[1],initial_error[1],reduction[1]\n", cycles = "corruption,cycle[1],software[1],software_few_bits[1],software_chip_neuron[1]";
  for (size_t d = 0; d < results.dies.size(); ++d) cycles += fmt::format(",die{}[1]", d);
  cycles += "\n";
  for (size_t k = 0; k < results.recovery.size(); ++k) {
    const RecoveryResults& r = results.recovery[k];
    const auto row = [&](const std::string& name, double error, double uncertainty) {
      table += fmt::format("{},\"{}\",{},{},{},{}\n", chip::corruption_names[k], name, error, uncertainty, r.images.error, r.reduction(error));
    };
    for (const Line& line : lines(r, bits)) row(line.name, line.error, line.uncertainty);
    for (size_t d = 0; d < r.dies.size(); ++d) row(fmt::format("die {}", d), r.dies[d].error(), standard_error(r.dies[d]));
    for (size_t c = 0; c < r.software.error_of_cycle.size(); ++c) {
      cycles += fmt::format("{},{},{},{},{}", chip::corruption_names[k], c + 1, r.software.error_of_cycle[c], r.few_bits.error_of_cycle[c], r.software_neuron.error_of_cycle[c]);
      for (const chip::Recovery& die : r.dies) cycles += fmt::format(",{}", die.error_of_cycle[c]);
      cycles += "\n";
    }
    write_text_file(fmt::format("{}/recovery_{}.svg", folder, chip::corruption_names[k]), picture(r, job.config().rbm->picture_images) + "\n");
  }
  write_text_file(folder + "/recovery.csv", table);
  write_text_file(folder + "/cycles.csv", cycles);
  write_text_file(folder + "/blocks.csv", chip::rbm_block_csv(results.dies[0].mapping, job.config().chip));
  write_text_file(folder + "/places.csv", chip::rbm_place_csv(results.dies[0].mapping));
  write_text_file(folder + "/programming_levels.csv", chip::programming_levels_csv(results.dies[0].cells.summary));
  if (results.estimate) {
    write_text_file(folder + "/energy.csv", chip::energy_csv(*results.estimate));
    write_text_file(folder + "/events.csv", chip::events_csv(*results.estimate));
  }
  write_json_file(folder + "/run.json", run);  // last: where it is, all tables are
}

void write_rbm_report(const RbmResults& results, Job& job, const Json& run, const std::string& folder) {
  using report::Section;
  using report::Table;
  const RbmSettings& settings = *job.config().rbm;
  const RecoveryResults& flips = results.recovery[0];
  report::Page page{"Images recovered by a Boltzmann machine on the chip",
                    fmt::format("{} on {}, {} dies, {} test images, {} Gibbs cycles, seed {}", std::filesystem::path(job.config().network).filename().string(), job.config().chip.name, results.dies.size(),
                                flips.images.original.cols(), settings.cycles, job.config().seed),
                    {}, {}, {}};
  for (size_t k = 0; k < results.recovery.size(); ++k) {
    const RecoveryResults& r = results.recovery[k];
    page.headlines.push_back({fmt::format("{:+.1f} %", -100 * r.reduction(r.mean())), fmt::format("error of the chip, {}; {:.2f} to {:.2f}; software {:+.1f} %", corruption_titles[k], r.images.error, r.mean(),
                                                                                                 -100 * r.reduction(r.software.error()))});
    Table t{"Mean over images of the 2-norm of (recovered - original)", {"machine", "error", "± ", "change [%]"}, {}};
    t.rows.push_back({"before", fmt::format("{:.3f}", r.images.error), "", ""});
    for (const Line& line : lines(r, settings.weight_bits)) t.rows.push_back({line.name, fmt::format("{:.3f}", line.error), fmt::format("{:.3f}", line.uncertainty), fmt::format("{:+.1f}", -100 * r.reduction(line.error))});
    for (size_t d = 0; d < r.dies.size(); ++d) t.rows.push_back({fmt::format("die {}", d), fmt::format("{:.3f}", r.dies[d].error()), fmt::format("{:.3f}", standard_error(r.dies[d])), fmt::format("{:+.1f}", -100 * r.reduction(r.dies[d].error()))});
    page.sections.push_back({corruption_titles[k], "± is the standard error over images; of the chip's mean the deviation over dies.",
                             {{fmt::format("recovery_{}", chip::corruption_names[k]), picture(r, settings.picture_images), "The first test images. Pixels known not to be corrupted are given back after each cycle."}}, {t}});
  }
  Table blocks{"Die 0", {"group", "part", "core", "cells"}, {}};
  for (const chip::MappedBlock& b : results.dies[0].mapping.cells.blocks)
    blocks.rows.push_back({fmt::format("{}", b.column_block), fmt::format("{}", b.segment), fmt::format("({},{})", b.core / job.config().chip.core_grid_columns, b.core % job.config().chip.core_grid_columns),
                           fmt::format("{}×{}", b.physical_rows(), b.outputs)});
  page.sections.push_back({"Cells", fmt::format("{} cells in {} cores. {:.2f} % of the cells that needed a pulse reached the window, {:.2f} pulses on average; at the time of use they deviate by {:.2f} µS rms.",
                                                results.dies[0].mapping.cells.cells_used(), results.dies[0].mapping.cells.cores_used(), 100 * results.dies[0].cells.summary.success_rate(),
                                                results.dies[0].cells.summary.mean_pulses, 1e6 * results.dies[0].cells.summary.relaxed_rms), {}, {blocks}});
  if (results.estimate) {
    const chip::Estimate& e = *results.estimate;
    page.headlines.push_back({fmt::format("{:.0f} ± {:.0f} nJ", 1e9 * e.total.energy.total(), 1e9 * e.total.total_error), "energy per image, all cycles"});
    page.headlines.push_back({fmt::format("{:.0f} µs", 1e6 * e.total.latency), "latency per image, all cycles"});
    std::vector<std::string> names, components;
    std::vector<std::vector<double>> joule;
    for (const std::string_view c : solver::component_names) components.emplace_back(c);
    for (const chip::LayerEstimate& l : e.layers) names.push_back(l.name), joule.emplace_back(l.energy.joule.begin(), l.energy.joule.end());
    page.sections.push_back({"Energy", "Events counted while the images were recovered, times the energy per event that was fitted to ngspice. Not counted: moving values, digital sums, sampling outside of the array.",
                             {{"energy", report::energy_svg(names, components, joule), "Energy per image by direction and component."}}, {}});
  }
  page.reproduce = fmt::format("git checkout {}\nscripts/setup\ncmake -B build && cmake --build build --target mho\n{}\n", run["program"]["git"].get<std::string>(), run["command"].get<std::string>());
  write_text_file(folder + "/report.html", report::html(page));
}

}  // namespace mho::job
