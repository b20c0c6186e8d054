#include "validation/neuron_calibration.hpp"

namespace mho::validation {
namespace {

void read_summary(const Json& json, ErrorSummary& s) {
  json.at("conversions").get_to(s.conversions);
  s.v_rms = json.at("v_rms").at("value").get<double>();
  s.v_worst = json.at("v_worst").at("value").get<double>();
  json.at("equal_share").get_to(s.equal_share);
  json.at("clear").get_to(s.clear);
  json.at("code_off_by_one").get_to(s.code_off_by_one);
  json.at("code_off_by_more").get_to(s.code_off_by_more);
  json.at("code_range_used").get_to(s.code_range_used);
  json.at("energy_total_rms").get_to(s.energy_total_rms);
  // Files of older versions do not have these.
  s.v_relative = json.value("v_relative", 0.0);
  s.undecided = json.value("undecided", 0);
  s.v_absolute_relative = json.value("v_absolute_relative", 0.0);
  s.energy_absolute_relative = json.value("energy_absolute_relative", 0.0);
  s.latency_absolute_relative = json.value("latency_absolute_relative", 0.0);
  for (size_t c = 0; c < 6; ++c) s.energy_rms[c] = json.at("energy_rms").at(std::string(solver::component_names[c])).get<double>();
}

}  // namespace

void to_json(Json& json, const ErrorSummary& s) {
  json = Json{{"conversions", s.conversions}, {"v_rms", quantity(s.v_rms, "LSB")}, {"v_worst", quantity(s.v_worst, "LSB")},
              {"equal_share", s.equal_share}, {"clear", s.clear}, {"code_off_by_one", s.code_off_by_one},
              {"code_off_by_more", s.code_off_by_more}, {"undecided", s.undecided}, {"code_range_used", s.code_range_used}, {"v_relative", s.v_relative},
              {"v_absolute_relative", s.v_absolute_relative}, {"energy_total_rms", s.energy_total_rms}, {"energy_absolute_relative", s.energy_absolute_relative},
              {"latency_absolute_relative", s.latency_absolute_relative}};
  for (size_t c = 0; c < 6; ++c) json["energy_rms"][std::string(solver::component_names[c])] = s.energy_rms[c];
}

void to_json(Json& json, const PhaseEnergy& p) {
  json = Json{{"phase", p.phase}, {"per_conversion", p.per_conversion}};
  for (size_t c = 0; c < 6; ++c) json["joule"][std::string(solver::component_names[c])] = p.joule[c];
}

void from_json(const Json& json, PhaseEnergy& p) {
  json.at("phase").get_to(p.phase);
  json.at("per_conversion").get_to(p.per_conversion);
  for (size_t c = 0; c < 6; ++c) p.joule[c] = json.at("joule").at(std::string(solver::component_names[c])).get<double>();
}

void to_json(Json& json, const Calibration& c) {
  const solver::FitReport& f = c.fit;
  const WaveformPair& w = c.example;
  Json stages = Json::array();
  for (const solver::FitStage& stage : f.stages)
    stages.push_back({{"stage", stage.name}, {"rms", quantity(stage.rms, "V")}, {"points", stage.points}, {"iterations", stage.iterations}});
  json = Json{{"neuron", c.neuron}, {"energy", c.energy},
              {"fit", Json{{"stages", stages}, {"latch_bracket", quantity(f.latch.bracket, "V")}, {"latch_decisions", f.latch.decisions}, {"latch_wrong", f.latch.wrong}}}, {"covariance", c.covariance},
              {"fitted", c.fitted}, {"unseen", c.unseen}, {"failures", c.failures}, {"phases", c.phases},
              {"example", Json{{"t_ngspice", w.t_ngspice}, {"out_ngspice", w.out_ngspice}, {"line_ngspice", w.line_ngspice}, {"t_ode", w.t_ode},
                               {"out_ode", w.out_ode}, {"line_ode", w.line_ode}, {"rows", w.rows}, {"code_ngspice", w.code_ngspice}, {"code_ode", w.code_ode}}}};
}

void from_json(const Json& json, Calibration& c) {
  json.at("neuron").get_to(c.neuron);
  json.at("energy").get_to(c.energy);
  const Json& f = json.at("fit");
  for (const Json& stage : f.value("stages", Json::array()))
    c.fit.stages.push_back({.name = stage.at("stage"), .rms = stage.at("rms").at("value"), .points = stage.at("points"), .iterations = stage.at("iterations")});
  if (json.contains("covariance")) json.at("covariance").get_to(c.covariance);
  c.fit.latch.bracket = f.at("latch_bracket").at("value").get<double>();
  f.at("latch_decisions").get_to(c.fit.latch.decisions);
  f.at("latch_wrong").get_to(c.fit.latch.wrong);
  read_summary(json.at("fitted"), c.fitted);
  read_summary(json.at("unseen"), c.unseen);
  json.at("failures").get_to(c.failures);
  json.at("phases").get_to(c.phases);
  const Json& w = json.at("example");
  w.at("t_ngspice").get_to(c.example.t_ngspice);
  w.at("out_ngspice").get_to(c.example.out_ngspice);
  w.at("line_ngspice").get_to(c.example.line_ngspice);
  w.at("t_ode").get_to(c.example.t_ode);
  w.at("out_ode").get_to(c.example.out_ode);
  w.at("line_ode").get_to(c.example.line_ode);
  w.at("rows").get_to(c.example.rows);
  w.at("code_ngspice").get_to(c.example.code_ngspice);
  w.at("code_ode").get_to(c.example.code_ode);
}

void to_json(Json& json, const CarriedUncertainty& u) {
  json = Json{{"draws", u.draws}, {"conversions", u.conversions}, {"v_rms", quantity(u.v_rms, "LSB")}, {"codes_changed", u.codes_changed}, {"energy", u.energy}, {"energy_mean", u.energy_mean}};
}

void to_json(Json& json, const NeuronValidation& v) {
  json = Json{{"fitted", v.fitted}, {"random_columns", v.random_columns}, {"network_columns", v.network_columns}, {"all_unseen", v.all_unseen},
              {"floor", v.floor}, {"failures", v.failures}};
}

}  // namespace mho::validation
