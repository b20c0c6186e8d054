#include "devices/fit/fit_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/units.hpp"

namespace mho::devices {
namespace {

std::string toml_text(std::string_view s) {
  std::string out = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 32 ? ' ' : c;
  }
  return out + "\"";
}

std::string toml_number(double value, std::string_view unit) {
  return unit == "1" ? fmt::format("{:.9g}", value) : fmt::format("\"{:.9g} {}\"", value, unit);
}

// One comment line, whatever a path holds.
std::string comment(const std::string& text) {
  std::string out = "# " + text;
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 32) c = ' ';
  return out + "\n";
}

Json number(double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); }

Json event_json(const EventComparison& e) {
  return {{"kind", e.set ? "set" : "reset"},
          {"v_measured", quantity(e.v_measured, "V")},
          {"v_model", {{"value", number(e.v_model)}, {"unit", "V"}}},
          {"ratio_measured", e.ratio_measured},
          {"ratio_model", number(e.ratio_model)}};
}

// A prefix before a compound unit would be read as part of it.
std::string quantity_text(double value, const std::string& unit, int digits = 4) {
  if (!std::isfinite(value)) return "-";
  if (unit == "1") return fmt::format("{:.{}g}", value, digits);
  return unit.find_first_of("/(*") == std::string::npos && unit != "K"
             ? format_quantity(value, unit, digits)
             : fmt::format("{:.{}g} {}", value, digits, unit);
}

std::string events_text(const CycleComparison& c) {
  std::string text;
  for (const EventComparison& e : c.events)
    text += std::isfinite(e.v_model)
                ? fmt::format("  {} {:.3f} -> {:.3f} V", e.set ? "SET" : "RESET", e.v_measured,
                              e.v_model)
                : fmt::format("  {} {:.3f} V -> none", e.set ? "SET" : "RESET", e.v_measured);
  return text;
}

}  // namespace

std::string card_text(const DeviceFit& fit, const FitOrigin& o) {
  std::string text = comment(fmt::format(
      "Fitted by mho device fit: {}, {} cycles, seed {}, {}.", o.data,
      std::count_if(fit.cycles.begin(), fit.cycles.end(), [](const auto& c) { return c.training; }),
      o.seed, fit.status));
  text += comment(fmt::format(
      "rms of ln I: {:.3g} on the cycles of the fit, {:.3g} on the others. Behind {:g} ohm in "
      "series{}.",
      fit.rms(true), fit.rms(false), fit.r_series,
      o.compliance > 0.0 ? fmt::format(", compliance {}", format_quantity(o.compliance, "A"))
                         : ""));
  for (const std::string& w : fit.warnings) text += comment("Warning: " + w + ".");
  text += fmt::format("model = {}\nname = {}\nsource = {}\ndoi = \"\"\n\n[parameters]\n",
                      toml_text(model_name(fit.model)), toml_text(o.name),
                      toml_text(fmt::format("fitted to {} from {}", o.data, o.start_card)));
  for (const ParameterValue& p : parameters(fit.model)) {
    std::string note(p.meaning);
    for (const FittedParameter& f : fit.parameters)
      if (f.range.key == p.key)
        note += std::isfinite(f.error)
                    ? fmt::format("; fitted, +- {}", quantity_text(f.error, std::string(p.unit), 2))
                    : "; fitted";
    text += fmt::format("{} = {}  # {}\n", p.key, toml_number(p.value, p.unit), note);
  }
  text += "\n[transistor]\n";
  for (const auto& p : ParameterTable<SelectTransistor>::table)
    text += fmt::format("{} = {}\n", p.key, toml_number(o.transistor.*p.member, p.unit));
  return text;
}

