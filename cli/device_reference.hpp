// A curve to hold a sweep against: of another program or of a measurement.
#pragma once
#include <string>

#include "devices/transient.hpp"

namespace mho::cli {

// CSV with the columns t[s], drive[V] (or v[V], v_applied[V]) and i[A], as `mho device iv --out`
// writes it. The points must lie on the drive within 1 % of its largest voltage. Throws IoError,
// ConfigError, Error.
devices::DeviceTrace load_reference(const std::string& path, const devices::Drive& drive);

// Distances of the points of the reference from a run: validation/curve_distance.hpp, limits 1 % in
// current or 2 mV.
struct ReferenceAgreement {
  double rms = 0.0, worst = 0.0;  // [1] of the limits
  double drive = 0.0, current = 0.0, current_error = 0.0,
         shift = 0.0;  // [V], [A], [1], [V] of the worst point
};
ReferenceAgreement agreement(const devices::DeviceTrace& reference, const devices::DeviceTrace& run,
                             const devices::Drive& drive);

}  // namespace mho::cli
