#include "cli/job/tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/job/machine.hpp"
#include "core/statistics.hpp"

namespace mho::job {

Json with_units(const Json& json) {
  if (json.is_number()) return {{"value", json}, {"unit", "1"}};
  if (json.is_array() && !json.empty() && std::all_of(json.begin(), json.end(), [](const Json& j) { return j.is_number(); }))
    return {{"values", json}, {"unit", "1"}};
  if (json.is_object() && json.contains("unit")) return json;
  Json copy = json;
  if (json.is_structured())
    for (Json& child : copy) child = with_units(child);
  return copy;
}

std::string mapping_table(std::span<const chip::MatrixSpec> matrices, const chip::Mapping& mapping, const chip::ChipConfig& config) {
  std::string text = fmt::format("{:<12}{:>10}{:>9}{:>8}{:>14}{:>10}{:>6}{:>9}  rows\n", "matrix", "K × N", "segment", "block", "cells", "bias rows",
                                 "core", "columns");
  for (const chip::MappedBlock& b : mapping.blocks) {
    const chip::MatrixSpec& spec = matrices[b.matrix];
    text += fmt::format("{:<12}{:>9}{:>9}{:>8}{:>14}{:>10}{:>6}{:>9}  {}\n", spec.name, fmt::format("{}×{}", spec.weights.rows(), spec.weights.cols()),
                        fmt::format("{}/{}", b.segment + 1, b.segments), b.column_block + 1, fmt::format("{}×{}", b.physical_rows(), b.outputs),
                        b.bias_rows, b.core, fmt::format("{}–{}", b.first_column, b.first_column + b.outputs - 1),
                        fmt::format("{}–{}", b.positive_rows.front(), b.positive_rows.back() + 1));
  }
  return text + fmt::format("{} blocks in {} of {} cores, {} cells of {} on the chip\n", mapping.blocks.size(), mapping.cores_used(), config.cores(),
                            mapping.cells_used(), static_cast<long long>(config.cores()) * config.rows * config.columns);
}

Json mapping_json(std::span<const chip::MatrixSpec> matrices, const chip::Mapping& mapping) {
  Json blocks = Json::array();
  for (const chip::MappedBlock& b : mapping.blocks)
    blocks.push_back({{"matrix", matrices[b.matrix].name},
                      {"segment", b.segment},
                      {"column_block", b.column_block},
                      {"core", b.core},
                      {"rows", b.physical_rows()},
                      {"columns", b.outputs},
                      {"bias_rows", b.bias_rows},
                      {"first_column", b.first_column},
                      {"w_max", b.w_max}});
  return with_units({{"blocks", blocks}, {"cores_used", mapping.cores_used()}, {"cells_used", mapping.cells_used()}});
}

std::string passes_table(Job& job) {
  if (job.config().passes_beside == 0) return {};
  const chip::ProgrammedDie& beside = job.die_with_passes(0, job.config().passes_beside);
  return fmt::format("die 0, rms deviation at the time of use: {:.2f} µS with {} pass{}, {:.2f} µS with {} passes (chip: 2.8 and 2 µS with 1 and 3)\n",
                     1e6 * job.die(0).summary.relaxed_rms, job.config().chip.programming.options.passes,
                     job.config().chip.programming.options.passes == 1 ? "" : "es", 1e6 * beside.summary.relaxed_rms, job.config().passes_beside);
}

Json passes_json(Job& job) {
  if (job.config().passes_beside == 0) return Json::object();
  return {{"passes", quantity(job.config().chip.programming.options.passes, "1")},
          {"relaxed_rms", quantity(job.die(0).summary.relaxed_rms, "S")},
          {"passes_beside", quantity(job.config().passes_beside, "1")},
          {"relaxed_rms_beside", quantity(job.die_with_passes(0, job.config().passes_beside).summary.relaxed_rms, "S")}};
}

std::string points_table(Job& job) {
  std::string text = fmt::format("{:<12}{:>12}{:>11}{:>11}{:>17}{:>10}{:>12}{:>18}\n", "matrix", "read [mV]", "samples", "trim [mV]", "decrement [mV]",
                                 "LSB [mV]", "swing [mV]", "beyond range [%]");
  const auto& points = job.points();
  for (size_t m = 0; m < points.size(); ++m) {
    const chip::PointChoice& c = points[m];
    text += fmt::format("{:<12}{:>12.1f}{:>11}{:>11.2f}{:>17.2f}{:>10.2f}{:>12.0f}{:>18.3f}\n", job.network().matrices()[m].name, 1e3 * c.point.v_read,
                        c.point.pulse_multiplier, 1e3 * c.point.v_trim, 1e3 * c.point.v_decrement, 1e3 * c.lsb, 1e3 * c.quantile_voltage,
                        100 * c.beyond_range);
  }
  return text + fmt::format("chosen on {} training images\n", job.training_images().size());
}

Json points_json(Job& job) {
  Json list = Json::array();
  const auto& points = job.points();
  for (size_t m = 0; m < points.size(); ++m) {
    Json item{{"matrix", job.network().matrices()[m].name}};
    item.update(chip::to_json(points[m]));
    list.push_back(item);
  }
  return with_units(list);
}

std::string points_csv(Job& job) {
  std::string text = "matrix,v_read[V],v_trim[V],v_decrement[V],pulse_multiplier[1],max_code[1],quantile_voltage[V],lsb[V],beyond_range[1]\n";
  const auto& points = job.points();
  for (size_t m = 0; m < points.size(); ++m) {
    const chip::PointChoice& c = points[m];
    text += fmt::format("{},{},{},{},{},{},{},{},{}\n", job.network().matrices()[m].name, c.point.v_read, c.point.v_trim, c.point.v_decrement,
                        c.point.pulse_multiplier, c.point.max_code, c.quantile_voltage, c.lsb, c.beyond_range);
  }
  return text;
}

AccuracySummary accuracy_summary(Job& job) {
  std::vector<double> accuracies;
  for (int d = 0; d < job.config().dies; ++d) accuracies.push_back(job.inference(static_cast<std::uint32_t>(d)).accuracy);
  AccuracySummary s{};
  s.software = job.software_accuracy();
  s.software_4bit = job.software_accuracy(4);
  s.images = job.test_images().size();
  s.dies = accuracies.size();
  s.mean = mean(accuracies);
  s.deviation = accuracies.size() > 1 ? standard_deviation(accuracies) : 0.0;
  s.lowest = *std::min_element(accuracies.begin(), accuracies.end());
  s.highest = *std::max_element(accuracies.begin(), accuracies.end());
  s.counting_error = std::sqrt(s.software * (1 - s.software) / static_cast<double>(s.images));
  return s;
}

std::string measured_accuracy(chip::DataSet set) {
  switch (set) {
    case chip::DataSet::mnist: return "99.0 %";
    case chip::DataSet::cifar10: return "85.7 %";
    case chip::DataSet::speech: return {};  // other words
  }
  return {};
}

std::string accuracy_table(Job& job) {
  const AccuracySummary s = accuracy_summary(job);
  std::string text = fmt::format("accuracy on {} test images\n", s.images);
  text += fmt::format("  {:<10}{:>8.2f} %  ± {:.2f} % from counting\n", "software", 100 * s.software, 100 * s.counting_error);
  text += fmt::format("  {:<10}{:>8.2f} %  with 4-bit weights\n", "software", 100 * s.software_4bit);
  text += fmt::format("  {:<10}{:>8.2f} %  ± {:.2f} % over {} die{}, {:.2f} to {:.2f} %", "chip", 100 * s.mean, 100 * s.deviation, s.dies, s.dies == 1 ? "" : "s",
                      100 * s.lowest, 100 * s.highest);
  if (const std::string beside = measured_accuracy(job.config().data_set); !beside.empty()) text += fmt::format(" (the measured chip: {})", beside);
  text += "\n";
  return text;
}

Json accuracy_json(Job& job) {
  const AccuracySummary s = accuracy_summary(job);
  Json dies = Json::array();
  for (size_t d = 0; d < s.dies; ++d) dies.push_back(job.inference(static_cast<std::uint32_t>(d)).accuracy);
  return {{"images", quantity(static_cast<double>(s.images), "1")},
          {"software", quantity(s.software, s.counting_error, "1")},
          {"software_4_bit_weights", quantity(s.software_4bit, "1")},
          {"chip_mean", quantity(s.mean, s.deviation, "1")},
          {"chip_lowest", quantity(s.lowest, "1")},
          {"chip_highest", quantity(s.highest, "1")},
          {"by_die", with_units(dies)}};
}

std::string accuracy_csv(Job& job) {
  std::string text = "die,accuracy[1],images[1]\n";
  for (int d = 0; d < job.config().dies; ++d)
    text += fmt::format("{},{},{}\n", d, job.inference(static_cast<std::uint32_t>(d)).accuracy, job.test_images().size());
  return text;
}

std::string times_table(const Job& job) {
  std::string text = fmt::format("{:<20}{:>10}{:>14}  from cache\n", "step", "time [s]", "peak [MiB]");
  double seconds = 0, peak = 0;
  const auto mib = [](double bytes) { return bytes / 1048576.0; };
  for (const StepTime& s : job.times()) {
    text += fmt::format("{:<20}{:>10.2f}{:>14.0f}  {}\n", s.name, s.seconds, mib(s.peak_memory), fmt::format("{} of {}", s.from_cache, s.parts));
    seconds += s.seconds;
    peak = std::max(peak, s.peak_memory);
  }
  return text + fmt::format("{:<20}{:>10.2f}{:>14.0f}  largest worker process {:.0f} MiB\n", "total", seconds, mib(peak), mib(peak_memory_of_workers()));
}

Json times_json(const Job& job) {
  Json list = Json::array();
  for (const StepTime& s : job.times())
    list.push_back({{"name", s.name},
                    {"time", quantity(s.seconds, "s")},
                    {"peak_memory", quantity(s.peak_memory, "byte")},
                    {"parts", quantity(static_cast<double>(s.parts), "1")},
                    {"from_cache", quantity(static_cast<double>(s.from_cache), "1")}});
  return {{"list", list}, {"largest_worker_memory", quantity(peak_memory_of_workers(), "byte")}};
}

}  // namespace mho::job
