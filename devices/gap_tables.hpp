// Parameter tables of the gap model: keys of the card files, units, valid ranges.
#pragma once
#include "devices/gap_model.hpp"

namespace mho {

template <>
struct ParameterTable<devices::GapParams> {
  using S = devices::GapParams;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"g0", &S::g0, "m", 1e-11, 1e-8, "decay length of the current with the gap"},
      {"v0", &S::v0, "V", 0.05, 10.0, "voltage scale of the current's nonlinearity"},
      {"i0", &S::i0, "A", 1e-9, 10.0, "current scale"},
      {"velocity", &S::velocity, "m/s", 1e-3, 1e12, "attempt velocity of the tip"},
      {"activation", &S::activation, "eV", 0.05, 5.0, "activation energy of hopping"},
      {"a0", &S::a0, "m", 1e-11, 1e-8, "hopping distance"},
      {"thickness", &S::thickness, "m", 1e-10, 1e-7, "oxide thickness"},
      {"gamma0_set", &S::gamma0_set, "1", 0.0, 1000.0, "field enhancement at zero gap, SET"},
      {"gamma0_reset", &S::gamma0_reset, "1", 0.0, 1000.0, "field enhancement at zero gap, RESET"},
      {"beta_set", &S::beta_set, "1", 0.0, 1000.0,
       "fall of the enhancement with the gap in nm, SET"},
      {"beta_reset", &S::beta_reset, "1", 0.0, 1000.0,
       "fall of the enhancement with the gap in nm, RESET"},
      {"alpha", &S::alpha, "1", 1.0, 10.0, "power of the gap in the enhancement"},
      {"gap_min", &S::gap_min, "m", 0.0, 1e-7, "smallest gap"},
      {"gap_max", &S::gap_max, "m", 1e-12, 1e-7, "largest gap"},
      {"r_th", &S::r_th, "K/W", 0.0, 1e9, "thermal resistance"},
      {"t_amb", &S::t_amb, "K", 10.0, 1000.0, "ambient temperature"},
      {"field_min", &S::field_min, "V/m", 0.0, 1e12,
       "field below which the enhancement is zero; 0: none"},
      {"v_guard", &S::v_guard, "V", 0.0, 2.0,
       "cell voltage below which the state does not move; 0: none"},
  });
};

template <>
struct ParameterTable<devices::GapSpread> {
  using S = devices::GapSpread;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"ln_i0", &S::ln_i0, "1", 0.0, 3.0, "standard deviation of ln I0 over devices"},
      {"gamma0", &S::gamma0, "1", 0.0, 0.5,
       "relative standard deviation of the enhancement over devices"},
      {"cycle_gap", &S::cycle_gap, "m", 0.0, 1e-8,
       "standard deviation of the gap after a pulse that moved it"},
      {"cycle_threshold", &S::cycle_threshold, "m", 0.0, 1e-8,
       "movement from which a pulse scatters the gap"},
      {"gap_min", &S::gap_min, "m", 0.0, 1e-7, "smallest gap in an array"},
      {"gap_max", &S::gap_max, "m", 1e-12, 1e-7, "largest gap in an array"},
      {"start_gap", &S::start_gap, "m", 0.0, 1e-7, "gap from which a cell is programmed"},
  });
};

}  // namespace mho
