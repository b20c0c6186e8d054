// Parameter tables of the PKU model: keys of the card files and of the twin, units, valid ranges.
#pragma once
#include "devices/pku.hpp"

namespace mho {

template <>
struct ParameterTable<devices::PkuParams> {
  using S = devices::PkuParams;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"hop_distance", &S::hop_distance, "m", 1e-11, 1e-8, "hopping distance"},
      {"attempt", &S::attempt, "Hz", 1e9, 1e16, "attempt frequency"},
      {"energy_set", &S::energy_set, "eV", 0.05, 5.0, "barrier of SET"},
      {"energy_drift", &S::energy_drift, "eV", 0.05, 5.0, "barrier of the ion drift in RESET"},
      {"energy_release", &S::energy_release, "eV", 0.05, 5.0,
       "barrier of the ion release at the electrode"},
      {"release", &S::release, "1", 0.0, 100.0,
       "share of the gap's voltage that lowers the release"},
      {"enhancement", &S::enhancement, "m", 0.0, 1e-7, "length of the field enhancement"},
      {"charge", &S::charge, "1", 0.5, 4.0, "charge number of an ion"},
      {"x_decay", &S::x_decay, "m", 1e-11, 1e-8, "decay length of the current with the gap"},
      {"v_scale", &S::v_scale, "V", 0.05, 10.0, "voltage scale of the tunnelling current"},
      {"length", &S::length, "m", 1e-10, 1e-7, "oxide thickness, largest gap"},
      {"width_max", &S::width_max, "m", 1e-10, 1e-6, "largest width of the filament"},
      {"width_min", &S::width_min, "m", 1e-11, 1e-6, "width at which the gap closes"},
      {"width_step", &S::width_step, "m", 1e-12, 1e-7, "ring that widens the filament"},
      {"j0", &S::j0, "A/m²", 1e3, 1e20, "scale of the tunnelling current density"},
      {"resistivity", &S::resistivity, "ohm m", 1e-9, 1.0, "of the filament"},
      {"r_th", &S::r_th, "K/W", 0.0, 1e9, "thermal resistance"},
      {"t_amb", &S::t_amb, "K", 10.0, 1000.0, "ambient temperature"},
      {"x_blend", &S::x_blend, "m", 1e-12, 1e-9, "gap from which a SET current tunnels alone"},
      {"v_max", &S::v_max, "m/s", 1e-3, 1e5, "largest speed of a state"},
      {"v_guard", &S::v_guard, "V", 0.0, 2.0,
       "cell voltage below which the states do not move; 0: none"},
  });
};

template <>
struct ParameterTable<devices::PkuSpread> {
  using S = devices::PkuSpread;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"ln_j0", &S::ln_j0, "1", 0.0, 3.0, "standard deviation of ln J0 over devices"},
      {"energy", &S::energy, "eV", 0.0, 0.5,
       "standard deviation of the three barriers together over devices"},
      {"cycle_gap", &S::cycle_gap, "m", 0.0, 1e-8,
       "standard deviation of the gap after a pulse that opened it"},
      {"cycle_width", &S::cycle_width, "m", 0.0, 1e-8,
       "standard deviation of the width after a pulse that widened it"},
      {"cycle_threshold", &S::cycle_threshold, "m", 0.0, 1e-8,
       "movement from which a pulse scatters"},
  });
};

}  // namespace mho
