#include "cli/job/results.hpp"

#include <fmt/format.h>

#include "cli/job/machine.hpp"
#include "cli/job/tables.hpp"
#include "core/csv.hpp"
#include "core/statistics.hpp"

namespace mho::job {
namespace {

bool has_energy(const Job& job) { return job.config().core == CoreKind::calibrated && job.config().effects.neuron; }

Json programming_json(Job& job) {
  Json dies = Json::array();
  for (int d = 0; d < job.config().dies; ++d) dies.push_back(chip::to_json(job.die(static_cast<std::uint32_t>(d))));
  return {{"dies", with_units(dies)}, {"passes", passes_json(job)}};
}

Json energy_json(Job& job) {
  Json json = with_units(chip::to_json(job.estimate()));
  const std::vector<double> dies = job.energy_of_dies();
  json["by_die"] = {{"values", dies}, {"unit", "J"}};
  json["mean_over_dies"] = quantity(mean(dies), dies.size() > 1 ? standard_deviation(dies) : 0.0, "J");
  return json;
}

void write_columns(const std::string& path, std::vector<std::string> header, const std::vector<const std::vector<double>*>& columns) {
  CsvTable table{std::move(header), {}};
  for (size_t r = 0; r < columns.front()->size(); ++r) {
    std::vector<double> row;
    for (const auto* column : columns) row.push_back((*column)[r]);
    table.add(std::move(row));
  }
  table.write(path);
}

}  // namespace

Json manifest(std::string_view schema, const Job& job, const std::string& command, const Json& results) {
  return {{"schema", schema},
          {"schema_version", 1},
          {"status", "complete"},
          {"command", command},
          {"program", program_description()},
          {"machine", machine_description()},
          {"seed", job.config().seed},
          {"config", resolved_json(job.config())},
          {"steps", times_json(job)},
          {"results", results}};
}

Json run_json(Job& job, const PictureData& pictures, const std::string& command) {
  Json results = Json::object();
  if (has_energy(job)) results["calibration"] = calibration_json(job.calibration());
  results["adc"] = {{"worst_inl", quantity(pictures.inl_worst, "LSB")}};
  results["mapping"] = mapping_json(job.network().matrices(), job.die(0).mapping);
  results["programming"] = programming_json(job);
  results["operating_points"] = points_json(job);
  results["accuracy"] = accuracy_json(job);
  if (has_energy(job)) results["energy"] = energy_json(job);
  return manifest("mho.run", job, command, results);
}

std::string run_table(Job& job, const PictureData& pictures) {
  std::string text;
  const auto row = [&](const std::string& what, const std::string& value, const std::string& beside = "") {
    text += fmt::format("{:<46}{:>24}  {}\n", what, value, beside);
  };
  if (has_energy(job)) {
    const validation::Calibration& c = job.calibration();
    row("neuron against ngspice, unseen [LSB rms]", fmt::format("{:.3f}", c.unseen.v_rms),
        fmt::format("fit {:.3f}; {} and {} conversions", c.fitted.v_rms, c.unseen.conversions, c.fitted.conversions));
    row("energy against ngspice, unseen [% rms]", fmt::format("{:.2f}", 100 * c.unseen.energy_total_rms),
        fmt::format("fit {:.2f}", 100 * c.fitted.energy_total_rms));
  }
  row("ADC, worst INL [LSB]", fmt::format("{:.3f}", pictures.inl_worst));
  std::vector<double> success, pulses;
  for (int d = 0; d < job.config().dies; ++d) {
    success.push_back(100 * job.die(static_cast<std::uint32_t>(d)).summary.success_rate());
    pulses.push_back(job.die(static_cast<std::uint32_t>(d)).summary.mean_pulses);
  }
  row("write-verify, cells in the window [%]", fmt::format("{:.2f}", mean(success)), "measured chip: 99");
  row("write-verify, pulses per cell", fmt::format("{:.2f}", mean(pulses)), "measured chip: 8.52");
  const AccuracySummary a = accuracy_summary(job);
  row(fmt::format("accuracy, software [%], {} images", a.images), fmt::format("{:.2f} ± {:.2f}", 100 * a.software, 100 * a.counting_error), "± from counting");
  row("accuracy, software with 4-bit weights [%]", fmt::format("{:.2f}", 100 * a.software_4bit), "");
  const std::string measured = measured_accuracy(job.config().data_set);
  row(fmt::format("accuracy, chip [%], {} die{}", a.dies, a.dies == 1 ? "" : "s"), fmt::format("{:.2f} ± {:.2f}", 100 * a.mean, 100 * a.deviation),
      measured.empty() ? "± over dies" : "± over dies; measured chip: " + measured);
  if (has_energy(job)) {
    const chip::LayerEstimate& e = job.estimate().total;
    row("energy per image [nJ]", fmt::format("{:.2f} ± {:.2f}", 1e9 * e.energy.total(), 1e9 * e.total_error));
    for (size_t c = 0; c < solver::component_names.size(); ++c)
      row(fmt::format("  {}", solver::component_names[c]), fmt::format("{:.2f} ± {:.2f}", 1e9 * e.energy.joule[c], 1e9 * e.error[c]),
          fmt::format("{:.1f} %", 100 * e.energy.joule[c] / e.energy.total()));
    row("latency per image [us]", fmt::format("{:.1f}", 1e6 * e.latency));
    row("energy per operation [fJ]", fmt::format("{:.1f}", 1e15 * e.joule_per_operation()), "1 multiply-accumulate = 2 operations");
    row("efficiency [TOPS/W]", fmt::format("{:.2f}", 1e-12 * e.operations_per_joule()));
    row("energy-delay product per image [J s]", fmt::format("{:.3g}", e.energy_delay()));
  }
  return text + passes_table(job) + "\n" + times_table(job);
}

void write_tables(Job& job, const PictureData& pictures, const Json& run, const std::string& folder) {
  write_text_file(folder + "/accuracy.csv", accuracy_csv(job));
  write_text_file(folder + "/operating_points.csv", points_csv(job));
  write_text_file(folder + "/programming_levels.csv", chip::programming_levels_csv(job.die(0).summary));
  write_text_file(folder + "/blocks.csv", chip::block_table_csv(job.network().matrices(), job.die(0).mapping));
  write_columns(folder + "/conductance.csv", {"target[S]", "programmed[S]", "relaxed[S]"},
                {&pictures.cells.target, &pictures.cells.programmed, &pictures.cells.relaxed});
  write_columns(folder + "/adc_transfer.csv", {"v_integrated[V]", "code[1]"}, {&pictures.adc.v, &pictures.adc.code});
  write_columns(folder + "/adc_inl.csv", {"code[1]", "inl[LSB]"}, {&pictures.adc.edge_code, &pictures.adc.edge_inl});
  if (has_energy(job)) {
    write_text_file(folder + "/energy.csv", chip::energy_csv(job.estimate()));
    write_text_file(folder + "/events.csv", chip::events_csv(job.estimate()));
    for (const auto& [name, wave] : {std::pair{"ngspice", &pictures.spice}, std::pair{"ode", &pictures.ode}})
      write_columns(fmt::format("{}/waveform_{}.csv", folder, name), {"time[s]", "v_out[V]", "v_line[V]"}, {&wave->t, &wave->out, &wave->line});
  }
  write_json_file(folder + "/run.json", run);  // last: where it is, all tables are
}

}  // namespace mho::job
