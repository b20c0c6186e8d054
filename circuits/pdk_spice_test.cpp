// Flattened cards in ngspice: the same currents as the library itself through .lib, and as the card
// written plainly.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "circuits/pdk.hpp"
#include "circuits/spice/session.hpp"
#include "circuits/transistor_dc.hpp"
#include "core/errors.hpp"

using namespace mho;
using namespace mho::circuits;

namespace {

const std::string shipped = std::string(MHO_SOURCE_DIR) + "/circuits/testdata/pdk";

spice::Session& ngspice() {
  static spice::Session session;
  return session;
}

std::vector<TransistorBias> grid() {
  std::vector<TransistorBias> points;
  for (const double g : {0.3, 0.8, 1.5, 3.3, 5.0})
    for (const double d : {0.05, 1.0, 3.0})
      for (const double s : {0.0, 0.6}) points.push_back({g, d, s});
  return points;
}

bool close(double a, double b, double tolerance) {
  return std::abs(a - b) <= tolerance * std::max(std::abs(a), std::abs(b));
}

}  // namespace

TEST_CASE("the fixture's cell transistor carries the currents of the same card written plainly") {
  const TransistorModels flat = flatten_transistor({shipped, "fixture130"}, {});
  const auto points = grid();
  const auto a = drain_currents(ngspice(), flat, points);
  const auto b = drain_currents(ngspice(), embedded_thick_transistor(), points);
  REQUIRE(a.size() == points.size());
  // The cards agree in every printed digit but cgso, which carries no static current.
  for (size_t i = 0; i < a.size(); ++i) CHECK(close(a[i], b[i], 1e-9));
  CHECK(a.front() < 1e-9);
  CHECK(a.back() > 2e-4);
}

TEST_CASE("a flattened card carries the currents of the library that ngspice reads itself") {
  // Corner ss: no statistics to switch off, so ngspice can read it. W 3 um, L 2 um: another bin,
  // and a corner that shifts oxide and threshold.
  const double w = 3.0, l = 2.0;
  const std::string library =
      fmt::format(".lib {}/fixture130/libs.tech/ngspice/sky130.lib.spice ss\n", shipped);
  const TransistorModels flat = flatten_transistor(
      {shipped, "fixture130"},
      {.device = "nfet_g5v0d10v5", .w = w * 1e-6, .l = l * 1e-6, .corner = "ss", .model = "n50"});
  for (const TransistorBias& p : grid()) {
    const std::string sources =
        fmt::format("vg g 0 {}\nvd d 0 {}\nvs s 0 {}\n", p.v_g, p.v_d, p.v_s);
    const auto current = [&](const std::string& text) {
      spice::TransientRequest request;
      request.name = "transistor";
      request.netlist = text + sources;
      request.watch = {"vd#branch"};
      request.t_stop = 1e-9;
      request.options = "reltol=1e-6 abstol=1e-16 vntol=1e-9 gmin=1e-16";
      double out = 0.0;
      spice::Hooks hooks;
      hooks.accepted = [&](double, std::span<const double> i) { out = -i[0]; };
      ngspice().transient(request, hooks);
      return out;
    };
    const double own =
        current(library + fmt::format("xm d g s 0 sky130_fd_pr__nfet_g5v0d10v5 w={} l={}\n", w, l));
    const double ours =
        current(flat.text + fmt::format("m1 d g s 0 n50 w={}u l={}u ad=0 as=0 pd=0 ps=0\n", w, l));
    // Same card, same solver: what is left is rounding of W and L.
    CHECK_MESSAGE(close(ours, own, 1e-6), ours << " " << own);
    CHECK(ours * (p.v_d - p.v_s) > 0.0);
  }
}

TEST_CASE("in a 1T1R cell the series resistance limits the current") {
  const TransistorModels models = embedded_thick_transistor();
  const std::vector<CellPoint> points{
      {1e6, 2.0, 5.0, 0.0}, {5e3, 2.0, 5.0, 0.0}, {5e3, 0.0, 5.0, 2.0}, {5e3, 2.0, 0.0, 0.0}};
  const auto i = cell_currents(ngspice(), models, points);
  // The transistor at 5 V is some 1 to 3 kohm beside the cell; off, it passes picoamperes.
  CHECK(close(i[0], 2e-6, 0.005));
  CHECK(i[1] > 2.0 / 9e3);
  CHECK(i[1] < 2.0 / 5e3);
  CHECK(i[2] < 0.0);
  CHECK(-i[2] < i[1]);  // source at the cell: less gate drive
  CHECK(i[3] < 1e-10);
}
