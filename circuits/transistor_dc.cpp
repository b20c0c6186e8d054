#include "circuits/transistor_dc.hpp"

#include <fmt/format.h>

#include <string>

#include "core/data_path.hpp"
#include "core/errors.hpp"
#include "core/json_file.hpp"

namespace mho::circuits {
namespace {

// Currents through the sources vd0, vd1, … of the netlist at its operating point [A], from the node
// into the circuit.
std::vector<double> operating_point(spice::Session& session, const std::string& name,
                                    std::string netlist, size_t count) {
  spice::TransientRequest request;
  request.name = name;
  request.netlist = std::move(netlist);
  for (size_t i = 0; i < count; ++i) request.watch.push_back(fmt::format("vd{}#branch", i));
  request.t_stop = 1e-9;
  // gmin adds gmin·V_DS to every current: far below the transistor's own leakage of 1 pA.
  request.options = "reltol=1e-6 abstol=1e-16 vntol=1e-9 gmin=1e-16";
  std::vector<double> currents;
  spice::Hooks hooks;
  hooks.value = [](size_t, double) { return 0.0; };
  hooks.accepted = [&](double, std::span<const double> i) {
    if (currents.empty()) currents.assign(i.begin(), i.end());
  };
  hooks.done = [&] { return !currents.empty(); };
  session.transient(request, hooks);
  for (double& i : currents) i = -i;
  return currents;
}

}  // namespace

std::vector<double> drain_currents(spice::Session& session, const TransistorModels& models,
                                   std::span<const TransistorBias> points) {
  std::string text = models.text;
  for (size_t i = 0; i < points.size(); ++i) {
    const TransistorBias& p = points[i];
    text += fmt::format("vg{0} g{0} 0 {1:.17g}\nvd{0} d{0} 0 {2:.17g}\nvs{0} s{0} 0 {3:.17g}\n", i,
                        p.v_g, p.v_d, p.v_s);
    text +=
        fmt::format("m{0} d{0} g{0} s{0} 0 {1} w=1u l=0.5u ad=0.29p as=0.29p pd=2.58u ps=2.58u\n",
                    i, models.nmos_thick);
  }
  return operating_point(session, "bias points of " + models.nmos_thick, text, points.size());
}

std::vector<double> cell_currents(spice::Session& session, const TransistorModels& models,
                                  std::span<const CellPoint> points) {
  if (models.nmos_thick != "n50") throw Error("netlists/cell.sub asks for the model n50");
  // The word line driver in the same file needs a p-channel model; it is not instantiated.
  std::string text = models.text + read_text_file(data_path("netlists/cell.sub"));
  for (size_t i = 0; i < points.size(); ++i) {
    const CellPoint& p = points[i];
    text += fmt::format("vd{0} d{0} 0 {1:.17g}\nvg{0} g{0} 0 {2:.17g}\nvs{0} s{0} 0 {3:.17g}\n", i,
                        p.v_bl, p.v_wl, p.v_sl);
    text += fmt::format("xc{0} d{0} g{0} s{0} cell r={1:.17g}\n", i, p.resistance);
  }
  return operating_point(session, "bias points of the 1T1R cell", text, points.size());
}

}  // namespace mho::circuits
