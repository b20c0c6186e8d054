// mho neuron check: a designer's amplifier measured in ngspice and held against what the conversion needs of it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>

#include "circuits/amplifier_bench.hpp"
#include "circuits/spice/worker_pool.hpp"
#include "cli/commands.hpp"
#include "cli/device.hpp"
#include "cli/neuron.hpp"
#include "core/csv.hpp"
#include "core/errors.hpp"
#include "core/units.hpp"
#include "report/amplifier_figures.hpp"
#include "validation/amplifier_converter.hpp"

namespace mho::cli {
namespace {

using circuits::AmplifierCurves;
using circuits::AmplifierFigures;
using circuits::AmplifierNeeds;
using circuits::AmplifierReport;
using circuits::SpecRow;

struct CheckOptions {
  std::string amplifier, name = "ota", corner;
  std::vector<std::string> needs;
  std::optional<double> temperature;  // [deg C]
  int magnitude_bits = 3;
  circuits::ReadPoint point;
};

// What is never reached is infinite, which JSON has no word for.
Json number(double v) { return std::isfinite(v) ? Json(v) : Json(); }
double number(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::infinity() : json.get<double>();
}

template <class S>
Json table_json(const S& values) {
  Json json = Json::object();
  for (const Parameter<S>& p : ParameterTable<S>::table) json[std::string(p.key)] = number(values.*p.member);
  return json;
}
template <class S>
S from_table_json(const Json& json) {
  S values;
  for (const Parameter<S>& p : ParameterTable<S>::table) values.*p.member = number(json.at(std::string(p.key)));
  return values;
}

constexpr auto curve_members = std::to_array<std::pair<const char*, std::vector<double> AmplifierCurves::*>>({
    {"out", &AmplifierCurves::out}, {"gain", &AmplifierCurves::gain}, {"frequency", &AmplifierCurves::frequency}, {"magnitude", &AmplifierCurves::magnitude},
    {"phase", &AmplifierCurves::phase}, {"magnitude_integrate", &AmplifierCurves::magnitude_integrate}, {"phase_integrate", &AmplifierCurves::phase_integrate},
    {"t_integrate", &AmplifierCurves::t_integrate}, {"v_integrate", &AmplifierCurves::v_integrate}, {"t_restore", &AmplifierCurves::t_restore}, {"v_restore", &AmplifierCurves::v_restore},
});

// In a worker: a crash or a hang of ngspice on an unknown circuit is an error of this command.
AmplifierReport in_ngspice(const circuits::AmplifierSetup& setup) {
  const auto task = [&](size_t) {
    spice::Session session;
    const AmplifierReport r = circuits::measure_amplifier(session, setup);
    Json json{{"figures", table_json(r.figures)}, {"needs", table_json(r.needs)}, {"models", r.models}};
    for (const auto& [key, member] : curve_members) json["curves"][key] = r.curves.*member;
    return json.dump();
  };
  spice::TaskOutcome outcome;
  spice::run_in_workers(1, {.workers = 1, .timeout = 300.0}, task, [&](size_t, spice::TaskOutcome o) { outcome = std::move(o); });
  if (!outcome.ok) throw Error(outcome.error, outcome.bad_input ? ExitStatus::bad_input : ExitStatus::numerical_failure);
  const Json json = Json::parse(outcome.result);
  AmplifierReport r;
  r.figures = from_table_json<AmplifierFigures>(json.at("figures"));
  r.needs = from_table_json<AmplifierNeeds>(json.at("needs"));
  json.at("models").get_to(r.models);
  for (const auto& [key, member] : curve_members) json.at("curves").at(key).get_to(r.curves.*member);
  return r;
}

std::string shown(double v, const std::string& unit) {
  if (!std::isfinite(v)) return "never";
  if (unit == "1") return fmt::format("{:.4g} ({:.1f} dB)", v, 20.0 * std::log10(std::max(v, 1e-30)));
  if (unit == "LSB") return fmt::format("{:.3f} LSB", v);
  if (unit.empty()) return fmt::format("{:.0f}", v);
  if (unit == "deg") return fmt::format("{:.1f} deg", v);
  if (unit == "V/s") return fmt::format("{:.4g} V/us", 1e-6 * v);
  if (unit == "V/sqrt(Hz)") return fmt::format("{:.4g} nV/sqrt(Hz)", 1e9 * v);
  return format_quantity(v, unit);
}

std::string verdict(const SpecRow& row) { return row.bound == circuits::Bound::none ? "" : row.passes() ? "pass" : "FAIL"; }

std::string table(const circuits::AmplifierSetup& setup, const AmplifierReport& r, const std::vector<SpecRow>& rows) {
  std::string text = fmt::format("{} ({}); transistors: {}; {} degrees C\nLSB at the output {}, full scale {} codes, {} cycles in {}\n\n", setup.amplifier.path, setup.amplifier.name,
                                 r.models, setup.temperature, format_quantity(circuits::lsb_at_output(setup.circuit, setup.point), "V"), setup.point.max_code, setup.times.cycles,
                                 format_quantity(setup.times.conversion, "s"));
  text += fmt::format("{:<42}{:>22}{:>25}  {:<5} how\n", "", "measured", "needed", "");
  for (const SpecRow& row : rows) {
    const std::string sign = row.bound == circuits::Bound::at_least ? ">= " : "<= ";
    text += fmt::format("{:<42}{:>22}{:>25}  {:<5} {}\n", row.quantity, shown(row.value, row.unit), row.bound == circuits::Bound::none ? "" : sign + shown(row.limit, row.unit),
                        verdict(row), row.how);
  }
  return text;
}

Json rows_json(const circuits::AmplifierSetup& setup, const AmplifierReport& r, const std::vector<SpecRow>& rows) {
  Json json{{"amplifier", setup.amplifier.path}, {"subcircuit", setup.amplifier.name}, {"models", r.models}, {"temperature", quantity(setup.temperature, "deg C")}, {"corner", setup.corner},
            {"rows", Json::array()}};
  for (const SpecRow& row : rows) {
    Json line{{"quantity", row.quantity}, {"value", number(row.value)}, {"unit", row.unit}};
    if (row.bound != circuits::Bound::none) {
      line["limit"] = row.limit;
      line["bound"] = row.bound == circuits::Bound::at_least ? "at least" : "at most";
      line["passes"] = row.passes();
    }
    line["how"] = row.how;
    json["rows"].push_back(line);
  }
  return json;
}

void write_pictures(const std::string& out, const circuits::AmplifierSetup& setup, const AmplifierReport& r) {
  const AmplifierCurves& c = r.curves;
  const double v_ref = setup.circuit.v_ref;
  CsvTable loop{{"frequency[Hz]", "loop gain, sample[1]", "phase, sample[deg]", "loop gain, integrate[1]", "phase, integrate[deg]"}, {}};
  for (size_t i = 0; i < c.frequency.size(); ++i) loop.add({c.frequency[i], c.magnitude[i], c.phase[i], c.magnitude_integrate[i], c.phase_integrate[i]});
  loop.write(out + "/loop.csv");
  CsvTable transfer{{"output[V]", "gain[1]"}, {}};
  for (size_t i = 0; i < c.out.size(); ++i) transfer.add({c.out[i], c.gain[i]});
  transfer.write(out + "/transfer.csv");
  write_text_file(out + "/bode.svg", report::bode_svg(setup.amplifier.name, {{"sample phase", c.frequency, c.magnitude, c.phase}, {"integrate phase", c.frequency, c.magnitude_integrate, c.phase_integrate}}));
  write_text_file(out + "/transfer.svg", report::transfer_svg(setup.amplifier.name, {c.out, c.gain, v_ref - r.needs.swing, v_ref + r.needs.swing, r.needs.gain}));
  const double restore = setup.times.compare + 0.8e-9;
  write_text_file(out + "/step.svg", report::step_svg(setup.amplifier.name, {c.t_integrate, c.v_integrate, c.t_restore, c.v_restore, r.needs.settling_integrate, restore, restore + r.needs.settling_restore}));
}

void check(const CommonOptions& common, const CheckOptions& o) {
  const validation::CalibrationSettings settings = neuron_settings(common);
  circuits::AmplifierSetup setup;
  setup.amplifier = circuits::read_amplifier(o.amplifier, o.name);
  setup.circuit = settings.circuit;
  setup.point = o.point;
  setup.times = circuits::phase_times(neuron_program(settings), o.point, o.magnitude_bits);
  setup.temperature = o.temperature.value_or(settings.temperature);
  setup.corner = o.corner.empty() ? circuits::corner_name(settings.corner) : o.corner;
  TomlFile wanted = TomlFile::from_text("", "--need");
  for (const std::string& assignment : o.needs) wanted.set(assignment);
  AmplifierNeeds asked;
  wanted.read("", asked);
  wanted.finish();
  for (const Parameter<AmplifierNeeds>& p : ParameterTable<AmplifierNeeds>::table)
    if (wanted.has(p.key)) setup.asked.emplace_back(p.member, asked.*p.member);
  if (!common.out.empty()) make_output_folder(common.out);
  AmplifierReport r = in_ngspice(setup);
  std::string failure;
  validation::measure_converter(setup, Cache({}, !common.no_cache), r.figures, failure);
  const std::vector<SpecRow> rows = circuits::specification(r.figures, r.needs, setup.circuit, setup.times, setup.temperature);
  if (!common.out.empty()) write_pictures(common.out, setup, r);
  Json json = rows_json(setup, r, rows);
  if (!failure.empty()) json["converter_failure"] = failure;
  deliver(common, "neuron_check", json, table(setup, r, rows) + (failure.empty() ? "" : fmt::format("the converter did not run: {}\n", failure)));
  const auto missed = std::count_if(rows.begin(), rows.end(), [](const SpecRow& row) { return !row.passes(); });
  if (missed > 0) {
    const auto first = std::find_if(rows.begin(), rows.end(), [](const SpecRow& row) { return !row.passes(); });
    throw Error(fmt::format("{}: {} limit{} missed, the first: {}, {} where {} is needed", o.amplifier, missed, missed > 1 ? "s" : "", first->quantity, shown(first->value, first->unit),
                            shown(first->limit, first->unit)),
                ExitStatus::threshold_missed);
  }
}

}  // namespace

void add_neuron_check(CLI::App& neuron) {
  struct All {
    CommonOptions common;
    CheckOptions check;
  };
  const auto a = std::make_shared<All>();
  CheckOptions& o = a->check;
  CLI::App* command = neuron.add_subcommand("check", "an amplifier of your own against everything the conversion needs of it; status 4 when a limit is missed");
  command->add_option("amplifier", o.amplifier, "file with .subckt ota inp inm out vdd bn bp cn cp, and ota_bias if it brings its own")->required()->type_name("FILE");
  command->add_option("--name", o.name, "subcircuit of the file")->type_name("NAME")->capture_default_str();
  command->add_option("--job", a->common.config, "job (TOML) whose [calibrate] table gives circuit and control program; without it: defaults")->type_name("CONFIG");
  command->add_option("--set", a->common.set, "overrides a key of the job; repeatable")->type_name("KEY=VALUE")->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--need", o.needs, "overrides a limit, e.g. supply_current=\"15 uA\"; repeatable")->type_name("KEY=VALUE")->expected(1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--temp", o.temperature, "degrees C; without it calibrate.temperature")->check(CLI::Range(-55.0, 175.0));
  command->add_option("--corner", o.corner, "corner of the transistors; without it calibrate.corner");
  add_quantity(*command, "--v-read", o.point.v_read, "V", 1e-3, 1.0, "amplitude of the row drivers");
  add_quantity(*command, "--v-decrement", o.point.v_decrement, "V", 1e-4, 1.0, "charge decrement level");
  command->add_option("--max-code", o.point.max_code, "largest code")->check(CLI::Range(1, 4095))->capture_default_str();
  command->add_option("--pulse-multiplier", o.point.pulse_multiplier, "samples of the least significant bit")->check(CLI::Range(1, 64))->capture_default_str();
  command->add_option("--bits", o.magnitude_bits, "magnitude bits of the inputs")->check(CLI::Range(1, 8))->capture_default_str();
  command->add_option("--out", a->common.out, "folder for neuron_check.json, loop.csv, transfer.csv and pictures")->type_name("DIR");
  command->add_flag("--json", a->common.json, "print JSON instead of a table");
  command->callback([a] { check(a->common, a->check); });
}

}  // namespace mho::cli
