// The reference of the sampled line that nulls the systematic offset of a core, found on the core model itself.
#pragma once
#include "chip/chip_config.hpp"
#include "chip/operating_point.hpp"

namespace mho::job {

// For a number of rows: the v_trim at which an input of zeros integrates to zero, on a column whose pairs hold g_min and the middle of
// the range in turn. `make_core` and `config` are copied. Throws NumericalError when no trim within ±0.5 V does.
chip::CentreTrim offset_null(const chip::CoreFactory& make_core, const chip::ChipConfig& config);

}  // namespace mho::job
