#include "devices/load.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/errors.hpp"

namespace mho::devices {
namespace {

// Largest current that the load carries while the cell holds the voltage magnitude v, with its slopes.
struct LoadCurrent {
  double current, di_dv, di_ddrive;  // [A], [S], [S]
};

LoadCurrent through(const SelectTransistor& t, bool set, double wl, double drive, double v) {
  const CurrentSlope at = drain_current(t, !set, wl, drive, v);
  // V_DS alone moves with the raised line: ∂I/∂V_DS. In SET that is −∂I/∂v; in RESET v moves V_GS too.
  const double overdrive = wl - t.v_to - v, v_ds = drive - v;
  const double di_ddrive = set ? -at.slope : at.current > 0.0 && v_ds < overdrive ? t.beta * (overdrive - v_ds) : 0.0;
  return {at.current, at.slope, di_ddrive};
}

LoadCurrent through(const ThickTransistor& t, bool set, double wl, double drive, double v) {
  const TransistorCurrent at = set ? static_current(t, wl, drive - v, 0.0) : static_current(t, wl, drive, v);
  return {at.current, set ? -at.by_drain : at.by_source, at.by_drain};
}

// drive: magnitude [V]; set: its polarity.
LoadCurrent load_current(const Load& load, bool set, double drive, double v) {
  if (load.transistor) {
    const double wl = set ? load.v_wl_set : load.v_wl_reset;
    return std::visit([&](const auto& t) { return through(t, set, wl, drive, v); }, *load.transistor);
  }
  const double g = 1.0 / load.r_series;
  return {(drive - v) * g, -g, g};
}

}  // namespace

LoadedCell solve_load(const AnyMemristor& model, const Load& load, double drive, const State& x,
                      double guess) {
  LoadedCell out;
  const bool set = drive >= 0.0;
  const double sign = set ? 1.0 : -1.0, line = std::abs(drive);
  const double compliance = set ? load.compliance : std::numeric_limits<double>::infinity();
  const bool direct = !load.transistor && load.r_series == 0.0;
  if (direct || line == 0.0) {
    out.v = drive;
    out.cell = evaluate(model, drive, x);
    out.dv_ddrive = 1.0;
    out.dv_dx = State::Zero();
    if (!(std::abs(out.cell.current) > compliance)) return out;
  }
  const double tolerance = 1e-12 * std::max(1.0, line);
  double low = 0.0, high = line, v = std::clamp(sign * guess, low, high);
  LoadCurrent through{};
  out.solved = false;
  for (int n = 0; n < 200; ++n) {
    out.cell = evaluate(model, sign * v, x);
    const double i = sign * out.cell.current;
    through = direct ? LoadCurrent{compliance, 0.0, 0.0} : load_current(load, set, line, v);
    out.in_compliance = through.current >= compliance;
    if (out.in_compliance) through = {compliance, 0.0, 0.0};
    const double residual = i - through.current, slope = out.cell.di_dv - through.di_dv;
    (residual > 0.0 ? high : low) = v;
    double next = v - residual / slope;
    if (!(next >= low && next <= high)) next = 0.5 * (low + high);
    if (std::abs(next - v) <= tolerance || !(high - low > tolerance)) {
      out.solved = std::isfinite(residual);
      break;
    }
    v = next;
  }
  const double slope = out.cell.di_dv - through.di_dv;
  out.v = sign * v;
  out.dv_ddrive = through.di_ddrive / slope;
  out.dv_dx = -out.cell.di_dx / slope;
  return out;
}

void check(const Load& load) {
  if (!(load.r_series >= 0.0) || !std::isfinite(load.r_series))
    throw Error(fmt::format("series resistance is {} ohm; wants 0 or more", load.r_series));
  if (!(load.compliance > 0.0))
    throw Error(fmt::format("compliance is {} A; wants a positive current", load.compliance));
  if (load.transistor && load.r_series > 0.0)
    throw Error("a series resistance beside a select transistor is not possible");
}

}  // namespace mho::devices
