#include "circuits/transistor_curves.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"

namespace mho::circuits {
namespace {

// A source of node `node` that has at step k the value of bias k.
std::string stepped_source(char node, std::span<const TerminalBias> biases,
                           double TerminalBias::*value) {
  if (biases.size() == 1) return fmt::format("b{0} {0} 0 v={1:.12g}\n", node, biases[0].*value);
  std::string text = fmt::format("b{0} {0} 0 v=pwl(v(k)", node);
  for (size_t i = 0; i < biases.size(); ++i)
    text += fmt::format(",{},{:.12g}", i, biases[i].*value);
  return text + ")\n";
}

}  // namespace

std::string instance_geometry(const Geometry& g) {
  const double area = 0.29e-6 * g.w, perimeter = 2.0 * g.w + 0.58e-6;
  return fmt::format("w={:.12g} l={:.12g} ad={:.12g} as={:.12g} pd={:.12g} ps={:.12g}", g.w, g.l,
                     area, area, perimeter, perimeter);
}

std::vector<std::vector<double>> drain_curves(spice::Session& session, const CurveRequest& request,
                                              std::span<const Geometry> geometries,
                                              std::span<const TerminalBias> biases) {
  spice::AnalysisRequest sweep{"curves of " + request.model, {}, {{}}, {}};
  spice::Analysis& dc = sweep.analyses.front();
  dc.command = fmt::format("dc vk 0 {} 1", biases.size() - 1);
  sweep.netlist = request.models + "vk k 0 0\n" + stepped_source('g', biases, &TerminalBias::v_gs) +
                  stepped_source('d', biases, &TerminalBias::v_ds) +
                  stepped_source('b', biases, &TerminalBias::v_bs);
  for (size_t i = 0; i < geometries.size(); ++i) {
    sweep.netlist += fmt::format("vs{0} d d{0} 0\nm{0} d{0} g 0 b {1} {2} {3}\n", i, request.model,
                                 instance_geometry(geometries[i]), request.instance);
    dc.watch.push_back(fmt::format("vs{}#branch", i));
  }
  // gmin adds gmin·V_DS to every current: far below the leakage of 1 pA.
  sweep.options = fmt::format("reltol=1e-6 abstol=1e-16 vntol=1e-9 gmin=1e-16 temp={:.6g}",
                              request.temperature);
  const spice::AnalysisResult result = session.analyse(sweep).front();
  std::vector<std::vector<double>> currents;
  for (const std::string& source : dc.watch) {
    currents.push_back(result.real(source));
    const bool finite = std::all_of(currents.back().begin(), currents.back().end(), [](double i) { return std::isfinite(i); });
    if (currents.back().size() != biases.size() || !finite)
      throw NetlistError(sweep.name, 0, fmt::format("ngspice did not finish the sweep of {} steps", biases.size()), {}, ExitStatus::numerical_failure);
  }
  return currents;
}

}  // namespace mho::circuits
