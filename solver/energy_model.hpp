// Energy of conversions as fitted energy per event. Events are counted by whoever runs conversions; the energies come from
// integrating ngspice supply currents over calibration runs (solver/calibrate), never from a table typed by hand.
#pragma once
#include <array>
#include <string_view>

#include "core/json_file.hpp"

namespace mho::solver {

// What is counted while conversions run. Plain sums, so counts of parts add up to counts of the whole.
struct EventCounts {
  double conversions = 0;        // column conversions: initialise once each
  double wl_pulses = 0;          // word line pulses, one per active row and magnitude bit, of all rows of the mapped matrix
  double wl_stages = 0;          // the same weighted with the driver stages in use: 1 for the 16 stages of a whole word line
  double cell_pulses = 0;        // cells of mapped columns whose word line pulsed, in units of a word line's 256: their gates couple charge into the drivers
  double bit_columns = 0;        // (column, magnitude bit) pairs: line precharge and settling
  double samples = 0;            // sample + integrate cycles, per column
  double compares = 0;           // comparator decisions, per column
  double compares_up = 0;        // those of them that found a positive voltage: the amplifier's output goes to its upper rail
  double compare_volts = 0;      // [V] sum of the positive voltages that were compared: the further from zero, the sooner the rail
  double decrements = 0;         // charge decrement steps (restore, sample, integrate), per column
  double array_joule = 0;        // [J] conduction loss computed by the solver: t_on · Σ_i G_ij (V_i − V_j)² over columns and bits
  double line_charge_joule = 0;  // [J] what the drivers give to recharge the lines: C_line · V_driven · (V_held − V_before the pulse) over columns and bits, V absolute
  double driver_joule = 0;       // [J] what they give to the bit lines: C_bl Σ V_k (V_k − V_{k−1}) over rows, columns and bits, V absolute
  double time = 0;               // [s] sum over columns of the conversion time (its own, before it is gated off)
  double core_time = 0;          // [s] sum over core conversions of the time of the slowest column
  double macs = 0;               // multiply-accumulates of signed weights

  EventCounts& operator+=(const EventCounts& other);
};

// Every count by name and unit: whoever stores, scales or prints counts goes through this list.
struct EventField {
  std::string_view name;
  std::string_view unit;
  double EventCounts::* member;
};
inline constexpr std::array<EventField, 16> event_fields{{
    {"conversions", "1", &EventCounts::conversions},   {"wl_pulses", "1", &EventCounts::wl_pulses},
    {"wl_stages", "1", &EventCounts::wl_stages},       {"bit_columns", "1", &EventCounts::bit_columns},
    {"cell_pulses", "1", &EventCounts::cell_pulses},
    {"samples", "1", &EventCounts::samples},           {"compares", "1", &EventCounts::compares},
    {"compares_up", "1", &EventCounts::compares_up},   {"compare_volts", "V", &EventCounts::compare_volts},
    {"decrements", "1", &EventCounts::decrements},     {"array_loss", "J", &EventCounts::array_joule},
    {"line_charge", "J", &EventCounts::line_charge_joule}, {"driver_charge", "J", &EventCounts::driver_joule},
    {"column_time", "s", &EventCounts::time},
    {"core_time", "s", &EventCounts::core_time},       {"macs", "1", &EventCounts::macs},
}};

// Components that consume energy, as the supplies of the netlist separate them.
enum class Component { array, word_line, amplifier, switches, comparator, bias };
inline constexpr std::array<std::string_view, 6> component_names{"array", "word line", "amplifier", "switches", "comparator", "bias"};

// [J] by component.
struct EnergyBreakdown {
  std::array<double, 6> joule{};
  double total() const;
  double& operator[](Component c) { return joule[static_cast<size_t>(c)]; }
  double operator[](Component c) const { return joule[static_cast<size_t>(c)]; }
  EnergyBreakdown& operator+=(const EnergyBreakdown& other);
};

// Linear model: each component's energy is a sum of coefficient × count. The relative errors are those on runs that the fit never saw.
struct EnergyModel {
  struct Coefficients {  // [J] per event, [1] for the three joule terms, [J/V] for compare_volt, [W] for time
    double conversion = 0, wl_pulse = 0, wl_stage = 0, cell_pulse = 0, bit_column = 0, sample = 0, compare = 0, compare_up = 0, compare_volt = 0, decrement = 0, array_joule = 0,
           line_joule = 0, driver_joule = 0, time = 0;
  };
  std::array<Coefficients, 6> component;
  std::array<double, 6> relative_error{};  // [1] rms on unseen runs, by component
  double total_relative_error = 0;         // [1] rms on unseen runs
  int neurons_per_bias = 256;              // the bias generator is shared by so many neurons; its coefficients are already divided

  EnergyBreakdown energy(const EventCounts& counts) const;
};

void to_json(Json& json, const EnergyModel& model);
void from_json(const Json& json, EnergyModel& model);

}  // namespace mho::solver
