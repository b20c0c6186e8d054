#include "solver/neuron_model.hpp"

#include <algorithm>
#include <cmath>

namespace mho::solver {
namespace {

template <class S>
Json table_to_json(const S& values) {
  Json json;
  for (const Parameter<S>& p : ParameterTable<S>::table) json[std::string(p.key)] = quantity(values.*p.member, p.unit);
  return json;
}

// Parameters that came with programs that move iso: files from before have none.
bool of_iso(std::string_view key) { return key == "r_iso" || key == "q_iso" || key == "v_start"; }

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
              {"fall", table_to_json(m.fall)}, {"program", m.program},
              {"range", Json{{"rows", {m.min_rows, m.max_rows}}, {"v_read", quantity(m.max_v_read, "V")},
                             {"v_integrated", quantity(m.max_abs_v_integrated, "V")}}}};
}

void from_json(const Json& json, NeuronModel& m) {
  table_from_json(json.at("circuit"), m.circuit);
  table_from_json(json.at("transistor"), m.transistor);
  table_from_json(json.at("neuron"), m.neuron);
  table_from_json(json.at("fall"), m.fall);
  json.at("program").get_to(m.program);
  const Json& range = json.at("range");
  m.min_rows = range.at("rows").at(0).get<double>();
  m.max_rows = range.at("rows").at(1).get<double>();
  m.max_v_read = range.at("v_read").at("value").get<double>();
  m.max_abs_v_integrated = range.at("v_integrated").at("value").get<double>();
}

}  // namespace mho::solver
