#include "circuits/mismatch.hpp"

#include <fmt/format.h>

#include <cmath>

#include "core/errors.hpp"

namespace mho::circuits {

const DeviceMismatch& Mismatch::of(std::string_view model) const {
  if (model == "n18") return n18;
  if (model == "p18") return p18;
  if (model == "n50") return n50;
  if (model == "p50") return p50;
  throw Error(fmt::format("no mismatch of {}; there is that of n18, p18, n50, p50", model));
}

MismatchDraw draw_mismatch(const DeviceMismatch& device, double w, double l, double m,
                           RandomStream& stream) {
  const double side = std::sqrt(w * l * m);
  const double vt = device.a_vt / side * stream.normal();
  return {vt, device.a_beta / side * stream.normal()};
}

std::string instance_mismatch(std::string_view model, const MismatchDraw& draw) {
  const double sign = model.starts_with('p') ? -1.0 : 1.0;
  return fmt::format(" delvto={:.9g} mulu0={:.9g}", sign * draw.delta_vt, 1.0 + draw.delta_beta);
}

double draw_capacitor_mismatch(double a_c, double area, RandomStream& stream) {
  return a_c / std::sqrt(area) * stream.normal();
}

}  // namespace mho::circuits
