// Parameter tables of the JART model: keys of the card files and of the twin, units, valid ranges.
#pragma once
#include "devices/jart_vcm.hpp"

namespace mho {

template <>
struct ParameterTable<devices::JartParams> {
  using S = devices::JartParams;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"n_min", &S::n_min, "1/m³", 1e20, 1e28, "smallest vacancy density in the disc"},
      {"n_max", &S::n_max, "1/m³", 1e21, 1e29, "largest vacancy density in the disc"},
      {"n_plug", &S::n_plug, "1/m³", 1e21, 1e29, "vacancy density in the plug"},
      {"radius", &S::radius, "m", 1e-10, 1e-6, "radius of the filament"},
      {"radius_thermal", &S::radius_thermal, "m", 1e-10, 1e-6, "radius for which r_th is given"},
      {"cell_length", &S::cell_length, "m", 1e-10, 1e-7, "length of disc and plug"},
      {"disc_length", &S::disc_length, "m", 1e-11, 1e-8, "length of the disc"},
      {"mobility", &S::mobility, "m²/(V s)", 1e-9, 1.0, "mobility of the electrons"},
      {"charge", &S::charge, "1", 0.5, 4.0, "charge number of a vacancy"},
      {"barrier", &S::barrier, "V", 0.01, 3.0, "Schottky barrier"},
      {"fermi", &S::fermi, "V", 0.0, 3.0, "distance of conduction band and Fermi level"},
      {"permittivity", &S::permittivity, "1", 1.0, 1000.0, "static relative permittivity"},
      {"permittivity_image", &S::permittivity_image, "1", 1.0, 1000.0,
       "relative permittivity of the image force"},
      {"mass", &S::mass, "1", 0.01, 10.0, "effective mass of the electron over its rest mass"},
      {"richardson", &S::richardson, "A/(m² K²)", 1e3, 1e8, "effective Richardson constant"},
      {"r_tiox", &S::r_tiox, "ohm", 0.0, 1e6, "resistance of the TiOx layer"},
      {"r_line", &S::r_line, "ohm", 0.0, 1e6, "resistance of the lines at low current"},
      {"r_th_line", &S::r_th_line, "K/W", 0.0, 1e9, "thermal resistance of the lines"},
      {"alpha_line", &S::alpha_line, "1/K", 0.0, 1.0, "temperature coefficient of the lines"},
      {"hop_distance", &S::hop_distance, "m", 1e-11, 1e-8, "hopping distance of a vacancy"},
      {"attempt", &S::attempt, "Hz", 1e9, 1e16, "attempt frequency of a hop"},
      {"hop_barrier", &S::hop_barrier, "eV", 0.05, 5.0, "barrier of a hop"},
      {"r_th", &S::r_th, "K/W", 0.0, 1e10, "thermal resistance of the filament in SET"},
      {"reset_cooling", &S::reset_cooling, "1", 0.0, 10.0, "share of r_th in RESET"},
      {"t_amb", &S::t_amb, "K", 10.0, 1000.0, "ambient temperature"},
      {"rate_max", &S::rate_max, "1/s", 1.0, 1e18, "largest rate of ln N"},
  });
};

template <>
struct ParameterTable<devices::JartSpread> {
  using S = devices::JartSpread;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"n_min", &S::n_min, "1", 0.0, 0.5, "relative standard deviation of n_min over devices"},
      {"n_max", &S::n_max, "1", 0.0, 0.5, "relative standard deviation of n_max over devices"},
      {"radius", &S::radius, "1", 0.0, 0.5, "relative standard deviation of radius over devices"},
      {"length", &S::length, "1", 0.0, 0.5,
       "relative standard deviation of disc_length over devices"},
      {"cycle_radius", &S::cycle_radius, "1", 0.0, 0.5,
       "relative standard deviation of radius over cycles"},
      {"cycle_length", &S::cycle_length, "1", 0.0, 0.5,
       "relative standard deviation of disc_length over cycles"},
      {"cut", &S::cut, "1", 0.5, 5.0, "standard deviations at which the Gaussians are truncated"},
      {"cycle_threshold", &S::cycle_threshold, "1", 0.0, 10.0,
       "change of ln N from which a pulse scatters"},
  });
};

}  // namespace mho
