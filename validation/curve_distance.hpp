// How far the current of one run lies from that of another run of the same drive.
#pragma once
#include <cstddef>

#include "devices/transient.hpp"

namespace mho::validation {

// A point lies on the other curve when, on the same straight piece of the drive, that one passes
// within `current` of its current at a place within `volts` of drive; on a flat piece, where the
// drive tells no place, within `time`. A vertical edge is thereby judged by where it stands.
// Within `volts` of 0 V a current counts as the voltage that drives it through the conductance at zero.
// Currents are compared as asinh(I/floor): relative above the floor, on its scale below.
struct CurveLimits {
  double current = 0.01;  // [1]
  double volts = 2e-3;    // [V]
  double time = 0.01;     // [1] of the time since the piece began
  double floor = 1e-12;   // [A]
};

// The worst point. distance ≤ 1: every point lies on the other curve.
struct CurveDistance {
  double distance = 0.0;  // [1] the nearest place of the other curve: larger of current error and
                          // shift, each over its limit
  double t = 0.0, drive = 0.0, current = 0.0;  // [s], [V], [A]
  double error_here = 0.0;     // [1] of the current against the other's at the same place
  double current_error = 0.0;  // [1] against the nearest place
  double shift = 0.0;          // [V] to the nearest place; [1] of the time on a flat piece
  bool flat = false;
  size_t points = 0;
};

// Each point of `a` against the curve of `b`: straight lines between its points in asinh(I/floor).
CurveDistance distance_to(const devices::DeviceTrace& a, const devices::DeviceTrace& b,
                          const devices::Drive& drive, const CurveLimits& limits);

// Root mean square over the points of `a` of the distance that distance_to() takes the worst of [1].
double rms_distance(const devices::DeviceTrace& a, const devices::DeviceTrace& b, const devices::Drive& drive, const CurveLimits& limits);

}  // namespace mho::validation
