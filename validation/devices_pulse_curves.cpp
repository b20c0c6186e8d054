#include "validation/devices_pulse_curves.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/statistics.hpp"
#include "devices/card.hpp"

namespace mho::validation {
namespace {
using devices::Jump;
using devices::PulseCurve;

constexpr double limit_rms = 0.15;    // [1] of ln R off the jump
constexpr double limit_jump = 0.030;  // [V]
constexpr double limit_refit = 0.02;  // [1] rms of ln R between the card's curves and the refit's
constexpr double near_jump = 0.1;     // [V] above the jump's last point, reported apart

std::string title(const PulseCurve& c) {
  return c.polarity == devices::Polarity::set
             ? fmt::format("SET {:g} us, BL {:g} V", 1e6 * c.width, c.v_held)
             : fmt::format("RESET ramp {:g} ns, WL {:g} V", 1e9 * c.width, c.v_held);
}

std::vector<double> simulate(const PulseDevice& d, const PulseCurve& c, int threads) {
  return devices::simulate_pulse_curve(c, d.model, d.transistor, d.bench, threads,
                                       {.tolerance = 1e-6});
}

// Differences of ln R on one kind of points.
struct Difference {
  std::vector<double> values;
  double rms() const { return values.empty() ? 0.0 : mho::rms(values); }
};

struct Comparison {
  Difference fit, held, held_near;  // off the jump; held_near: held-out points close above the jump
  double worst_held = 0.0;          // [1]
  std::optional<Jump> measured, model;
};

Comparison compare(const PulseCurve& curve, const std::vector<double>& r, std::string& text,
                   Json& json) {
  Comparison c;
  std::vector<double> v, measured;
  for (const auto& p : curve.points) v.push_back(p.v), measured.push_back(p.r_after);
  if (curve.polarity == devices::Polarity::set)
    c.measured = devices::find_jump(v, measured), c.model = devices::find_jump(v, r);
  text += fmt::format("\n{}\n   {} [V]  measured [ohm]  model [ohm]  d ln R\n", title(curve),
                      curve.word_line_swept ? "WL" : "SL");
  for (size_t i = 0; i < v.size(); ++i) {
    const double d = std::log(r[i] / measured[i]);
    const bool held = held_out(curve, v[i]);
    const bool jump = c.measured && i >= c.measured->first && i <= c.measured->last;
    if (!jump) (held ? c.held : c.fit).values.push_back(d);
    if (!jump && held) {
      c.worst_held = std::max(c.worst_held, std::abs(d));
      if (c.measured && v[i] > v[c.measured->last] && v[i] < v[c.measured->last] + near_jump)
        c.held_near.values.push_back(d);
    }
    text += fmt::format("   {:6.2f}  {:14.0f}  {:11.0f}  {:+6.3f}{}{}\n", v[i], measured[i], r[i],
                        d, held ? "  held out" : "", jump ? "  jump" : "");
    json.push_back({{"v", v[i]},
                    {"measured", measured[i]},
                    {"model", r[i]},
                    {"held_out", held},
                    {"jump", jump}});
  }
  return c;
}

void judge(const PulseCurve& curve, const Comparison& c, Section& section, std::string& summary,
           Json& json) {
  const std::string name = title(curve);
  const double rms = c.held.rms();
  summary += fmt::format(
      "{}: rms of d ln R off the jump: {:.4f} on {} points of the fit, {:.4f} on {} held out "
      "(worst {:.3f}, at most {:g} wanted){}\n",
      name, c.fit.rms(), c.fit.values.size(), rms, c.held.values.size(), c.worst_held, limit_rms,
      rms <= limit_rms ? "" : "  MISSED");
  json["rms_fit"] = c.fit.rms(), json["rms_held_out"] = rms, json["worst_held_out"] = c.worst_held;
  if (!(rms <= limit_rms))
    section.missed.push_back(
        fmt::format("{}: rms of d ln R on held-out points is {:.4f}, wants at most {:g}", name, rms,
                    limit_rms));
  if (!c.held_near.values.empty()) {
    summary += fmt::format("   of these, the {} points within {:g} mV above the jump: rms {:.3f}\n",
                           c.held_near.values.size(), 1e3 * near_jump, c.held_near.rms());
    json["rms_held_out_next_to_jump"] = c.held_near.rms();
  }
  if (!c.measured) return;
  const double off = c.model ? c.model->v - c.measured->v : NAN;
  const bool good = std::abs(off) <= limit_jump;
  summary += fmt::format(
      "   jump: measured {:.4f} V, model {:.4f} V, {:+.1f} mV (at most {:g} mV wanted){}\n",
      c.measured->v, c.model ? c.model->v : NAN, 1e3 * off, 1e3 * limit_jump,
      good ? "" : "  MISSED");
  json["jump_measured"] = quantity(c.measured->v, "V");
  json["jump_off"] = quantity(off, "V");
  if (!good)
    section.missed.push_back(fmt::format("{}: the jump is {:+.1f} mV off, wants at most {:g} mV",
                                         name, 1e3 * off, 1e3 * limit_jump));
}

// The card, every parameter moved by 3 % in alternating directions.
PulseUnknowns moved(PulseUnknowns u) {
  double sign = 1.0;
  for (const auto& p : ParameterTable<PulseUnknowns>::table) {
    u.*p.member = std::clamp(u.*p.member * (1.0 + 0.03 * sign), p.min, p.max);
    sign = -sign;
  }
  return u;
}

void refit_card(const std::vector<PulseCurve>& curves, const PulseDevice& card, std::uint64_t seed,
                int threads, Refit how, Section& section) {
  PulseFitOptions options{.seed = seed, .threads = threads};
  if (how == Refit::local) options.generations = 0;
  const PulseUnknowns shipped = unknowns_of(card);
  const PulseFit fit = fit_pulse_curves(
      curves, [](const PulseCurve& c, double v) { return !held_out(c, v); }, moved(shipped),
      options);
  Difference between;
  const PulseDevice again = device_of(fit.unknowns);
  for (const PulseCurve& c : curves) {
    const std::vector<double> a = simulate(card, c, threads), b = simulate(again, c, threads);
    for (size_t i = 0; i < a.size(); ++i)
      if (!held_out(c, c.points[i].v)) between.values.push_back(std::log(b[i] / a[i]));
  }
  // A quantile of the magnitudes: a step next to a jump is worth the whole jump.
  std::vector<double> magnitudes;
  for (const double d : between.values) magnitudes.push_back(std::abs(d));
  const double typical = quantile(magnitudes, 0.9);
  section.text += fmt::format(
      "\nrefit {} on the {} points of the fit: loss {:.2f}, condition {:.1e}; |d ln R| to the "
      "card: 90 % of the points below {:.4f}\n"
      "   parameter          card          refit         standard error  weakest direction\n",
      how == Refit::local ? "from a start 3 % off in every parameter" : "from nothing", fit.points,
      fit.loss, fit.condition, typical);
  Json json = {{"points", fit.points},
               {"loss", fit.loss},
               {"condition", fit.condition},
               {"off_p90", typical}};
  for (const auto& p : ParameterTable<PulseUnknowns>::table) {
    section.text += fmt::format("   {:<16} {:12.5g} {:14.5g} {:14.2g} {:+18.2f}   {}, {}\n", p.key,
                                shipped.*p.member, fit.unknowns.*p.member, fit.error.*p.member,
                                fit.weak_direction.*p.member, p.unit, p.meaning);
    json["parameters"][std::string(p.key)] =
        quantity(fit.unknowns.*p.member, fit.error.*p.member, p.unit);
  }
  section.json["refit"] = json;
  if (!(typical <= limit_refit))
    section.missed.push_back(fmt::format(
        "the refit is not the card: 90 % of the points within {:.4f} in ln R, wants {:g}", typical,
        limit_refit));
}
}  // namespace

PulseDevice shipped_pulse_device() {
  const devices::Card card = devices::load_card(data_path("devices/params/radar_1t1r.toml"));
  PulseDevice d;
  const auto* device = std::get_if<devices::Device<devices::GapModel>>(&card.device);
  if (!device) throw Error("radar_1t1r.toml: not a card of the gap model");
  d.model = device->model;
  d.transistor = card.transistor;
  TomlFile file(data_path("devices/params/benches/radar_1t1r.toml"));
  file.text("source", "");
  file.read("bench", d.bench);
  file.finish();
  return d;
}

Section validate_pulse_curves(const std::string& data_folder, std::uint64_t seed, int threads,
                              Refit refit) {
  Section section;
  section.name = "pulse_curves";
  if (data_folder.empty()) {
    section.skipped = "no data folder (--data): wants derived/radar_1t1r_pulse_curves.csv";
    return section;
  }
  const std::vector<PulseCurve> curves =
      card_curves(data_folder + "/derived/radar_1t1r_pulse_curves.csv");
  const PulseDevice card = shipped_pulse_device();
  std::string summary;
  section.json["curves"] = Json::array();
  for (const PulseCurve& curve : curves) {
    Json points = Json::array(), json;
    const Comparison c = compare(curve, simulate(card, curve, threads), section.text, points);
    json["name"] = title(curve);
    judge(curve, c, section, summary, json);
    json["points"] = points;
    section.json["curves"].push_back(json);
  }
  section.text = summary + section.text;
  refit_card(curves, card, seed, threads, refit, section);
  return section;
}

}  // namespace mho::validation
