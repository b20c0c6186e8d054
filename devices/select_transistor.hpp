// Select transistor of a 1T1R cell for programming: level-1 NMOS, λ = 0, no body effect.
#pragma once
#include "core/params.hpp"
#include "devices/memristor.hpp"

namespace mho::devices {

struct SelectTransistor {
  double beta = 600e-6;       // [A/V²] KP·W/L
  double v_to = 0.7;          // [V] threshold
  double v_to_sigma = 0.020;  // [V] its spread over cells
  SelectTransistor vary(RandomStream& stream) const {
    return {beta, v_to + v_to_sigma * stream.normal(), v_to_sigma};
  }
};

// I_D and ∂I_D/∂v of a transistor in series with a cell that holds the voltage magnitude v:
//   SET    source grounded:     V_GS = V_WL,      V_DS = V_BL − v
//   RESET  source at the cell:  V_GS = V_WL − v,  V_DS = V_SL − v
// I_D = β[(V_GS − V_TO)V_DS − V_DS²/2] in triode, β(V_GS − V_TO)²/2 in saturation, 0 in cut-off; V_DS ≥ 0.
inline CurrentSlope drain_current(const SelectTransistor& p, bool source_at_cell, double v_wl,
                                  double v_line, double v) {
  const double overdrive = v_wl - p.v_to - (source_at_cell ? v : 0.0);
  const double v_ds = v_line - v;
  const double dv_gs = source_at_cell ? -1.0 : 0.0;
  if (overdrive <= 0.0 || v_ds <= 0.0) return {0.0, 0.0};
  if (v_ds >= overdrive) return {0.5 * p.beta * overdrive * overdrive, p.beta * overdrive * dv_gs};
  return {p.beta * (overdrive - 0.5 * v_ds) * v_ds, p.beta * (dv_gs * v_ds - (overdrive - v_ds))};
}

}  // namespace mho::devices

namespace mho {
template <>
struct ParameterTable<devices::SelectTransistor> {
  using S = devices::SelectTransistor;
  static constexpr auto table = std::to_array<Parameter<S>>({
      {"beta", &S::beta, "A/V²", 1e-7, 1e-1, "KP·W/L"},
      {"v_to", &S::v_to, "V", -1.0, 3.0, "threshold voltage"},
      {"v_to_sigma", &S::v_to_sigma, "V", 0.0, 0.5,
       "standard deviation of the threshold over cells"},
  });
};
}  // namespace mho
