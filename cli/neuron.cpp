// mho neuron simulate: one conversion of one column in ngspice, as the behavioural model, or both.
#include "cli/neuron.hpp"

#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>

#include "circuits/column_file.hpp"
#include "circuits/export_deck.hpp"
#include "circuits/spice/worker_pool.hpp"
#include "cli/commands.hpp"
#include "core/csv.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/units.hpp"
#include "solver/energy_fit.hpp"
#include "solver/neuron_ode.hpp"
#include "validation/conversion_plan.hpp"

namespace mho::cli {
namespace {

using circuits::ColumnInput;
using circuits::ConversionRecord;
using circuits::ConversionWaveform;

struct SimulateOptions {
  std::optional<int> rows, pulse_multiplier, max_code;
  int index = 0;
  std::string purpose = "validation", form = "ngspice", input, deck, waveform;
  std::string v_read, v_trim, v_decrement;  // quantities
};

double volts(const std::string& text, const std::string& option) {
  const auto value = parse_quantity(text, "V");
  if (!value) throw Error(fmt::format("{}: \"{}\" is not a voltage, as in \"0.3 V\"", option, text));
  return *value;
}

ColumnInput chosen_column(const SimulateOptions& o, const CommonOptions& common, const validation::CalibrationSettings& settings) {
  ColumnInput input;
  if (!o.input.empty()) {
    input = circuits::read_column(o.input);
  } else {
    validation::PlanOptions plan;
    if (o.rows) plan.min_rows = plan.max_rows = *o.rows;
    const Purpose purpose = o.purpose == "calibration" ? Purpose::calibration_plan : Purpose::validation_plan;
    input = validation::random_column(common.seed.value_or(settings.seed), static_cast<std::uint32_t>(o.index), purpose, settings.circuit, plan);
  }
  circuits::ReadPoint& p = input.point;
  if (!o.v_read.empty()) p.v_read = volts(o.v_read, "--v-read");
  if (!o.v_trim.empty()) p.v_trim = volts(o.v_trim, "--v-trim");
  if (!o.v_decrement.empty()) p.v_decrement = volts(o.v_decrement, "--v-decrement");
  if (o.pulse_multiplier) p.pulse_multiplier = *o.pulse_multiplier;
  if (o.max_code) p.max_code = *o.max_code;
  circuits::check_column(input, settings.circuit, o.input.empty() ? "column" : o.input);
  return input;
}

// In a worker: a crash of ngspice is an error of this command.
std::pair<ConversionRecord, ConversionWaveform> in_ngspice(const validation::CalibrationSettings& s, const circuits::ControlProgram& program,
                                                           const ColumnInput& input, const circuits::ConversionOptions& options) {
  const auto task = [&](size_t) {
    spice::Session session;
    ConversionWaveform w;
    const ConversionRecord record = circuits::run_conversion(session, s.circuit, program, input, options, &w);
    return Json{{"record", record}, {"t", w.t}, {"out", w.v_out}, {"line", w.v_line}, {"x", w.v_x}, {"l", w.v_l}, {"cib", w.v_cib}, {"q", w.v_q}, {"qb", w.v_qb}, {"sources", w.sources}, {"corners", w.corners}}.dump();
  };
  spice::TaskOutcome outcome;
  spice::run_in_workers(1, {.workers = 1}, task, [&](size_t, spice::TaskOutcome o) { outcome = std::move(o); });
  if (!outcome.ok) throw Error(outcome.error, outcome.bad_input ? ExitStatus::bad_input : ExitStatus::numerical_failure);
  const Json json = Json::parse(outcome.result);
  ConversionWaveform w;
  json.at("t").get_to(w.t);
  json.at("out").get_to(w.v_out);
  json.at("line").get_to(w.v_line);
  json.at("x").get_to(w.v_x);
  json.at("l").get_to(w.v_l);
  json.at("cib").get_to(w.v_cib);
  json.at("q").get_to(w.v_q);
  json.at("qb").get_to(w.v_qb);
  json.at("sources").get_to(w.sources);
  json.at("corners").get_to(w.corners);
  return {json.at("record").get<ConversionRecord>(), std::move(w)};
}

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

std::string table(const std::vector<Form>& forms, const ColumnInput& input, double unit) {
  std::string text = fmt::format("{} rows, {} magnitude bits; read {}, trim {}, decrement {} (one LSB {}), pulse multiplier {}, largest code {}\n\n",
                                 input.conductance.size(), input.levels.size(), format_quantity(input.point.v_read, "V"),
                                 format_quantity(input.point.v_trim, "V"), format_quantity(input.point.v_decrement, "V"), format_quantity(unit, "V"),
                                 input.point.pulse_multiplier, input.point.max_code);
  const bool both = forms.size() == 2;
  const auto row = [&](const std::string& what, int digits, const auto& of) {
    text += fmt::format("{:<40}", what);
    for (const Form& f : forms) text += fmt::format("{:>12.{}f}", static_cast<double>(of(f)), digits);
    if (both) text += fmt::format("{:>12.{}f}", static_cast<double>(of(forms[1])) - static_cast<double>(of(forms[0])), digits);
    text += "\n";
  };
  text += fmt::format("{:<40}", "");
  for (const Form& f : forms) text += fmt::format("{:>12}", f.name);
  text += both ? fmt::format("{:>12}\n", "difference") : "\n";
  row("code", 0, [](const Form& f) { return f.record.code; });
  row("integrated voltage - VREF [mV]", 3, [](const Form& f) { return 1e3 * f.record.v_integrated; });
  row("integrated voltage - VREF [LSB]", 3, [&](const Form& f) { return f.record.v_integrated / unit; });
  for (size_t k = 0; k < input.levels.size(); ++k) {
    row(fmt::format("line of bit {} while driven - VREF [mV]", k), 3, [&](const Form& f) { return 1e3 * f.record.v_line_driven.at(k); });
    row(fmt::format("line of bit {} when held - VREF [mV]", k), 3, [&](const Form& f) { return 1e3 * f.record.v_line_held.at(k); });
  }
  row("duration [ns]", 1, [](const Form& f) { return 1e9 * f.record.duration; });
  for (size_t c = 0; c < solver::component_names.size(); ++c)
    row(fmt::format("energy, {} [fJ]", solver::component_names[c]), 1, [&](const Form& f) { return 1e15 * f.energy.joule[c]; });
  row("energy, total [fJ]", 1, [](const Form& f) { return 1e15 * f.energy.total(); });
  row("time points", 0, [](const Form& f) { return f.record.time_points; });
  row("processor time [s]", 4, [](const Form& f) { return f.record.cpu_seconds; });
  return text;
}

Form ode_form(const validation::Calibration& calibration, const circuits::ControlProgram& program, const ColumnInput& input) {
  const auto start = std::chrono::steady_clock::now();
  solver::OdeResult ode = solver::simulate_conversion(calibration.neuron, program, input);
  ode.record.time_points = ode.steps;
  ode.record.cpu_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const solver::EventCounts events = solver::events_of(calibration.neuron, program, input, ode.record);
  return {"ODE form", std::move(ode.record), calibration.energy.energy(events)};
}

void simulate(const CommonOptions& common, const SimulateOptions& o) {
  const validation::CalibrationSettings settings = neuron_settings(common);
  const circuits::ControlProgram program = neuron_program(settings);
  const ColumnInput input = chosen_column(o, common, settings);
  if (o.form == "ode" && !(o.deck.empty() && o.waveform.empty())) throw Error("--export and --waveform need --form ngspice or both");
  if (!common.out.empty()) make_output_folder(common.out);
  std::vector<Form> forms;
  constexpr int neurons_per_bias = 256;  // a core shares one bias generator
  if (o.form != "ode") {
    const circuits::ConversionOptions options{.tolerance = settings.tolerance};
    auto [record, waveform] = in_ngspice(settings, program, input, options);
    if (!o.deck.empty()) write_text_file(o.deck, circuits::export_deck(circuits::column_setup(settings.circuit, program, input), options, record, waveform));
    if (!o.waveform.empty()) write_waveform(o.waveform, waveform, settings.circuit.v_ref);
    const solver::EnergyBreakdown energy = solver::energy_of(record, neurons_per_bias);
    forms.push_back({"ngspice", std::move(record), energy});
  }
  if (o.form != "ngspice") forms.push_back(ode_form(validation::calibrate(settings, Cache({}, !common.no_cache)), program, input));
  Json json{{"column", input}};
  for (const Form& f : forms) json[f.name == "ngspice" ? "ngspice" : "ode"] = form_json(f);
  deliver(common, "neuron_simulate", json, table(forms, input, solver::lsb(settings.circuit, input.point)));
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
  CLI::App* command = add_command(neuron, "simulate", "one conversion of one column at transistor level, as the behavioural model, or both",
                                  [o](const CommonOptions& common) { simulate(common, *o); });
  command->get_option("config")->required(false)->description("job (TOML) whose [calibrate] table counts; without it: defaults");
  command->add_option("--rows", o->rows, "rows of the random column, even; without it: 16 to 256")->check(CLI::Range(2, 4096))->type_name("N");
  command->add_option("--index", o->index, "number of the random column in its plan")->check(CLI::Range(0, 1 << 30))->capture_default_str();
  command->add_option("--purpose", o->purpose, "plan that the random column is taken from")->check(CLI::IsMember({"calibration", "validation"}))->capture_default_str();
  command->add_option("--input", o->input, "column as JSON (circuits/column_file.hpp) instead of a random one")->type_name("FILE");
  command->add_option("--v-read", o->v_read, "amplitude of the row drivers")->type_name("V");
  command->add_option("--v-trim", o->v_trim, "reference of the sampled line minus VREF")->type_name("V");
  command->add_option("--v-decrement", o->v_decrement, "charge decrement level")->type_name("V");
  command->add_option("--pulse-multiplier", o->pulse_multiplier, "samples of the least significant bit")->type_name("N");
  command->add_option("--max-code", o->max_code, "decrements after which the conversion ends")->type_name("N");
  command->add_option("--form", o->form, "ode and both calibrate first, or take the calibration from the cache")->check(CLI::IsMember({"ngspice", "ode", "both"}))->capture_default_str();
  command->add_option("--export", o->deck, "writes a self-contained deck for `ngspice -b`")->type_name("FILE");
  command->add_option("--waveform", o->waveform, "writes output, line and amplifier input over time as CSV")->type_name("FILE");
}

}  // namespace mho::cli
