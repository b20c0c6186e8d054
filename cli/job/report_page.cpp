#include <fmt/format.h>

#include <filesystem>

#include "cli/job/machine.hpp"
#include "cli/job/results.hpp"
#include "cli/job/tables.hpp"
#include "core/statistics.hpp"
#include "report/html.hpp"

namespace mho::job {
namespace {

using report::Section;
using report::Table;

std::string with_error(double value, double error, int digits) { return fmt::format("{:.{}f} ± {:.{}f}", value, digits, error, digits); }

Section calibration_section(Job& job, const PictureData& pictures) {
  const validation::Calibration& c = job.calibration();
  Section s{"Neuron: transistors against the behavioural model",
            "Whole conversions of the transistor-level column run in ngspice. The behavioural model is fitted to some of them and judged on others that no "
            "fit saw. One LSB is that before the ADC.",
            {{"waveform", report::waveform_svg(pictures.spice, pictures.ode),
              fmt::format("An unseen conversion of a column with {} rows: ngspice gives code {}, the model {}. Voltages are relative to the neuron's reference.",
                          c.example.rows, c.example.code_ngspice, c.example.code_ode)}},
            {}};
  Table t{"Error against ngspice", {"", "fit", "unseen"}, {}};
  const auto row = [&](const std::string& what, double fit, double unseen, int digits) {
    t.rows.push_back({what, fmt::format("{:.{}f}", fit, digits), fmt::format("{:.{}f}", unseen, digits)});
  };
  row("conversions", c.fitted.conversions, c.unseen.conversions, 0);
  row("integrated voltage, rms [LSB]", c.fitted.v_rms, c.unseen.v_rms, 3);
  row("integrated voltage, worst [LSB]", c.fitted.v_worst, c.unseen.v_worst, 3);
  row("equal codes, clear of a decision [%]", 100 * c.fitted.equal_share, 100 * c.unseen.equal_share, 1);
  row("energy, total, rms [%]", 100 * c.fitted.energy_total_rms, 100 * c.unseen.energy_total_rms, 2);
  for (size_t i = 0; i < solver::component_names.size(); ++i)
    row(fmt::format("energy, {}, rms [%]", solver::component_names[i]), 100 * c.fitted.energy_rms[i], 100 * c.unseen.energy_rms[i], 2);
  s.tables.push_back(t);
  return s;
}

Section adc_section(Job& job, const PictureData& pictures) {
  Table t{"Operating points, chosen on training images",
          {"matrix", "read [mV]", "samples", "trim [mV]", "decrement [mV]", "LSB [mV]", "beyond range [%]"},
          {}};
  for (size_t m = 0; m < job.points().size(); ++m) {
    const chip::PointChoice& c = job.points()[m];
    t.rows.push_back({job.network().matrices()[m].name, fmt::format("{:.1f}", 1e3 * c.point.v_read), fmt::format("{}", c.point.pulse_multiplier),
                      fmt::format("{:.2f}", 1e3 * c.point.v_trim), fmt::format("{:.2f}", 1e3 * c.point.v_decrement), fmt::format("{:.2f}", 1e3 * c.lsb),
                      fmt::format("{:.3f}", 100 * c.beyond_range)});
  }
  return {"Converter",
          fmt::format("Charge decrement until the sign flips. Worst integral nonlinearity: {:.3f} LSB after a straight line for each polarity.", pictures.inl_worst),
          {{"adc", report::adc_svg(pictures.adc), "Left: code over a ramp of the integrated voltage, at the point of the last matrix. Right: deviation of each code's inner edge."},
           {"codes", report::codes_svg(pictures.codes.layers, pictures.codes.share),
            fmt::format("Share of conversions [%] over |code| / largest code, die 0, {} test images.", job.config().code_images)}},
          {t}};
}

Section programming_section(Job& job, const PictureData& pictures) {
  const devices::ProgrammingSummary& s = job.die(0).summary;
  Table t{"Write-verify by target, die 0", {"target [µS]", "cells", "needed a pulse", "in the window [%]", "pulses", "residual [µS]"}, {}};
  for (const devices::LevelSummary& l : s.levels)
    if (l.cells > 0)
      t.rows.push_back({fmt::format("{:.0f} to {:.0f}", 1e6 * l.low, 1e6 * l.high), fmt::format("{}", l.cells), fmt::format("{}", l.needed),
                        l.needed ? fmt::format("{:.2f}", 100.0 * static_cast<double>(l.succeeded) / static_cast<double>(l.needed)) : "",
                        fmt::format("{:.2f}", l.mean_pulses), with_error(1e6 * l.residual_mean, 1e6 * l.residual_sigma, 2)});
  std::string beside;
  if (const int passes = job.config().passes_beside; passes > 0)
    beside = fmt::format(", and by {:.2f} µS after {} passes (measured chip: 2.8 µS after one, 2 µS after three)", 1e6 * job.die_with_passes(0, passes).summary.relaxed_rms, passes);
  return {"Cells: targets, written, relaxed",
          fmt::format("{:.2f} % of the cells that needed a pulse reached the window with {:.2f} pulses on average (measured chip: 99 % with 8.52). At the time of use "
                      "they deviate by {:.2f} µS rms{}.",
                      100 * s.success_rate(), s.mean_pulses, 1e6 * s.relaxed_rms, beside),
          {{"conductance", report::conductance_svg(pictures.cells, job.config().chip.programming.policy.tolerance),
            "Left: a sample of the cells of die 0. Right: deviation from the target over all of them; dashed: acceptance window of write-verify."}},
          {t}};
}

Section accuracy_section(Job& job) {
  const AccuracySummary a = accuracy_summary(job);
  const std::string measured = measured_accuracy(job.config().data_set);
  std::vector<double> dies;
  for (size_t d = 0; d < a.dies; ++d) dies.push_back(job.inference(static_cast<std::uint32_t>(d)).accuracy);
  return {"Accuracy",
          fmt::format("{} test images. Software {:.2f} %, with 4-bit weights {:.2f} %; the simulated chip {:.2f} ± {:.2f} % over {} dies{}.", a.images,
                      100 * a.software, 100 * a.software_4bit, 100 * a.mean, 100 * a.deviation, a.dies, measured.empty() ? "" : fmt::format(" (the measured chip: {})", measured)),
          {{"accuracy", report::accuracy_svg(a.software, a.mean, dies), "Each die has its own cells, bad rows and map; all share the operating points."}},
          {}};
}

Section energy_section(Job& job) {
  const chip::Estimate& e = job.estimate();
  Section s{"Energy", "Events counted while the images ran, times the energy per event that was fitted to ngspice. Errors are those of the fit on unseen conversions, "
                      "taken as fully correlated. Not counted: moving activations, digital sums and normalisation, pooling, memory.", {}, {}};
  std::vector<std::string> names, components;
  std::vector<std::vector<double>> joule;
  for (const std::string_view c : solver::component_names) components.emplace_back(c);
  Table t{"Per image, mean over dies", {"", "energy [pJ]", "latency [µs]", "fJ/op", "TOPS/W"}, {}};
  for (const std::string& c : components) t.header.push_back(c + " [pJ]");
  const auto row = [&](const chip::LayerEstimate& l) {
    std::vector<std::string> cells{l.name, with_error(1e12 * l.energy.total(), 1e12 * l.total_error, 0), fmt::format("{:.2f}", 1e6 * l.latency),
                                   fmt::format("{:.1f}", 1e15 * l.joule_per_operation()), fmt::format("{:.2f}", 1e-12 * l.operations_per_joule())};
    for (size_t c = 0; c < components.size(); ++c) cells.push_back(with_error(1e12 * l.energy.joule[c], 1e12 * l.error[c], 0));
    t.rows.push_back(cells);
  };
  for (const chip::LayerEstimate& l : e.layers) {
    names.push_back(l.name);
    joule.emplace_back(l.energy.joule.begin(), l.energy.joule.end());
    row(l);
  }
  row(e.total);
  s.figures.push_back({"energy", report::energy_svg(names, components, joule), "Energy per image by layer and component."});
  s.tables.push_back(t);
  return s;
}

Section run_section(const Job& job, const Json& run) {
  Table t{"Time and memory", {"step", "time [s]", "peak memory [MiB]", "parts", "from cache"}, {}};
  for (const StepTime& s : job.times())
    t.rows.push_back({s.name, fmt::format("{:.2f}", s.seconds), fmt::format("{:.0f}", s.peak_memory / 1048576), fmt::format("{}", s.parts),
                      fmt::format("{}", s.from_cache)});
  return {"Run",
          fmt::format("mho {} ({}), {}, on {}. Every number of this page stands with its unit in run.json beside it, the tables as CSV.",
                      run["program"]["version"].get<std::string>(), run["program"]["git"].get<std::string>(), run["program"]["compiler"].get<std::string>(),
                      run["machine"]["processor"].get<std::string>()),
          {},
          {t}};
}

}  // namespace

void write_report(Job& job, const PictureData& pictures, const Json& run, const std::string& folder) {
  const bool calibrated = job.config().core == CoreKind::calibrated;
  const AccuracySummary a = accuracy_summary(job);
  report::Page page{"From transistors to a digit", fmt::format("{} on {}, {} dies, {} test images, seed {}", std::filesystem::path(job.config().network).filename().string(), job.config().chip.name, a.dies,
                                                               a.images, job.config().seed),
                    {{fmt::format("{:.2f} %", 100 * a.mean), fmt::format("accuracy of the chip; {:.2f} % in software", 100 * a.software)}},
                    {},
                    {}};
  if (calibrated) {
    const chip::LayerEstimate& e = job.estimate().total;
    page.headlines.push_back({with_error(1e9 * e.energy.total(), 1e9 * e.total_error, 1) + " nJ", "energy per image"});
    page.headlines.push_back({fmt::format("{:.1f} fJ", 1e15 * e.joule_per_operation()), fmt::format("per operation; {:.1f} TOPS/W", 1e-12 * e.operations_per_joule())});
    page.headlines.push_back({fmt::format("{:.1f} µs", 1e6 * e.latency), "latency per image"});
    page.headlines.push_back({fmt::format("{:.3f} LSB", job.calibration().unseen.v_rms), "rms error of the neuron against ngspice, unseen conversions"});
    page.sections.push_back(calibration_section(job, pictures));
  } else {
    page.subtitle += "; ideal cores: no circuit errors, no energy";
  }
  page.sections.push_back(adc_section(job, pictures));
  page.sections.push_back(programming_section(job, pictures));
  page.sections.push_back(accuracy_section(job));
  if (calibrated) page.sections.push_back(energy_section(job));
  page.sections.push_back(run_section(job, run));
  page.reproduce = fmt::format("git checkout {}\nscripts/setup\ncmake -B build && cmake --build build --target mho\n{}\n", run["program"]["git"].get<std::string>(),
                               run["command"].get<std::string>());
  make_output_folder(folder + "/pictures");
  for (const Section& section : page.sections)
    for (const report::Figure& figure : section.figures) write_text_file(fmt::format("{}/pictures/{}.svg", folder, figure.name), figure.svg + "\n");
  write_text_file(folder + "/report.html", report::html(page));
}

}  // namespace mho::job
