// Static drain currents of transistors of several geometries at the same list of bias points, from
// one sweep in ngspice.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "circuits/spice/session.hpp"

namespace mho::circuits {

struct Geometry {
  double w, l;  // [m] drawn, one finger
  bool operator==(const Geometry&) const = default;
};
struct TerminalBias {
  double v_gs, v_ds, v_bs;  // [V] negative for a p-channel transistor in use
  bool operator==(const TerminalBias&) const = default;
};

struct CurveRequest {
  std::string models;         // .model text
  std::string model;          // name of the one that is asked for
  std::string instance;       // more instance parameters, "delvto=0.01"
  double temperature = 27.0;  // [degC]
};

// Junctions of one finger with contacts on both sides, as in netlists/: ad, as, pd, ps.
std::string instance_geometry(const Geometry& g);

// [geometry][bias] current into the drain [A]. Throws NetlistError as Session::analyse, and when a current is missing or not finite.
std::vector<std::vector<double>> drain_curves(spice::Session& session, const CurveRequest& request,
                                              std::span<const Geometry> geometries,
                                              std::span<const TerminalBias> biases);

}  // namespace mho::circuits
