// mho card: the transistor models that the circuits run on, fitted to and held against a table of
// currents. docs/circuits.md.
#include <fmt/format.h>

#include <memory>

#include "cli/commands.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"
#include "core/parallel.hpp"
#include "core/units.hpp"
#include "validation/card_fit.hpp"
#include "validation/card_judgement.hpp"

namespace mho::cli {
namespace {

using circuits::Corner;

struct Options {
  std::string data, device, stage = "typical", card, out;
  validation::CardFitOptions fit;
  int threads = 0;
  bool json = false;
};

// A table of the corner file.
std::string shift_text(Corner corner, const std::string& device,
                       const circuits::CornerShift& shift) {
  std::string text = fmt::format("[{}.{}]\n", circuits::corner_name(corner), device);
  for (const auto& p : ParameterTable<circuits::CornerShift>::table) {
    const double value = shift.*p.member;
    text += p.unit == "1" ? fmt::format("{} = {:.4g}\n", p.key, value)
                          : fmt::format("{} = \"{}\"\n", p.key, format_quantity(value, p.unit, 4));
  }
  return text + "\n";
}

std::string corner_text(const circuits::TransistorCard& card,
                        const std::vector<validation::TransistorCurves>& data,
                        const std::string& device) {
  spice::Session session;
  const auto& typical = validation::curves_of(data, device, Corner::tt, 27.0);
  std::string text;
  for (const Corner corner : circuits::all_corners)
    if (corner != Corner::tt)
      text += shift_text(corner, device,
                         validation::fit_corner(session, card, typical,
                                                validation::curves_of(data, device, corner, 27.0)));
  return text;
}

// The card, and its errors by geometry as comments.
std::string typical_text(const circuits::TransistorCard& card,
                         const validation::TransistorCurves& data,
                         const validation::CardFitOptions& options) {
  const circuits::TransistorCard fitted = validation::fit_typical(card, data, options);
  spice::Session session;
  const validation::CardErrors e =
      validation::card_errors(validation::card_currents(session, fitted, data), data);
  return circuits::card_text(fitted) +
         fmt::format("* rms {:.4f}, held out {:.4f}, with body bias {:.4f}\n", e.fit, e.held_out,
                     e.held_out_body) +
         validation::geometry_table(data, e);
}

std::string temperature_text(const circuits::TransistorCard& card,
                             const std::vector<validation::TransistorCurves>& data,
                             const std::string& device) {
  spice::Session session;
  std::vector<const validation::TransistorCurves*> sets;
  for (const auto& set : data)
    if (set.device == device && set.corner == Corner::tt) sets.push_back(&set);
  return circuits::card_text(validation::fit_temperature(session, card, sets));
}

std::vector<circuits::TransistorCard> cards_of(const Options& o) {
  return o.card.empty() ? circuits::embedded_cards() : circuits::read_cards(o.card);
}

void fit(Options o) {
  const auto data = validation::read_transistor_curves(o.data);
  const auto cards = cards_of(o);
  const circuits::TransistorCard& card = circuits::card_named(cards, o.device);
  o.fit.workers = o.threads > 0 ? o.threads : default_threads();
  std::string text;
  if (o.stage == "typical")
    text = typical_text(card, validation::curves_of(data, o.device, Corner::tt, 27.0), o.fit);
  else
    text = o.stage == "temperature" ? temperature_text(card, data, o.device)
                                    : corner_text(card, data, o.device);
  fmt::print("{}", text);
  if (!o.out.empty()) write_text_file(o.out, text);
}

void judge(const Options& o) {
  const auto data = validation::read_transistor_curves(o.data);
  spice::Session session;
  const validation::Section section = validation::judge_card(session, cards_of(o), data);
  fmt::print("{}", o.json ? section.json.dump(1) + "\n" : section.text);
  if (!section.missed.empty())
    throw Error(fmt::format("{} limits missed, the first: {}", section.missed.size(),
                            section.missed.front()),
                ExitStatus::threshold_missed);
}

void add_data(CLI::App& command, Options& o) {
  command.add_option("--data", o.data, "currents, CSV or CSV.gz (validation/transistor_data.hpp)")
      ->required()
      ->type_name("FILE");
}

}  // namespace

void add_card_fit(CLI::App& card) {
  const auto o = std::make_shared<Options>();
  CLI::App* c = card.add_subcommand("fit", "fit the BSIM4 card of one transistor to currents");
  add_data(*c, *o);
  c->add_option("--device", o->device, "n18, p18, n50 or p50")
      ->required()
      ->check(CLI::IsMember({"n18", "p18", "n50", "p50"}));
  c->add_option(
       "--stage", o->stage,
       "typical: the card (n18, p18); temperature: its temperature parameters; corners: the "
       "tables of netlists/corners.toml")
      ->check(CLI::IsMember({"typical", "temperature", "corners"}))
      ->capture_default_str();
  c->add_option("--card", o->card, "card to start from; without: netlists/card_130nm.lib")
      ->type_name("FILE");
  c->add_option("--starts", o->fit.starts, "random starts beside the card")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  c->add_option("--rough", o->fit.rough, "iterations of each start")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  c->add_option("--refine", o->fit.refined, "iterations of the best")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  c->add_option("--pull", o->fit.pull, "residual of a parameter at the end of its range")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str();
  c->add_option("--seed", o->fit.seed, "of the random starts")->capture_default_str();
  c->add_option("--threads", o->threads,
                "processes, 0: all processors; results do not depend on it")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  c->add_option("--out", o->out, "file for what is printed")->type_name("FILE");
  c->callback([o] { fit(*o); });
}

void add_card_judge(CLI::App& card) {
  const auto o = std::make_shared<Options>();
  CLI::App* c = card.add_subcommand("judge",
                                    "errors of the card at every corner and temperature of the "
                                    "data; status 4 when a limit is missed");
  add_data(*c, *o);
  c->add_option("--card", o->card, "card to judge; without: netlists/card_130nm.lib")
      ->type_name("FILE");
  c->add_flag("--json", o->json, "print JSON instead of a table");
  c->callback([o] { judge(*o); });
}

}  // namespace mho::cli
