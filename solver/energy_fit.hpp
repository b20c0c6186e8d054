// Energy per event, fitted to the supply currents that records of conversions carry.
#pragma once
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

// Least squares of relative errors, each component on its own events. relative_error is left at zero: it is for runs that this fit does not see.
EnergyModel fit_energy(const NeuronModel& model, const circuits::ControlProgram& program, const CalibrationData& data);

inline constexpr int columns_per_word_line = 256;

}  // namespace mho::solver
