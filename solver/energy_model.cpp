#include "solver/energy_model.hpp"

#include <numeric>

namespace mho::solver {

EventCounts& EventCounts::operator+=(const EventCounts& other) {
  for (const EventField& f : event_fields) this->*f.member += other.*f.member;
  return *this;
}

double EnergyBreakdown::total() const { return std::accumulate(joule.begin(), joule.end(), 0.0); }

EnergyBreakdown& EnergyBreakdown::operator+=(const EnergyBreakdown& other) {
  for (size_t c = 0; c < joule.size(); ++c) joule[c] += other.joule[c];
  return *this;
}

EnergyBreakdown EnergyModel::energy(const EventCounts& n) const {
  EnergyBreakdown out;
  for (size_t c = 0; c < out.joule.size(); ++c) {
    const Coefficients& k = component[c];
    out.joule[c] = k.conversion * n.conversions + k.wl_pulse * n.wl_pulses + k.wl_stage * n.wl_stages + k.cell_pulse * n.cell_pulses + k.bit_column * n.bit_columns + k.sample * n.samples + k.compare * n.compares +
                   k.compare_up * n.compares_up + k.compare_volt * n.compare_volts +
                   k.decrement * n.decrements + k.array_joule * n.array_joule + k.line_joule * n.line_charge_joule + k.driver_joule * n.driver_joule + k.time * n.time;
  }
  return out;
}

namespace {
// The coefficients by name, for files.
constexpr std::array<std::pair<const char*, double EnergyModel::Coefficients::*>, 14> fields{{
    {"conversion", &EnergyModel::Coefficients::conversion}, {"wl_pulse", &EnergyModel::Coefficients::wl_pulse},
    {"wl_stage", &EnergyModel::Coefficients::wl_stage},     {"compare_up", &EnergyModel::Coefficients::compare_up},
    {"cell_pulse", &EnergyModel::Coefficients::cell_pulse},
    {"compare_volt", &EnergyModel::Coefficients::compare_volt},
    {"bit_column", &EnergyModel::Coefficients::bit_column}, {"sample", &EnergyModel::Coefficients::sample},
    {"compare", &EnergyModel::Coefficients::compare},       {"decrement", &EnergyModel::Coefficients::decrement},
    {"array_joule", &EnergyModel::Coefficients::array_joule}, {"line_joule", &EnergyModel::Coefficients::line_joule},
    {"driver_joule", &EnergyModel::Coefficients::driver_joule}, {"time", &EnergyModel::Coefficients::time},
}};
}  // namespace

void to_json(Json& json, const EnergyModel& model) {
  json = Json::object();
  for (size_t c = 0; c < component_names.size(); ++c) {
    Json& row = json[std::string(component_names[c])];
    for (const auto& [name, member] : fields) row[name] = model.component[c].*member;
    row["relative_error"] = model.relative_error[c];
  }
  json["total_relative_error"] = model.total_relative_error;
  json["neurons_per_bias"] = model.neurons_per_bias;
}

void from_json(const Json& json, EnergyModel& model) {
  for (size_t c = 0; c < component_names.size(); ++c) {
    const Json& row = json.at(std::string(component_names[c]));
    for (const auto& [name, member] : fields) model.component[c].*member = row.at(name).get<double>();
    model.relative_error[c] = row.at("relative_error").get<double>();
  }
  json.at("total_relative_error").get_to(model.total_relative_error);
  json.at("neurons_per_bias").get_to(model.neurons_per_bias);
}

}  // namespace mho::solver
