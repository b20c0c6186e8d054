#include "solver/energy_fit.hpp"

#include <Eigen/QR>
#include <array>
#include <cmath>
#include <vector>

#include "core/errors.hpp"
#include "solver/line.hpp"

namespace mho::solver {
namespace {

using E = EventCounts;
using K = EnergyModel::Coefficients;
constexpr auto array_features = std::to_array<EnergyFeature>({{"array_joule", &E::array_joule, &K::array_joule},
                                                              {"line_joule", &E::line_charge_joule, &K::line_joule},
                                                              {"driver_joule", &E::driver_joule, &K::driver_joule},
                                                              {"cell_pulse", &E::cell_pulses, &K::cell_pulse}});
constexpr auto word_line_features = std::to_array<EnergyFeature>({{"wl_pulse", &E::wl_pulses, &K::wl_pulse}, {"wl_stage", &E::wl_stages, &K::wl_stage}});
constexpr auto step_features = std::to_array<EnergyFeature>({{"conversion", &E::conversions, &K::conversion}, {"sample", &E::samples, &K::sample}, {"decrement", &E::decrements, &K::decrement}});
constexpr auto compare_features =
    std::to_array<EnergyFeature>({{"compare", &E::compares, &K::compare}, {"compare_up", &E::compares_up, &K::compare_up}, {"compare_volt", &E::compare_volts, &K::compare_volt}});
constexpr auto bias_features = std::to_array<EnergyFeature>({{"time", &E::time, &K::time}});

}  // namespace

// Which events each component can depend on.
std::span<const EnergyFeature> energy_features(Component c) {
  switch (c) {
    case Component::array: return array_features;
    case Component::word_line: return word_line_features;
    case Component::amplifier:
    case Component::switches: return step_features;
    case Component::comparator: return compare_features;
    case Component::bias: return bias_features;
  }
  return {};
}

EventCounts events_of(const NeuronModel& model, const circuits::ControlProgram& program, const circuits::ColumnInput& input,
                      const circuits::ConversionRecord& record) {
  EventCounts n;
  const double rows = static_cast<double>(input.conductance.size()), bits = static_cast<double>(input.levels.size());
  n.conversions = 1;
  n.wl_pulses = rows * bits / columns_per_word_line;
  n.cell_pulses = n.wl_pulses;  // of one column
  n.wl_stages = std::ceil(rows / 16.0) / (columns_per_word_line / 16.0) * bits;
  n.bit_columns = bits;
  for (int samples : circuits::samples_per_bit(input.levels.size(), input.point.pulse_multiplier)) n.samples += samples;
  n.decrements = record.decrements;
  n.compares = record.decrements + 1;
  // The sign compare and one after each decrement; all but the last have the first one's sign.
  if (record.v_integrated > 0) n.compares_up += 1, n.compare_volts += record.v_integrated;
  for (double v : record.v_residue)
    if (v > 0) n.compares_up += 1, n.compare_volts += v;
  n.time = n.core_time = record.duration;
  const double t_on = program.word_line_on_time();
  std::vector<double> before;  // line at the start of each pulse
  for (size_t i = 1; i < record.steps.size(); ++i)
    if (program.pulses_word_lines(record.steps[i].step)) before.push_back(record.steps[i - 1].v_line);
  MHO_ASSERT(before.size() >= input.levels.size());
  const double v_ref = model.circuit.v_ref, v_read = input.point.v_read;
  for (size_t k = 0; k < input.levels.size(); ++k) {
    const double driven = record.v_line_driven[k];
    for (size_t i = 0; i < input.conductance.size(); ++i) {
      const double drive = input.levels[k][i] * input.point.v_read;
      if (drive != 0.0) n.array_joule += t_on * drive * cell_current(model.transistor, model.circuit.r_driver, input.conductance[i], drive, driven);
    }
    n.line_charge_joule += model.neuron.c_line * (v_ref + driven) * (record.v_line_held[k] - before[k]);
    for (size_t i = 0; i < input.conductance.size(); ++i) {
      const int now = input.levels[k][i], last = k > 0 ? input.levels[k - 1][i] : 0;
      n.driver_joule += model.circuit.c_bl * (v_ref + v_read * now) * v_read * (now - last);
    }
  }
  return n;
}

EnergyBreakdown energy_of(const circuits::ConversionRecord& record, int neurons_per_bias) {
  EnergyBreakdown e;
  for (size_t c = 0; c < e.joule.size(); ++c) e.joule[c] = record.joule[c];
  e[Component::bias] /= neurons_per_bias;
  return e;
}

double relative_to(const EnergyBreakdown& energy, size_t component) { return std::max(std::abs(energy.joule[component]), 0.01 * energy.total()); }

EnergyEquations energy_equations(Component component, std::span<const EventCounts> counts, std::span<const EnergyBreakdown> energies) {
  const auto features = energy_features(component);
  const size_t c = static_cast<size_t>(component);
  EnergyEquations e{Eigen::MatrixXd(static_cast<Eigen::Index>(counts.size()), static_cast<Eigen::Index>(features.size())), Eigen::VectorXd(static_cast<Eigen::Index>(counts.size()))};
  for (Eigen::Index i = 0; i < e.matrix.rows(); ++i) {
    const EnergyBreakdown& energy = energies[static_cast<size_t>(i)];
    const double joule = relative_to(energy, c);
    e.target[i] = energy.joule[c] / joule;
    for (Eigen::Index f = 0; f < e.matrix.cols(); ++f) e.matrix(i, f) = counts[static_cast<size_t>(i)].*features[static_cast<size_t>(f)].count / joule;
  }
  return e;
}

EnergyModel fit_energy(const NeuronModel& model, const circuits::ControlProgram& program, const CalibrationData& data, const Cache* cache, FitStage* stage) {
  if (data.records.empty()) throw Error("calibration: there are no conversions to fit energies to");
  EnergyModel fit;
  std::vector<EventCounts> counts;
  std::vector<EnergyBreakdown> energies;
  CacheKey key("calibration energy 1");
  for (size_t r = 0; r < data.records.size(); ++r) {
    counts.push_back(events_of(model, program, data.inputs[r], data.records[r]));
    energies.push_back(energy_of(data.records[r], fit.neurons_per_bias));
    for (const EventField& field : event_fields) key.add(field.name, counts.back().*field.member);
    key.add("joule", energies.back().joule);
  }
  const auto stored = cache ? cache->find("calibration_stages", key) : std::nullopt;
  if (stage) *stage = {.name = "energy", .points = static_cast<int>(data.records.size()), .from_cache = stored.has_value()};
  if (stored) return Json::parse(*stored).get<EnergyModel>();
  for (size_t c = 0; c < component_names.size(); ++c) {
    const auto features = energy_features(static_cast<Component>(c));
    const auto [a, target] = energy_equations(static_cast<Component>(c), counts, energies);
    Eigen::VectorXd scale = Eigen::VectorXd::Zero(a.cols());
    for (Eigen::Index f = 0; f < a.cols(); ++f) scale[f] = std::max(a.col(f).norm(), 1e-300);
    const Eigen::MatrixXd scaled = a * scale.cwiseInverse().asDiagonal();
    const Eigen::VectorXd x = scaled.colPivHouseholderQr().solve(target).cwiseQuotient(scale);
    for (Eigen::Index f = 0; f < a.cols(); ++f) fit.component[c].*features[static_cast<size_t>(f)].coefficient = x[f];
  }
  if (cache) cache->store("calibration_stages", key, Json(fit).dump());
  return fit;
}

}  // namespace mho::solver
