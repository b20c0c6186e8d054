// Pictures of a measured amplifier, from plain numbers in SI units.
#pragma once
#include <string>
#include <vector>

namespace mho::report {

// Loop gain over frequency: magnitude in dB and phase margin in degrees, one curve per loop.
struct LoopCurve {
  std::string name;
  std::vector<double> frequency, magnitude, phase;  // [Hz], [1], [deg]
};
std::string bode_svg(const std::string& title, const std::vector<LoopCurve>& loops);

// DC gain over the output, with the swing that is needed and the gain that must hold there.
struct TransferCurve {
  std::vector<double> out, gain;                         // [V], [1]
  double swing_from = 0.0, swing_to = 0.0, limit = 0.0;  // [V], [V], [1]
};
std::string transfer_svg(const std::string& title, const TransferCurve& curve);

// Output over time after a step, and from the start of a compare phase. VREF is 0.
struct StepCurves {
  std::vector<double> t_integrate, v_integrate, t_restore, v_restore;  // [s], [V]
  double integrate_end = 0.0, restore_start = 0.0, restore_end = 0.0;  // [s] limits of the phases
};
std::string step_svg(const std::string& title, const StepCurves& curves);

}  // namespace mho::report
