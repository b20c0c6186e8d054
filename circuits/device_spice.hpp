// A device behind its load, driven over time, in ngspice: the second engine of the device rung.
//
// The deck: the twin netlists/models/<name>.sub, the drive as PWL sources, the load, the states as
// initial conditions (uic).
//   without a transistor   drive – compliance – series resistance – cell – ground
//   with one               SET: bit line raised over a grounded source line; RESET: source line
//   raised, the cell at the source
// The compliance is a current source with a knee, I = Icc·(1 − exp(−V/knee)) for V ≥ 0, ohmic for V
// < 0: at half of Icc it takes 0.7 knee, at 99.99 % of it 9 knee.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "circuits/spice/session.hpp"
#include "devices/transient.hpp"

namespace mho::circuits {

// A transistor that ngspice knows, instead of the level-1 one of the load.
struct SpiceTransistor {
  std::string cards;  // text of .model cards or .subckt
  std::string name;   // of the model or subcircuit
  std::string size;   // text after the name: "w=1u l=0.5u ..."
  bool subcircuit = false;
};
// The thick-oxide transistor 1/0.5 um of netlists/cell.sub: from the sky130 installation that
// PDK_ROOT and PDK name, else its card of netlists/card_130nm.lib (circuits/pdk.hpp). It also stands
// for a ThickTransistor of the load.
SpiceTransistor thick_oxide_transistor();

struct SpiceDeviceOptions {
  double reltol = 1e-5;     // [1] of Newton and of the state's error per step
  double max_dv = 5e-3;     // [V] the drive moves by about this much within a step of a slow piece
  double max_share = 0.02;  // [1] a step is at most this share of the longest piece of the drive
  int edge_steps = 10;      // corners put into a piece that is short against a step
  double knee = 50e-6;      // [V] of the compliance
  double parallel_capacitance =
      1e-24;  // [F] of the twin, where it has one (cp): its current is not the cell's
  double thermal_time_constant = 1e-12;  // [s] of twins whose functions have none (tau)
  std::optional<SpiceTransistor> transistor =
      std::nullopt;  // replaces that of the load, which must have one
  bool keep = true;  // record every accepted step
};

enum class SpiceStatus {
  finished,
  aborted,  // ngspice stopped before the end: SpiceRun::reason says why
};

struct SpiceRun {
  devices::DeviceTrace trace;  // accepted steps, the start included
  devices::State state;        // at the end, in the model's own coordinates, within the walls
  double energy = 0.0;         // [J] ∫ drive·I dt
  double charge = 0.0;         // [C] ∫ |I| dt
  double t_reached = 0.0;      // [s]
  double cpu_seconds = 0.0;    // [s] reading the deck included
  double load_seconds = 0.0;   // [s] of that, reading the deck
  size_t steps = 0;            // accepted
  SpiceStatus status = SpiceStatus::finished;
  std::string reason;
  explicit operator bool() const { return status == SpiceStatus::finished; }
};

// Throws Error for a bad drive, load or start state, NetlistError when ngspice refuses the deck.
SpiceRun run_device(spice::Session& session, const devices::AnyMemristor& model,
                    const devices::Load& load, const devices::Drive& drive,
                    const devices::State& start, const SpiceDeviceOptions& options = {});

// What run_device() hands to ngspice: text without .tran, step and options.
struct DeviceDeck {
  std::string netlist;
  std::vector<std::string>
      watch;  // raised side and low side of the drive, te, be, current, x1, x2, tk
  double t_stop = 0.0, dt_max = 0.0;
  std::string options;
};
DeviceDeck device_deck(const devices::AnyMemristor& model, const devices::Load& load,
                       const devices::Drive& drive, const devices::State& start,
                       const SpiceDeviceOptions& options = {});

// The same as a self-contained deck for `ngspice -b FILE`. It writes `table` with the columns t
// [s], drive [V], v [V], current [A], x1, x2 (V, as the twin's head says) and temperature [K], and
// prints the last states and the energy.
std::string export_device_deck(const devices::AnyMemristor& model, const devices::Load& load,
                               const devices::Drive& drive, const devices::State& start,
                               const std::string& table, const SpiceDeviceOptions& options = {});

}  // namespace mho::circuits
