// mho device fit: parameters of a compact model from a lab's own sweeps or pulse trains.
// docs/device_fit.md.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "cli/commands.hpp"
#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "core/parallel.hpp"
#include "core/progress.hpp"
#include "core/units.hpp"
#include "devices/card.hpp"
#include "devices/fit/fit_files.hpp"
#include "report/fit_figure.hpp"

namespace mho::cli {
namespace {

struct Options {
  std::string model, data, card, out, r_series, compliance, v_read, rate, floor, polarity;
  std::vector<std::string> free, bounds;
  devices::DeviceFitOptions fit;
  double sigma = 0.0;
  int threads = 0;
  bool json = false, spread_equal_times = false, quiet = false;
};

double option_quantity(const std::string& name, const std::string& text, std::string_view unit,
                       double min, double max) {
  const auto value = parse_quantity(text, unit);
  if (!value)
    throw Error(fmt::format("{} {}: not a quantity in {}, for example \"{}\"", name, text, unit,
                            format_quantity(max, unit)));
  if (!(*value >= min && *value <= max))
    throw Error(fmt::format("{} {}: outside {} to {}", name, text, format_quantity(min, unit),
                            format_quantity(max, unit)));
  return *value;
}

// Card that a model is started from when none is named: the first in the folder of cards that is of
// this model.
std::string default_card(const std::string& model) {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(data_path("devices/params")))
    if (entry.path().extension() == ".toml") paths.push_back(entry.path().string());
  std::sort(paths.begin(), paths.end());
  for (const std::string& path : paths) {
    TomlFile file(path);
    if (file.text("model", "") == model) return path;
  }
  throw Error(fmt::format("no card of {} is there to start from; --card names one", model));
}

devices::Measurement load_data(const Options& o) {
  devices::MeasurementOptions m;
  if (!o.polarity.empty()) m.set_is_negative = o.polarity == "negative";
  m.spread_equal_times = o.spread_equal_times;
  if (!o.rate.empty()) m.rate = option_quantity("--rate", o.rate, "V/s", 1e-6, 1e9);
  if (!o.v_read.empty()) m.v_read = option_quantity("--v-read", o.v_read, "V", 1e-4, 10.0);
  devices::Measurement data = devices::load_measurement(o.data, m);
  if (!o.r_series.empty())
    data.r_series = option_quantity("--r-series", o.r_series, "ohm", 0.0, 1e9);
  if (!o.compliance.empty())
    data.compliance = option_quantity("--compliance", o.compliance, "A", 1e-12, 10.0);
  return data;
}

// Two cycles of the fit and two held out.
std::string picture(const devices::DeviceFit& fit, bool pulses) {
  std::vector<report::FitCurve> curves;
  for (const bool training : {true, false}) {
    int taken = 0;
    for (const devices::CycleComparison& c : fit.cycles)
      if (c.training == training && taken++ < 2)
        curves.push_back({fmt::format("cycle {}, {}", c.number, training ? "fit" : "held out"),
                          pulses ? c.t : c.v, c.measured, c.model});
  }
  return report::fit_svg(curves, pulses);
}

void run(Options o) {
  const std::vector<std::string> names = devices::model_names();
  if (std::find(names.begin(), names.end(), o.model) == names.end()) {
    std::string all;
    for (const std::string& n : names) all += (all.empty() ? "" : ", ") + n;
    throw Error(fmt::format("no model {}; there are {}", o.model, all));
  }
  const std::string card_path = o.card.empty() ? default_card(o.model) : o.card;
  const devices::Card card = devices::load_card(card_path);
  const devices::AnyMemristor model =
      std::visit([](const auto& d) { return devices::AnyMemristor(d.model); }, card.device);
  if (devices::model_name(model) != o.model)
    throw Error(fmt::format("{} is a card of {}, not of {}", card_path, devices::model_name(model),
                            o.model));
  const devices::Measurement data = load_data(o);
  const devices::Load load = devices::load_of(data, card.transistor);
  o.fit.free = o.free;
  for (const std::string& b : o.bounds) o.fit.bounds.push_back(devices::parse_bound(model, b));
  if (!o.floor.empty()) o.fit.replay.floor = option_quantity("--floor", o.floor, "A", 1e-18, 1.0);
  if (o.sigma > 0.0) {
    o.fit.replay.sigma_y = o.sigma;
    o.fit.keep_sigma_y = true;
  }
  o.fit.threads = o.threads > 0 ? o.threads : default_threads();
  o.fit.progress = !o.quiet;
  if (!o.out.empty()) make_output_folder(o.out);

  const devices::DeviceFit fit = devices::fit_device(model, load, data, o.fit);
  const bool pulses = data.sweeps.empty();
  const std::string stem = std::filesystem::path(o.data).stem().string();
  const devices::FitOrigin origin{
      fmt::format("{}_{}", o.model, stem),       o.data,         card_path, o.fit.seed,
      data.cell_voltage ? 0.0 : data.compliance, card.transistor};
  const Json json = devices::to_json(fit, origin);
  if (!o.out.empty()) {
    write_text_file(o.out + "/card.toml", devices::card_text(fit, origin));
    write_json_file(o.out + "/fit.json", json);
    devices::curve_table(fit, pulses).write(o.out + "/fit.csv");
    if (!fit.cycles.empty()) write_text_file(o.out + "/fit.svg", picture(fit, pulses));
  }
  fmt::print("{}", o.json ? json.dump(1) + "\n" : devices::report_text(fit));
  if (fit.interrupted)
    throw Error(
        fmt::format("interrupted; the best so far is {}", o.out.empty() ? "above" : "in " + o.out),
        ExitStatus::interrupted);
}

}  // namespace

