#include "solver/neuron_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/units.hpp"

namespace mho::solver {
namespace {

template <class S>
Json table_to_json(const S& values) {
  Json json;
  for (const Parameter<S>& p : ParameterTable<S>::table) json[std::string(p.key)] = quantity(values.*p.member, p.unit);
  return json;
}

// Parameters that came with programs that move iso: files from before have none.
bool of_iso(std::string_view key) { return key == "r_iso" || key == "q_iso"; }

template <class S>
void table_from_json(const Json& json, S& values) {
  for (const Parameter<S>& p : ParameterTable<S>::table)
    if (!of_iso(p.key) || json.contains(p.key)) values.*p.member = json.at(std::string(p.key)).at("value").get<double>();
}

}  // namespace

double pinch_off(const NeuronModel& m, double w) {
  const double down = m.circuit.wl_high - w;
  return m.transistor.v_pinch - down * (1.0 / m.fall.n + m.fall.curve * down);
}

double leakage(const NeuronModel& m, double line) {
  const double phi = m.fall.phi, l = 2.0 * phi * std::log1p(std::exp(std::min((pinch_off(m, m.circuit.wl_low) - line) / (2.0 * phi), 30.0)));
  return m.circuit.rows * 0.5 * m.transistor.beta * l * l;
}

void to_json(Json& json, const NeuronModel& m) {
  json = Json{{"circuit", table_to_json(m.circuit)}, {"transistor", table_to_json(m.transistor)}, {"neuron", table_to_json(m.neuron)},
              {"fall", table_to_json(m.fall)}, {"program", m.program}, {"condition", Json{{"corner", m.corner}, {"temperature", quantity(m.temperature, "degC")}}},
              {"range", Json{{"rows", {m.min_rows, m.max_rows}}, {"v_read", quantity(m.max_v_read, "V")}, {"min_v_read", quantity(m.min_v_read, "V")},
                             {"v_decrement", Json{{"value", {m.min_v_decrement, m.max_v_decrement}}, {"unit", "V"}}}, {"v_integrated", quantity(m.max_abs_v_integrated, "V")}}}};
  if (m.rest) json["rest"] = Json{{"line", quantity(m.rest->line, "V")}, {"out", quantity(m.rest->out, "V")}};
}

void from_json(const Json& json, NeuronModel& m) {
  table_from_json(json.at("circuit"), m.circuit);
  table_from_json(json.at("transistor"), m.transistor);
  table_from_json(json.at("neuron"), m.neuron);
  table_from_json(json.at("fall"), m.fall);
  json.at("program").get_to(m.program);
  m.rest.reset();
  if (json.contains("rest")) m.rest = RestState{json["rest"].at("line").at("value").get<double>(), json["rest"].at("out").at("value").get<double>()};
  if (json.contains("condition")) {  // files of older versions are of tt at 27 °C
    json.at("condition").at("corner").get_to(m.corner);
    m.temperature = json.at("condition").at("temperature").at("value").get<double>();
  }
  const Json& range = json.at("range");
  m.min_rows = range.at("rows").at(0).get<double>();
  m.max_rows = range.at("rows").at(1).get<double>();
  m.max_v_read = range.at("v_read").at("value").get<double>();
  m.max_abs_v_integrated = range.at("v_integrated").at("value").get<double>();
  if (!range.contains("v_decrement")) return;  // files of older versions do not say
  m.min_v_read = range.at("min_v_read").at("value").get<double>();
  m.min_v_decrement = range.at("v_decrement").at("value").at(0).get<double>();
  m.max_v_decrement = range.at("v_decrement").at("value").at(1).get<double>();
}

std::string outside_of_fit(const NeuronModel& model, const ModelUse& use) {
  std::string text;
  const auto add = [&](const std::string& item) { text += (text.empty() ? "" : ", ") + item; };
  const auto check = [&](const char* what, const std::vector<double>& values, double low, double high, double factor, const char* unit) {
    if (values.empty() || high <= 0) return;
    const auto [least, most] = std::minmax_element(values.begin(), values.end());
    const double margin = 0.03 * (high - low);
    for (const double worst : {*most > high + margin ? *most : 0.0, *least < low - margin ? *least : 0.0})
      if (worst != 0.0) add(fmt::format("{} {:.4g}{} (fit: {:.4g} to {:.4g}{})", what, factor * worst, unit, factor * low, factor * high, unit));
  };
  check("rows", use.rows, model.min_rows, model.max_rows, 1.0, "");
  check("read voltage", use.v_read, model.min_v_read, model.max_v_read, 1e3, " mV");
  check("decrement", use.v_decrement, model.min_v_decrement, model.max_v_decrement, 1e3, " mV");
  check("integrated voltage", use.v_integrated, -model.max_abs_v_integrated, model.max_abs_v_integrated, 1e3, " mV");
  if (use.circuit)
    for (const Parameter<circuits::CircuitParams>& p : ParameterTable<circuits::CircuitParams>::table)
      if (use.circuit->*p.member != model.circuit.*p.member)
        add(fmt::format("{} {} (fit: {})", p.key, format_quantity(use.circuit->*p.member, p.unit), format_quantity(model.circuit.*p.member, p.unit)));
  if (use.program && *use.program != model.program) add("another control program than the fit's");
  if (use.corner && *use.corner != model.corner) add(fmt::format("corner {} (fit: {})", *use.corner, model.corner));
  if (use.temperature && *use.temperature != model.temperature) add(fmt::format("{:g} °C (fit: {:g} °C)", *use.temperature, model.temperature));
  return text.empty() ? "" : "the calibrated neuron is used outside of its fit: " + text;
}

}  // namespace mho::solver
