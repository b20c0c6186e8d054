#include "circuits/conversion_data.hpp"

namespace mho::circuits {

std::vector<int> samples_per_bit(size_t bits, int pulse_multiplier) {
  std::vector<int> samples(bits);
  for (size_t k = 0; k < bits; ++k) samples[k] = pulse_multiplier << k;
  return samples;
}

ProgramInput program_input(const CircuitParams& circuit, const ReadPoint& point, size_t bits) {
  ProgramInput input;
  input.bits = static_cast<int>(bits);
  input.pulse_multiplier = point.pulse_multiplier;
  input.max_code = point.max_code;
  input.v_ref = circuit.v_ref;
  input.v_read = point.v_read;
  input.v_trim = point.v_trim;
  input.v_decrement = point.v_decrement;
  return input;
}

void to_json(Json& json, const ConversionRecord& r) {
  json = Json{{"code", r.code}, {"sign", r.sign}, {"decrements", r.decrements}, {"v_integrated", r.v_integrated},
              {"v_line_driven", r.v_line_driven}, {"v_line_held", r.v_line_held}, {"v_residue", r.v_residue}, {"joule", r.joule},
              {"duration", r.duration}, {"cpu_seconds", r.cpu_seconds}, {"time_points", r.time_points}};
  Json steps = Json::array();
  for (const StepRecord& s : r.steps) steps.push_back(Json{s.step, s.t_end, s.v_out, s.v_line, s.v_x, s.v_l, s.v_cib, s.joule, s.decision, s.v_decision});
  json["steps"] = steps;
  json["undecided"] = r.undecided;
  json["marks"] = Json::array();
  for (const Mark& m : r.marks) json["marks"].push_back(Json{m.name, m.t});
  json["registers"] = Json::array();
  for (const auto& [name, value] : r.registers) json["registers"].push_back(Json{name, value});
}

void from_json(const Json& json, ConversionRecord& r) {
  json.at("code").get_to(r.code);
  json.at("sign").get_to(r.sign);
  json.at("decrements").get_to(r.decrements);
  json.at("v_integrated").get_to(r.v_integrated);
  json.at("v_line_driven").get_to(r.v_line_driven);
  json.at("v_line_held").get_to(r.v_line_held);
  json.at("v_residue").get_to(r.v_residue);
  json.at("joule").get_to(r.joule);
  json.at("duration").get_to(r.duration);
  json.at("cpu_seconds").get_to(r.cpu_seconds);
  json.at("time_points").get_to(r.time_points);
  json.at("undecided").get_to(r.undecided);
  r.marks.clear();
  for (const Json& m : json.at("marks")) r.marks.push_back({m.at(0).get<std::string>(), m.at(1).get<double>()});
  r.registers.clear();
  for (const Json& v : json.at("registers")) r.registers.emplace_back(v.at(0).get<std::string>(), v.at(1).get<double>());
  r.steps.clear();
  for (const Json& s : json.at("steps"))
    r.steps.push_back({s.at(0).get<int>(), s.at(1).get<double>(), s.at(2).get<double>(), s.at(3).get<double>(),
                       s.at(4).get<double>(), s.at(5).get<double>(), s.at(6).get<double>(), s.at(7).get<std::array<double, component_count>>(), s.at(8).get<int>(), s.at(9).get<double>()});
}

void to_json(Json& json, const ColumnInput& input) {
  const ReadPoint& p = input.point;
  json = Json{{"conductance", input.conductance}, {"levels", input.levels}, {"v_read", p.v_read}, {"v_trim", p.v_trim},
              {"v_decrement", p.v_decrement}, {"pulse_multiplier", p.pulse_multiplier}, {"max_code", p.max_code}};
}

}  // namespace mho::circuits
