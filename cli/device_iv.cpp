// mho device iv, pulse, export-spice: one device under a voltage sweep or a train of pulses, by either engine, or as a deck.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "circuits/device_spice.hpp"
#include "cli/commands.hpp"
#include "cli/device.hpp"
#include "cli/device_reference.hpp"
#include "core/errors.hpp"
#include "core/units.hpp"
#include "report/device_figures.hpp"
#include "validation/devices_acceptance.hpp"

namespace mho::cli {
namespace {

struct Sweep {
  double v_set = 2.0, v_reset = 2.0, rate = 1.0, max_dv = 2e-3;
  int cycles = 1;
};
struct Train {
  double v_set = 2.0, v_reset = 0.0, step = 0.0, width = 1e-6, edge = 10e-9, gap = 1e-7, v_read = 0.1;
  int count = 1;
  bool reset_first = false;
};

devices::Drive drive_of(const Sweep& s) { return devices::triangle(s.v_set, -s.v_reset, s.rate, s.cycles); }

std::vector<devices::PulseShape> shapes_of(const Train& t) {
  std::vector<devices::PulseShape> shapes;
  for (int k = 0; k < t.count; ++k)
    for (const bool reset : {t.reset_first, !t.reset_first}) {
      const double v = reset ? t.v_reset : t.v_set;
      if (v == 0.0) continue;
      shapes.push_back({(reset ? -1.0 : 1.0) * (v + k * t.step), t.width, t.edge});
    }
  if (shapes.empty()) throw Error("--set and --reset are both 0: there is no pulse");
  return shapes;
}

void add_sweep(CLI::App& command, Sweep& s) {
  add_quantity(command, "--set", s.v_set, "V", 0.0, 20.0, "end of the SET half of the triangle");
  add_quantity(command, "--reset", s.v_reset, "V", 0.0, 20.0, "magnitude of the end of the RESET half");
  add_quantity(command, "--rate", s.rate, "V/s", 1e-6, 1e12, "ramp rate");
  add_quantity(command, "--max-dv", s.max_dv, "V", 1e-6, 1.0, "largest step of the drive");
  command.add_option("--cycles", s.cycles, "triangles")->check(CLI::Range(1, 100000))->capture_default_str();
}

void add_train(CLI::App& command, Train& t) {
  add_quantity(command, "--set", t.v_set, "V", 0.0, 20.0, "amplitude of SET pulses; 0: none");
  add_quantity(command, "--reset", t.v_reset, "V", 0.0, 20.0, "amplitude of RESET pulses; 0: none");
  add_quantity(command, "--step", t.step, "V", -5.0, 5.0, "change of both amplitudes from pulse to pulse");
  add_quantity(command, "--width", t.width, "s", 1e-10, 1e4, "flat part of a pulse");
  add_quantity(command, "--edge", t.edge, "s", 1e-12, 1e3, "each of its edges");
  add_quantity(command, "--gap", t.gap, "s", 0.0, 1e6, "at 0 V between pulses");
  add_quantity(command, "--v-read", t.v_read, "V", 1e-4, 2.0, "conductance is given at this cell voltage");
  command.add_option("--count", t.count, "pulses of each polarity")->check(CLI::Range(1, 1000000))->capture_default_str();
  command.add_flag("--reset-first", t.reset_first, "the train starts with a RESET");
}

double largest(const devices::DeviceTrace& trace, double sign) {
  double top = 0.0;
  for (size_t i = 0; i < trace.size(); ++i)
    if (sign * trace.drive[i] > 0.0) top = std::max(top, sign * trace.current[i]);
  return top;
}

// Files beside --out: a picture of its own, and a curve to compare with.
struct Extra {
  std::string picture, reference;
};

void add_picture(CLI::App& command, Extra& e) { command.add_option("--picture", e.picture, "picture to write, .svg or .png")->type_name("FILE"); }

void iv(const DeviceOptions& options, const LoadOptions& loading, const Sweep& sweep, const Extra& extra) {
  const devices::Card card = load_device(options);
  const devices::AnyMemristor model = model_of(card);
  const devices::Load load = load_of(loading, card);
  const devices::State start = start_of(loading, model);
  const devices::Drive drive = drive_of(sweep);
  if (!extra.picture.empty()) report::check_picture_name(extra.picture);
  if (!options.out.empty()) make_output_folder(options.out);
  devices::DeviceTrace reference;
  if (!extra.reference.empty()) reference = load_reference(extra.reference, drive);
  Json json = Json::array();
  std::string text = fmt::format("{:<10}{:>12}{:>12}{:>14}{:>14}{:>14}{:>10}\n", "engine", "V_set [V]", "V_reset [V]", "I_set [A]", "I_reset [A]", "R end [ohm]", "steps"), notes;
  std::vector<report::DeviceCurve> curves;
  if (!extra.reference.empty()) curves.push_back({"reference", reference.t, reference.drive, reference.current, true});
  for (const std::string& engine : engines_of(loading)) {
    const devices::TransientResult run = run_engine(engine, loading, model, load, drive, start, sweep.max_dv);
    const double v_set = validation::set_voltage(run.trace);
    const auto peak = validation::reset_peak(run.trace);
    const double r = 1.0 / devices::conductance(model, 0.1, run.state);
    text += fmt::format("{:<10}{:>12.4g}{:>12.4g}{:>14.4g}{:>14.4g}{:>14.5g}{:>10}\n", engine, v_set, peak.v, largest(run.trace, 1.0), peak.i, r, run.steps);
    notes += fmt::format("{}: {:.4g} J from the source; limits of the model at work: {}{}\n", engine, run.energy, devices::limit_names(run.limits), run.compliance ? "; compliance" : "");
    json.push_back({{"engine", engine}, {"v_set", quantity(v_set, "V")}, {"v_reset", quantity(peak.v, "V")}, {"i_set", quantity(largest(run.trace, 1.0), "A")}, {"i_reset", quantity(peak.i, "A")},
                    {"resistance_end", quantity(r, "ohm")}, {"energy", quantity(run.energy, "J")}, {"steps", run.steps}, {"limits", devices::limit_names(run.limits)}});
    if (!extra.reference.empty()) {
      const ReferenceAgreement a = agreement(reference, run.trace, drive);
      notes += fmt::format("{}: {} points of {} lie rms {:.2g}, at worst {:.2g} times 1 % in current or 2 mV from the curve; worst at {:+.3f} V, {:+.3g} A: {:.2g} % and {:.2g} mV\n", engine,
                           reference.t.size(), extra.reference, a.rms, a.worst, a.drive, a.current, 100.0 * a.current_error, 1e3 * a.shift);
      json.back()["reference"] = {{"rms_of_limit", a.rms}, {"worst_of_limit", a.worst}, {"worst_drive", quantity(a.drive, "V")}, {"worst_current", quantity(a.current, "A")}};
    }
    curves.push_back({engine, run.trace.t, run.trace.drive, run.trace.current, false});
    if (!options.out.empty()) write_trace(fmt::format("{}/iv_{}.csv", options.out, engine), model, run.trace);
  }
  if (!options.out.empty()) {
    report::write_picture(options.out + "/iv.svg", report::iv_picture(card.name, curves));
    notes += fmt::format("{0}/iv.svg, {0}/iv_*.csv\n", options.out);
  }
  if (!extra.picture.empty()) report::write_picture(extra.picture, report::iv_picture(card.name, curves));
  deliver(options, "iv", json, text + "V applied, SET positive; R at 0.1 V\n" + notes);
}

void pulse(const DeviceOptions& options, const LoadOptions& loading, const Train& train, const Extra& extra) {
  if (!extra.picture.empty()) report::check_picture_name(extra.picture);
  const devices::Card card = load_device(options);
  const devices::AnyMemristor model = model_of(card);
  const devices::Load load = load_of(loading, card);
  const auto shapes = shapes_of(train);
  if (!options.out.empty()) make_output_folder(options.out);
  Json json = Json::array();
  std::string text = fmt::format("{:<10}{:>8}{:>12}{:>14}{:>14}{:>14}", "engine", "pulse", "V", "G [uS]", "R [ohm]", "E [J]");
  for (const auto& s : devices::state_info(model)) text += fmt::format("{:>18}", fmt::format("{} [{}]", s.name, s.unit));
  text += "  limits\n";
  std::vector<report::DeviceCurve> curves;
  std::vector<report::PulseSeries> series;
  for (const std::string& engine : engines_of(loading)) {
    devices::State state = start_of(loading, model);
    report::PulseSeries points{engine, {0.0}, {devices::conductance(model, train.v_read, state)}};
    devices::DeviceTrace all;
    double clock = 0.0;
    for (size_t k = 0; k < shapes.size(); ++k) {
      const devices::Drive drive = devices::pulse_train({shapes[k]}, train.gap);
      const devices::TransientResult run = run_engine(engine, loading, model, load, drive, state, 0.05);
      state = run.state;
      const double g = devices::conductance(model, train.v_read, state);
      points.pulse.push_back(static_cast<double>(k + 1));
      points.conductance.push_back(g);
      const devices::State shown = devices::observe(model, state);
      text += fmt::format("{:<10}{:>8}{:>12.4g}{:>14.5g}{:>14.5g}{:>14.4g}", engine, k + 1, shapes[k].v, 1e6 * g, 1.0 / g, run.energy);
      Json row{{"engine", engine}, {"pulse", k + 1}, {"v", quantity(shapes[k].v, "V")}, {"conductance", quantity(g, "S")}, {"energy", quantity(run.energy, "J")}, {"limits", devices::limit_names(run.limits)}};
      const auto info = devices::state_info(model);
      for (size_t s = 0; s < info.size(); ++s) {
        text += fmt::format("{:>18.6g}", shown[static_cast<Eigen::Index>(s)]);
        row[std::string(info[s].name)] = quantity(shown[static_cast<Eigen::Index>(s)], info[s].unit);
      }
      text += "  " + devices::limit_names(run.limits) + "\n";
      json.push_back(row);
      for (size_t i = 0; i < run.trace.size(); ++i) {
        all.t.push_back(clock + run.trace.t[i]);
        all.drive.push_back(run.trace.drive[i]);
        all.v.push_back(run.trace.v[i]);
        all.current.push_back(run.trace.current[i]);
        all.temperature.push_back(run.trace.temperature[i]);
        all.state.push_back(run.trace.state[i]);
      }
      clock += drive.end();
    }
    if (!options.out.empty()) write_trace(fmt::format("{}/pulse_{}.csv", options.out, engine), model, all);
    curves.push_back({engine, all.t, all.drive, all.current, false});
    series.push_back(points);
  }
  if (!options.out.empty()) {
    report::write_picture(options.out + "/pulse.svg", report::pulse_picture(card.name, curves, series));
    text += fmt::format("{0}/pulse.svg, {0}/pulse_*.csv\n", options.out);
  }
  if (!extra.picture.empty()) report::write_picture(extra.picture, report::pulse_picture(card.name, curves, series));
  deliver(options, "pulse", json, text);
}

void export_spice(const DeviceOptions& options, const LoadOptions& loading, const Sweep& sweep, const Train& train, bool pulses, const std::string& deck) {
  const devices::Card card = load_device(options);
  const devices::AnyMemristor model = model_of(card);
  const devices::Drive drive = pulses ? devices::pulse_train(shapes_of(train), train.gap) : drive_of(sweep);
  circuits::SpiceDeviceOptions o;
  o.max_dv = pulses ? 0.05 : sweep.max_dv;
  const std::string table = deck.substr(0, deck.rfind('.') == std::string::npos ? deck.size() : deck.rfind('.')) + ".txt";
  write_text_file(deck, circuits::export_device_deck(model, load_of(loading, card), drive, start_of(loading, model), table, o));
  fmt::print("{}: run it with  ngspice -b {}  which writes {}\n", deck, deck, table);
}

}  // namespace

void add_device_iv(CLI::App& device) {
  struct All { DeviceOptions o; LoadOptions l; Sweep s; Extra e; };
  const auto a = std::make_shared<All>();
  CLI::App* command = device.add_subcommand("iv", "DC butterfly of a card, with compliance, series resistance or select transistor");
  add_device_options(*command, a->o);
  add_load_options(*command, a->l);
  add_sweep(*command, a->s);
  add_picture(*command, a->e);
  command->add_option("--reference", a->e.reference, "curve of the same sweep to compare with and to draw: CSV with t[s], drive[V] or v[V], i[A]")->type_name("FILE");
  command->callback([a] { iv(a->o, a->l, a->s, a->e); });
}

void add_device_pulse(CLI::App& device) {
  struct All { DeviceOptions o; LoadOptions l; Train t; Extra e; };
  const auto a = std::make_shared<All>();
  CLI::App* command = device.add_subcommand("pulse", "pulse train on a card, conductance after each pulse");
  add_device_options(*command, a->o);
  add_load_options(*command, a->l);
  add_train(*command, a->t);
  add_picture(*command, a->e);
  command->callback([a] { pulse(a->o, a->l, a->t, a->e); });
}

void add_device_export(CLI::App& device) {
  struct All { DeviceOptions o; LoadOptions l; Sweep s; Train t; std::string deck; };
  const auto a = std::make_shared<All>();
  CLI::App* command = device.add_subcommand("export-spice", "a self-contained deck of a sweep or a pulse train for plain ngspice -b");
  CLI::App* sweep = command->add_subcommand("iv", "of a sweep; options as mho device iv");
  CLI::App* train = command->add_subcommand("pulse", "of a pulse train; options as mho device pulse");
  command->require_subcommand(1);
  for (CLI::App* kind : {sweep, train}) {
    add_device_options(*kind, a->o);
    add_load_options(*kind, a->l);
    kind->add_option("--deck", a->deck, "file to write")->required()->type_name("FILE");
  }
  add_sweep(*sweep, a->s);
  add_train(*train, a->t);
  sweep->callback([a] { export_spice(a->o, a->l, a->s, a->t, false, a->deck); });
  train->callback([a] { export_spice(a->o, a->l, a->s, a->t, true, a->deck); });
}

}  // namespace mho::cli
