// One measured cycle beside the same cycle of a model.
#pragma once
#include "devices/fit/device_fit.hpp"

namespace mho::devices {

// rms and median over points of more than 3 I_floor and 2 % of the peak voltage. `training` is left
// to the caller.
CycleComparison compare(const AnyMemristor& model, const Load& load, const SweepTarget& target,
                        const TransientOptions& options);
CycleComparison compare(const AnyMemristor& model, const Load& load, const PulseCycle& train,
                        const TransientOptions& options);

}  // namespace mho::devices
