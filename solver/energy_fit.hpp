// Energy per event, fitted to the supply currents that records of conversions carry.
#pragma once
#include <Eigen/Core>
#include <span>
#include <string_view>

#include "solver/calibrate.hpp"
#include "solver/energy_model.hpp"

namespace mho::solver {

// Events of one column's conversion. Line voltages are taken from `record` (of ngspice or of the ODE form); wl_pulses is the column's share, one
// `columns_per_word_line`-th of each row's pulse.
EventCounts events_of(const NeuronModel& model, const circuits::ControlProgram& program, const circuits::ColumnInput& input,
                      const circuits::ConversionRecord& record);

// Energy of a record by component, with the bias generator shared by `neurons_per_bias`.
EnergyBreakdown energy_of(const circuits::ConversionRecord& record, int neurons_per_bias);

// What errors of a component are relative to [J]: its energy, or a hundredth of the conversion's where the component takes less (the array gives energy back when its inputs are zero).
double relative_to(const EnergyBreakdown& energy, size_t component);

// What a component's energy is made of: a count of events and its coefficient.
struct EnergyFeature {
  std::string_view name;  // of the coefficient
  double EventCounts::* count;
  double EnergyModel::Coefficients::* coefficient;
};
std::span<const EnergyFeature> energy_features(Component component);

// Rows are records: matrix · coefficients ≈ target, both over relative_to().
struct EnergyEquations {
  Eigen::MatrixXd matrix;
  Eigen::VectorXd target;
};
EnergyEquations energy_equations(Component component, std::span<const EventCounts> counts, std::span<const EnergyBreakdown> energies);

// Least squares of relative errors, each component on its own events. relative_error is left at zero: it is for runs that this fit does not see.
// With a cache, the coefficients are kept under the counts and energies that they come from; `stage` says whether they came from there.
EnergyModel fit_energy(const NeuronModel& model, const circuits::ControlProgram& program, const CalibrationData& data, const Cache* cache = nullptr, FitStage* stage = nullptr);

inline constexpr int columns_per_word_line = 256;

}  // namespace mho::solver
