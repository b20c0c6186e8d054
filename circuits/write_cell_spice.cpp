#include "circuits/write_cell_spice.hpp"

namespace mho::circuits {

using devices::State;

SpiceRun pulse_in_spice(spice::Session& session, const devices::AnyMemristor& model,
                        const devices::SelectTransistor& transistor, const devices::Pulse& pulse,
                        const State& start, const SpiceDeviceOptions& options) {
  if (pulse.bias.v_line == 0.0) {  // nothing drives the cell
    SpiceRun still;
    still.state = start;
    return still;
  }
  devices::Load load;
  load.transistor = transistor;
  load.v_wl_set = load.v_wl_reset = pulse.bias.v_wl;
  const double sign = pulse.bias.polarity == devices::Polarity::set ? 1.0 : -1.0;
  return run_device(
      session, model, load,
      devices::pulse_train({{sign * pulse.bias.v_line, pulse.width, pulse.edge}}, 0.0), start,
      options);
}

devices::WriteResult write_cell_spice(spice::Session& session, const devices::AnyDevice& device,
                                      const devices::SelectTransistor& transistor,
                                      const devices::WritePolicy& policy, double target,
                                      const State& state, RandomStream& stream,
                                      const SpiceDeviceOptions& options) {
  const devices::AnyMemristor model =
      std::visit([](const auto& d) { return devices::AnyMemristor(d.model); }, device);
  SpiceDeviceOptions ends_only = options;
  ends_only.keep = false;
  return write_cell(
      device, policy, target, state, stream, [&](const devices::Pulse& pulse, const State& before) {
        const SpiceRun run = pulse_in_spice(session, model, transistor, pulse, before, ends_only);
        return devices::StatePulse{
            run.state, run.energy,
            run ? devices::PulseStatus::finished : devices::PulseStatus::step_too_small,
            devices::limit_none};
      });
}

}  // namespace mho::circuits