Json to_json(const DeviceFit& fit, const FitOrigin& o) {
  Json parameters_json = Json::array(), starts = Json::array(), cycles = Json::array(),
       correlation = Json::array(), eigenvalues = Json::array();
  for (const FittedParameter& p : fit.parameters)
    parameters_json.push_back({{"key", p.range.key},
                               {"unit", p.range.unit},
                               {"value", p.value},
                               {"error", number(p.error)},
                               {"error_of_residuals", number(p.residual_error)},
                               {"error_between_cycles", number(p.cycle_error)},
                               {"start", p.range.start},
                               {"lower", p.range.lower},
                               {"upper", p.range.upper},
                               {"logarithmic", p.range.log},
                               {"at_bound", p.at_bound}});
  for (const StartOutcome& s : fit.starts)
    starts.push_back({{"start", s.number},
                      {"cost", number(s.cost)},
                      {"status", s.status},
                      {"iterations", s.iterations}});
  for (const CycleComparison& c : fit.cycles) {
    Json events = Json::array();
    for (const EventComparison& e : c.events) events.push_back(event_json(e));
    cycles.push_back({{"cycle", c.number},
                      {"role", c.training ? "fit" : "held out"},
                      {"points", c.points},
                      {"rms_ln", number(c.rms)},
                      {"median_ln", number(c.median)},
                      {"finished", c.finished},
                      {"events", events}});
  }
  const FitStatistics& s = fit.statistics;
  for (Eigen::Index a = 0; a < s.correlation.rows(); ++a) {
    Json row = Json::array();
    for (Eigen::Index b = 0; b < s.correlation.cols(); ++b)
      row.push_back(number(s.correlation(a, b)));
    correlation.push_back(row);
  }
  for (double e : s.eigenvalues) eigenvalues.push_back(e);
  return {{"model", std::string(model_name(fit.model))},
          {"data", o.data},
          {"start_card", o.start_card},
          {"seed", o.seed},
          {"status", fit.status},
          {"interrupted", fit.interrupted},
          {"r_series", quantity(fit.r_series, "ohm")},
          {"compliance", o.compliance > 0.0 ? quantity(o.compliance, "A") : Json(nullptr)},
          {"cost_of_card", number(fit.cost_start)},
          {"cost", number(fit.cost)},
          {"sigma_ln", fit.sigma_y},
          {"rms_ln_fit", number(fit.rms(true))},
          {"rms_ln_held_out", number(fit.rms(false))},
          {"parameters", parameters_json},
          {"correlation", correlation},
          {"eigenvalues", eigenvalues},
          {"residuals", {{"scale", s.s}, {"neighbour_correlation", s.rho}, {"count", s.points}}},
          {"starts", starts},
          {"cycles", cycles},
          {"replays", fit.replays},
          {"warnings", fit.warnings},
          {"notes", fit.notes}};
}

CsvTable curve_table(const DeviceFit& fit, bool pulses) {
  CsvTable table;
  table.header = pulses ? std::vector<std::string>{"cycle[1]", "fitted[1]",     "pulse[1]",
                                                   "v[V]",     "g_measured[S]", "g_model[S]"}
                        : std::vector<std::string>{"cycle[1]", "fitted[1]",     "time[s]",
                                                   "v[V]",     "i_measured[A]", "i_model[A]"};
  for (const CycleComparison& c : fit.cycles)
    for (size_t k = 0; k < c.t.size(); ++k)
      table.add({static_cast<double>(c.number), c.training ? 1.0 : 0.0, c.t[k], c.v[k],
                 c.measured[k], c.model[k]});
  return table;
}

std::string report_text(const DeviceFit& fit) {
  std::string text = fmt::format("{}, {}; {} replays\n\n{:<14} {:>13} {:>13} {:>12} {:>26}\n",
                                 model_title(fit.model), fit.status, fit.replays, "parameter",
                                 "start", "fitted", "+-", "range");
  for (const FittedParameter& p : fit.parameters) {
    const std::string& u = p.range.unit;
    text += fmt::format(
        "{:<14} {:>13} {:>13} {:>12} {:>26}{}\n", p.range.key, quantity_text(p.range.start, u),
        quantity_text(p.value, u), quantity_text(p.error, u, 2),
        fmt::format("{} to {}", quantity_text(p.range.lower, u), quantity_text(p.range.upper, u)),
        p.at_bound ? "  at its bound" : "");
  }
  if (!fit.interrupted)
    text += fmt::format(
        "\nrobust cost per residual {:.4g} (card: {:.4g}); relative error of a current {:.3g}; "
        "residuals {:.2f} of what that allows, neighbours correlated by {:.2f}\n",
        fit.cost, fit.cost_start, fit.sigma_y, fit.statistics.s, fit.statistics.rho);
  if (!fit.cycles.empty())
    text += fmt::format(
        "rms of the logarithm: {:.3f} on the cycles of the fit, {} on those held out\n\n",
        fit.rms(true),
        std::isfinite(fit.rms(false)) ? fmt::format("{:.3f}", fit.rms(false)) : "none");
  size_t shown = 0;
  for (const CycleComparison& c : fit.cycles) {
    if (++shown > 20) break;
    text += fmt::format("cycle {:<5}{:<9}rms {:.3f}  median {:.3f}{}{}\n", c.number,
                        c.training ? "fit" : "held out", c.rms, c.median, events_text(c),
                        c.finished ? "" : "  the model did not finish");
  }
  if (shown > 20) text += fmt::format("... {} cycles in fit.json\n", fit.cycles.size());
  for (const std::string& n : fit.notes) text += "note: " + n + "\n";
  for (const std::string& w : fit.warnings) text += "warning: " + w + "\n";
  return text;
}

}  // namespace mho::devices