void add_device_fit(CLI::App& device) {
  const auto o = std::make_shared<Options>();
  CLI::App* c =
      device.add_subcommand("fit", "fit a compact model to measured sweeps or pulse trains (CSV)");
  c->add_option("model", o->model, "name of the model, as in a card")
      ->required()
      ->type_name("MODEL");
  c->add_option("data", o->data, "measurement, docs/device_fit.md")->required()->type_name("CSV");
  c->add_option("--card", o->card,
                "card to start from; without: the first of the model in devices/params")
      ->type_name("TOML");
  c->add_option(
       "--free", o->free,
       "parameters to fit, r_series among them; without: those with the most independent influence")
      ->delimiter(',')
      ->type_name("KEY,...");
  c->add_option("--max-free", o->fit.max_free, "at most so many when they are chosen")
      ->check(CLI::Range(1, 20))
      ->capture_default_str();
  c->add_option("--bound", o->bounds,
                "range of a parameter, for example \"i0=1 uA:10 mA\"; repeatable")
      ->type_name("KEY=LOW:HIGH")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  c->add_option("--r-series", o->r_series, "resistance before the cell, for example \"1 kohm\"")
      ->type_name("OHM");
  c->add_option("--compliance", o->compliance, "current limit of SET, for example \"100 uA\"")
      ->type_name("A");
  c->add_option("--v-read", o->v_read, "read voltage of pulse trains without a column of it")
      ->type_name("V");
  c->add_option("--rate", o->rate, "of a sweep without a column of time, for example \"1 V/s\"")
      ->type_name("V/S");
  c->add_option("--set-polarity", o->polarity, "sign of the voltage of SET in the file")
      ->check(CLI::IsMember({"positive", "negative"}));
  c->add_flag("--spread-equal-times", o->spread_equal_times,
              "equal time stamps of a coarse clock are spread evenly");
  c->add_option("--floor", o->floor,
                "current below which only its sign and size count; without: 1e-6 of the largest")
      ->type_name("A");
  c->add_option("--sigma", o->sigma, "relative error of a current; without: estimated")
      ->check(CLI::Range(1e-4, 2.0))
      ->type_name("X");
  c->add_option("--train", o->fit.training,
                "cycles to fit: odd, even, all, first-half, or numbers 1,3,5-9; the others judge")
      ->capture_default_str();
  c->add_option("--skip", o->fit.skip, "cycles at the start to leave out (forming)")
      ->check(CLI::Range(0, 1000000))
      ->capture_default_str();
  c->add_option("--max-train", o->fit.max_training, "cycles of the fit, at most")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  c->add_option("--starts", o->fit.starts, "random starts beside the card")
      ->check(CLI::Range(0, 100000))
      ->capture_default_str();
  c->add_option("--refine", o->fit.refined, "starts that are refined")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  c->add_option("--loss", o->fit.loss, "residual [sigma] from which the loss is linear")
      ->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
  c->add_option("--seed", o->fit.seed, "of the random starts")->capture_default_str();
  c->add_option("--threads", o->threads, "0: all processors; results do not depend on it")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  c->add_option("--out", o->out, "folder for card.toml, fit.json, fit.csv, fit.svg")
      ->type_name("DIR");
  c->add_flag("--json", o->json, "print JSON instead of a table");
  c->add_flag("--quiet", o->quiet, "no progress on stderr");
  c->callback([o] { run(*o); });
}

}  // namespace mho::cli
