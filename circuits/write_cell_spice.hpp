// Write–verify of one cell with every pulse in ngspice.
#pragma once
#include "circuits/device_spice.hpp"
#include "devices/write_verify.hpp"

namespace mho::circuits {

// The pulse of devices::apply_pulse() in ngspice, on a cell with its transistor.
SpiceRun pulse_in_spice(spice::Session& session, const devices::AnyMemristor& model,
                        const devices::SelectTransistor& transistor, const devices::Pulse& pulse,
                        const devices::State& start, const SpiceDeviceOptions& options = {});

// devices::write_cell() with its pulses in ngspice: the same policy, decisions and draws, so the
// two part only where their pulses do. options.keep has no effect. Throws NetlistError when ngspice
// refuses the deck.
devices::WriteResult write_cell_spice(spice::Session& session, const devices::AnyDevice& device,
                                      const devices::SelectTransistor& transistor,
                                      const devices::WritePolicy& policy, double target,
                                      const devices::State& state, RandomStream& stream,
                                      const SpiceDeviceOptions& options = {});

}  // namespace mho::circuits
