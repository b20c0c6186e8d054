// Static currents of the thick-oxide transistor and of a 1T1R cell in ngspice: many bias points as
// one netlist, each with its own sources, from one operating point.
#pragma once
#include <span>
#include <vector>

#include "circuits/pdk.hpp"
#include "circuits/spice/session.hpp"

namespace mho::circuits {

struct TransistorBias {
  double v_g, v_d, v_s;  // [V] against the bulk, which is at 0
};
// [A] into the drain; netlists/cell.sub's transistor: W 1 um, L 0.5 um.
std::vector<double> drain_currents(spice::Session& session, const TransistorModels& models,
                                   std::span<const TransistorBias> points);

struct CellPoint {
  double resistance;        // [ohm] in the place of the resistive cell
  double v_bl, v_wl, v_sl;  // [V]
};
// [A] from the bit line through resistance and transistor into the source line: netlists/cell.sub.
std::vector<double> cell_currents(spice::Session& session, const TransistorModels& models,
                                  std::span<const CellPoint> points);

}  // namespace mho::circuits
