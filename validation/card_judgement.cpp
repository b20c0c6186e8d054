#include "validation/card_judgement.hpp"

#include <fmt/format.h>

namespace mho::validation {
namespace {

using Currents = std::vector<std::vector<double>>;

// Data and card as what they change against tt and 27 degC: both currents times I_tt,data/I_tt,card
// in the coordinate of the metric.
CardErrors shift_errors(const Currents& card, const TransistorCurves& data, const Currents& card_tt,
                        const TransistorCurves& data_tt) {
  TransistorCurves shifted = data;
  for (size_t g = 0; g < data.geometries.size(); ++g)
    for (size_t b = 0; b < data.biases.size(); ++b) {
      const auto at = [&](double i) { return current_coordinate(i, data.geometries[g]); };
      const double y = at(data.currents[g][b]) - at(data_tt.currents[g][b]) + at(card_tt[g][b]);
      shifted.currents[g][b] = current_at(y, data.geometries[g]);
    }
  return card_errors(card, shifted);
}

}  // namespace

std::string geometry_table(const TransistorCurves& data, const CardErrors& errors) {
  std::string text;
  for (size_t g = 0; g < data.geometries.size(); ++g)
    text += fmt::format("* {:.2f}/{:.2f} um  {:.4f}{}\n", data.geometries[g].w * 1e6,
                        data.geometries[g].l * 1e6, errors.geometry[g],
                        data.held_out[g] ? "  held out" : "");
  return text;
}

Section judge_card(spice::Session& session, const std::vector<circuits::TransistorCard>& cards,
                   const std::vector<TransistorCurves>& data) {
  Section section;
  section.name = "model card";
  section.json["sets"] = Json::array();
  section.text =
      "rms of asinh(I/I0), I0 = 3 nA W/L; change: of the difference to tt at 27 degC\n"
      "device corner T[degC]    fit  held out  with body bias  change: fit  held out\n";
  for (const TransistorCurves& set : data) {
    const circuits::TransistorCard& tt = circuits::card_named(cards, set.device);
    const auto card = circuits::shifted(tt, circuits::corner_shift(set.corner, set.device));
    const TransistorCurves& typical = curves_of(data, set.device, circuits::Corner::tt, 27.0);
    const Currents currents = card_currents(session, card, set);
    const CardErrors e = card_errors(currents, set);
    const CardErrors change =
        shift_errors(currents, set, card_currents(session, tt, typical), typical);
    const std::string_view corner = circuits::corner_name(set.corner);
    section.text += fmt::format(
        "{:<6} {:<6} {:>7.0f} {:>6.3f} {:>9.3f} {:>15.3f} {:>12.3f} {:>9.3f}\n", set.device, corner,
        set.temperature, e.fit, e.held_out, e.held_out_body, change.fit, change.held_out);
    Json geometries = Json::array();
    for (size_t g = 0; g < set.geometries.size(); ++g)
      geometries.push_back({{"w", quantity(set.geometries[g].w, "m")},
                            {"l", quantity(set.geometries[g].l, "m")},
                            {"rms", e.geometry[g]},
                            {"held_out", static_cast<bool>(set.held_out[g])}});
    section.json["sets"].push_back({{"device", set.device},
                                    {"corner", std::string(corner)},
                                    {"temperature", quantity(set.temperature, "degC")},
                                    {"fit", e.fit},
                                    {"held_out", e.held_out},
                                    {"held_out_body", e.held_out_body},
                                    {"change_fit", change.fit},
                                    {"change_held_out", change.held_out},
                                    {"geometries", geometries}});
    if (&set != &typical) continue;
    for (const auto& [what, value] :
         {std::pair("held out", e.held_out), std::pair("held out with body bias", e.held_out_body)})
      if (!(value <= held_out_limit))
        section.missed.push_back(
            fmt::format("{}: {} {:.3f}, limit {}", set.device, what, value, held_out_limit));
  }
  return section;
}

}  // namespace mho::validation
