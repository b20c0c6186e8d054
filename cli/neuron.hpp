// What the sub-commands of `mho neuron` share.
#pragma once
#include "circuits/control_program.hpp"
#include "cli/command.hpp"

namespace mho::cli {

// Settings of the config's [calibrate] table; without a config its defaults, with --set applied.
validation::CalibrationSettings neuron_settings(const CommonOptions& options);
// The control program of the settings, shipped or a path.
circuits::ControlProgram neuron_program(const validation::CalibrationSettings& settings);

}  // namespace mho::cli
