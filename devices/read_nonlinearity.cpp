#include "devices/read_nonlinearity.hpp"

#include <algorithm>
#include <cmath>

#include "core/toml_file.hpp"

namespace mho::devices {

double sinh_scale(const SinhRead& p, double g) {
  const double u = std::log(g / p.g_low) / std::log(p.g_high / p.g_low);
  return p.v0_low + (p.v0_high - p.v0_low) * std::clamp(u, 0.0, 1.0);
}

CurrentSlope read_current(const SinhRead& p, double g, double v) {
  const double v0 = sinh_scale(p, g), amplitude = g * p.v_ref / std::sinh(p.v_ref / v0);
  return {amplitude * std::sinh(v / v0), amplitude * std::cosh(v / v0) / v0};
}

CurrentSlope read_current(const PolynomialRead& p, double g, double v) {
  const double l = std::log10(std::clamp(g, p.g_low, p.g_high));
  const double n2 = ((p.n2_3 * l + p.n2_2) * l + p.n2_1) * l + p.n2_0,
               n3 = (p.n3_2 * l + p.n3_1) * l + p.n3_0;
  return {((n3 * v + n2) * v + g) * v, (3.0 * n3 * v + 2.0 * n2) * v + g};
}

CurrentSlope read_current(const ReadCurve& curve, double g, double v) {
  return std::visit([&](const auto& p) { return read_current(p, g, v); }, curve);
}

ReadCurve load_read_curve(const std::string& path) {
  TomlFile file(path);
  file.text("source", "");
  ReadCurve curve;
  if (file.choice("form", "sinh", {"sinh", "polynomial"}) == "polynomial") curve = PolynomialRead{};
  std::visit(
      [&](auto& p) {
        file.read("", p);
        if (p.g_high <= p.g_low) throw file.error("g_high", "must be above g_low");
      },
      curve);
  file.finish();
  return curve;
}

}  // namespace mho::devices
