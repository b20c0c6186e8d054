// mho neuron simulate: one conversion of one column in ngspice, as the behavioural model, or both. mho neuron export: the same run as a deck.
#include "cli/neuron.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>

#include "circuits/energy_table.hpp"
#include "circuits/export_deck.hpp"
#include "circuits/mode_table.hpp"
#include "cli/commands.hpp"
#include "cli/neuron_pictures.hpp"
#include "cli/neuron_setup.hpp"
#include "core/csv.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/units.hpp"
#include "solver/energy_fit.hpp"
#include "solver/neuron_ode.hpp"

namespace mho::cli {
namespace {

using circuits::ColumnInput;
using circuits::ConversionRecord;
using circuits::ConversionWaveform;

struct SimulateOptions {
  SetupOptions setup;
  std::string form = "ngspice", deck, waveform, raw, picture;
};

// Voltages relative to VREF, like those of the ODE form.
void write_waveform(const std::string& path, const ConversionWaveform& w, double v_ref) {
  CsvTable table{{"time[s]", "v(out)-vref[V]", "v(line)-vref[V]", "v(x)-vref[V]"}, {}};
  for (size_t i = 0; i < w.t.size(); ++i) table.add({w.t[i], w.v_out[i] - v_ref, w.v_line[i] - v_ref, w.v_x[i] - v_ref});
  table.write(path);
}

struct Form {
  std::string name;
  ConversionRecord record;
  solver::EnergyBreakdown energy;
};

Json form_json(const Form& f) {
  Json energy;
  for (size_t c = 0; c < solver::component_names.size(); ++c) energy[std::string(solver::component_names[c])] = quantity(f.energy.joule[c], "J");
  energy["total"] = quantity(f.energy.total(), "J");
  const ConversionRecord& r = f.record;
  return {{"code", r.code}, {"v_integrated", quantity(r.v_integrated, "V")}, {"v_line_driven", Json{{"value", r.v_line_driven}, {"unit", "V"}}},
          {"v_line_held", Json{{"value", r.v_line_held}, {"unit", "V"}}}, {"v_residue", Json{{"value", r.v_residue}, {"unit", "V"}}},
          {"duration", quantity(r.duration, "s")}, {"energy", energy},
          {"points", r.time_points}, {"cpu", quantity(r.cpu_seconds, "s")}};
}

// Lines of the pulses, those that all forms have; the reference sequence has one pulse a bit.
template <class Row>
void line_rows(const std::vector<Form>& forms, const NeuronPoint& point, const Row& row) {
  constexpr size_t most = 8;  // of programs that pulse for every sample
  const auto rows = [&](const char* what, const std::vector<double> ConversionRecord::* of) {
    size_t count = most;
    for (const Form& f : forms) count = std::min(count, (f.record.*of).size());
    for (size_t k = 0; k < count; ++k) row(fmt::format(fmt::runtime(what), k), 3, [&, k](const Form& f) { return 1e3 * (f.record.*of)[k]; });
  };
  if (!point.column) return;
  const bool driven = circuits::samples_driven_line(point.program);
  rows(driven ? "line of pulse {} while driven - VREF [mV]" : "line of bit {} while driven - VREF [mV]", &ConversionRecord::v_line_driven);
  if (!driven) rows("line of bit {} when held - VREF [mV]", &ConversionRecord::v_line_held);
}

std::string table(const std::vector<Form>& forms, const NeuronPoint& point) {
  const double unit = solver::lsb(point.circuit, point.point);
  std::string text = describe(point) + fmt::format("one LSB {}\n\n", format_quantity(unit, "V"));
  const bool both = forms.size() == 2;
  const auto row = [&](const std::string& what, int digits, const auto& of) {
    text += fmt::format("{:<42}", what);
    for (const Form& f : forms) text += fmt::format("{:>12.{}f}", static_cast<double>(of(f)), digits);
    if (both) text += fmt::format("{:>12.{}f}", static_cast<double>(of(forms[1])) - static_cast<double>(of(forms[0])), digits);
    text += "\n";
  };
  text += fmt::format("{:<42}", "");
  for (const Form& f : forms) text += fmt::format("{:>12}", f.name);
  text += both ? fmt::format("{:>12}\n", "difference") : "\n";
  row("code", 0, [](const Form& f) { return f.record.code; });
  row("integrated voltage - VREF [mV]", 3, [](const Form& f) { return 1e3 * f.record.v_integrated; });
  row("integrated voltage - VREF [LSB]", 3, [&](const Form& f) { return f.record.v_integrated / unit; });
  line_rows(forms, point, row);
  row("duration [ns]", 1, [](const Form& f) { return 1e9 * f.record.duration; });
  for (size_t c = 0; c < solver::component_names.size(); ++c)
    row(fmt::format("energy, {} [fJ]", solver::component_names[c]), 1, [&](const Form& f) { return 1e15 * f.energy.joule[c]; });
  row("energy, total [fJ]", 1, [](const Form& f) { return 1e15 * f.energy.total(); });
  row("time points", 0, [](const Form& f) { return f.record.time_points; });
  row("processor time [s]", 4, [](const Form& f) { return f.record.cpu_seconds; });
  const ConversionRecord& r = forms.front().record;
  if (r.undecided > 0) text += fmt::format("{} decisions with the latch's outputs less than half the supply apart\n", r.undecided);
  for (const circuits::Mark& m : r.marks) text += fmt::format("{} at {}\n", m.name, format_quantity(m.t, "s"));
  return text;
}

Form ode_form(const validation::Calibration& calibration, const NeuronPoint& point) {
  const ColumnInput& input = *point.column;
  const auto start = std::chrono::steady_clock::now();
  solver::OdeResult ode = solver::simulate_conversion(calibration.neuron, point.program, input);
  const std::string outside = solver::outside_of_fit(
      calibration.neuron, {.rows = {static_cast<double>(input.conductance.size())}, .v_read = {input.point.v_read}, .v_decrement = {input.point.v_decrement}, .v_integrated = {ode.record.v_integrated},
                           .corner = std::string(circuits::corner_name(point.corner)), .temperature = point.temperature});
  if (!outside.empty()) fmt::print(stderr, "mho: warning: {}\n", outside);
  ode.record.time_points = ode.steps;
  ode.record.cpu_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const solver::EventCounts events = solver::events_of(calibration.neuron, point.program, input, ode.record);
  return {"ODE form", std::move(ode.record), calibration.energy.energy(events)};
}

// The behavioural model is calibrated on the shipped circuit at the corner and temperature that are asked for, and reads a column.
void check_for_ode(const SimulateOptions& o, const NeuronPoint& point) {
  if (o.form == "ode" && !(o.deck.empty() && o.waveform.empty() && o.raw.empty() && o.picture.empty())) throw Error("--export, --waveform, --raw and --svg need --form ngspice or both");
  if (o.form == "ngspice") return;
  if (o.setup.moves_circuit()) throw Error("--form ode and both know the calibrated circuit only, without --vdd, --amplifier, --parameter and --lfsr");
  solver::check_modelled(point.program);
  if (!point.column) throw Error(fmt::format("--form ode and both read a column, which program {} does not", point.program.name));
}

void write_files(const SimulateOptions& o, const NeuronPoint& point, const circuits::ConversionSetup& setup, const WatchedRun& run) {
  if (!o.deck.empty()) write_text_file(o.deck, circuits::export_deck(setup, ngspice_of(point), run.record, run.waveform));
  if (!o.waveform.empty()) write_waveform(o.waveform, run.waveform, point.circuit.v_ref);
  if (!o.raw.empty()) circuits::write_raw(o.raw, run.waveform, fmt::format("mho: conversion by {}", point.program.name));
}

// After everything else, so that a missing gnuplot costs no result.
void write_pictures(const SimulateOptions& o, const CommonOptions& common, const report::Picture& picture) {
  if (!common.out.empty()) report::write_pictures(common.out + "/waveform", picture);
  if (!o.picture.empty()) report::write_picture(o.picture, picture);
}

void simulate(const CommonOptions& common, const SimulateOptions& o) {
  const NeuronPoint point = neuron_point(o.setup, common);
  check_for_ode(o, point);
  const circuits::ConversionSetup setup = setup_of(point);
  if (!common.out.empty()) make_output_folder(common.out);
  std::vector<Form> forms;
  report::Picture picture;
  if (o.form != "ode") {
    WatchedRun run = run_watched(setup, ngspice_of(point));
    write_files(o, point, setup, run);
    if (!o.picture.empty() || !common.out.empty()) picture = picture_of(setup, run);
    const solver::EnergyBreakdown energy = solver::energy_of(run.record, circuits::neurons_per_bias);
    forms.push_back({"ngspice", std::move(run.record), energy});
  }
  if (o.form != "ngspice") {
    validation::CalibrationSettings settings = neuron_settings(common);
    if (!o.setup.program.empty()) settings.program = o.setup.program;
    if (o.setup.tolerance) settings.tolerance = *o.setup.tolerance;
    settings.corner = point.corner;
    settings.temperature = point.temperature;
    const validation::Calibration calibration = validation::calibrate(settings, Cache({}, !common.no_cache));
    if (const std::string text = validation::doubts(calibration); !text.empty()) fmt::print(stderr, "mho: warning: {}\n", text);
    forms.push_back(ode_form(calibration, point));
  }
  Json json = point_json(point);
  for (const Form& f : forms) json[f.name == "ngspice" ? "ngspice" : "ode"] = form_json(f);
  deliver(common, "neuron_simulate", json, table(forms, point));
  if (o.form != "ode") write_pictures(o, common, picture);
}

void export_run(const CommonOptions& common, const SimulateOptions& o) {
  const NeuronPoint point = neuron_point(o.setup, common);
  const circuits::ConversionSetup setup = setup_of(point);
  const WatchedRun run = run_watched(setup, ngspice_of(point));
  write_files(o, point, setup, run);
  const std::string text = fmt::format("{}code {}, integrated voltage {:.6g} V, {}\n{}: run it with  ngspice -b {}\n", describe(point), run.record.code, run.record.v_integrated,
                                       format_quantity(run.record.duration, "s"), o.deck, o.deck);
  deliver(common, "neuron_export", Json{{"deck", o.deck}, {"program", point.program.name}, {"code", run.record.code}, {"v_integrated", quantity(run.record.v_integrated, "V")},
                                        {"duration", quantity(run.record.duration, "s")}}, text);
}

}  // namespace

validation::CalibrationSettings neuron_settings(const CommonOptions& options) {
  if (!options.config.empty()) return options.load().calibrate;
  TomlFile file = TomlFile::from_text("", "--set");
  for (const std::string& assignment : options.set) file.set(assignment);
  validation::CalibrationSettings settings = validation::read_calibration_settings(file, "calibrate");
  file.finish();
  return settings;
}

circuits::ControlProgram neuron_program(const validation::CalibrationSettings& settings) {
  return circuits::read_control_program(std::filesystem::exists(settings.program) ? settings.program : data_path(settings.program));
}

void add_neuron_simulate(CLI::App& neuron) {
  const auto o = std::make_shared<SimulateOptions>();
  CLI::App* command = add_command(neuron, "simulate", "one conversion at transistor level, as the behavioural model, or both", [o](const CommonOptions& common) { simulate(common, *o); });
  make_config_optional(*command);
  add_setup_options(*command, o->setup);
  command->add_option("--form", o->form, "ode and both calibrate first, or take the calibration from the cache")->check(CLI::IsMember({"ngspice", "ode", "both"}))->capture_default_str();
  command->add_option("--export", o->deck, "writes a self-contained deck for `ngspice -b`")->type_name("FILE");
  command->add_option("--waveform", o->waveform, "writes output, line and amplifier input over time as CSV")->type_name("FILE");
  command->add_option("--raw", o->raw, "writes all waveforms as a raw file that ngspice and gaw load")->type_name("FILE");
  command->add_option("--svg", o->picture, "writes the waveforms by phase as a picture; .svg or .png. --out writes it as waveform.svg")->type_name("FILE");
}

void add_neuron_export(CLI::App& neuron) {
  const auto o = std::make_shared<SimulateOptions>();
  CLI::App* command = add_command(neuron, "export", "one conversion by any program as a self-contained deck for `ngspice -b`", [o](const CommonOptions& common) { export_run(common, *o); });
  make_config_optional(*command);
  add_setup_options(*command, o->setup);
  command->add_option("-o,--deck", o->deck, "the deck")->required()->type_name("FILE");
  command->add_option("--raw", o->raw, "writes the waveforms too, as a raw file")->type_name("FILE");
}

}  // namespace mho::cli
