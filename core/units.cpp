#include "core/units.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>

namespace mho {
namespace {
struct Prefix {
  std::string_view symbol;
  int exponent;
};
constexpr std::array<Prefix, 13> prefixes{{{"a", -18}, {"f", -15}, {"p", -12}, {"n", -9}, {"u", -6}, {"µ", -6},
                                           {"μ", -6}, {"m", -3}, {"", 0}, {"k", 3}, {"M", 6}, {"G", 9}, {"T", 12}}};

// Scales by a power of ten in one correctly rounded operation where possible (10^±22 is exact).
double scale(double value, int exponent) {
  return exponent < 0 ? value / std::pow(10.0, -exponent) : value * std::pow(10.0, exponent);
}
}  // namespace

std::optional<double> parse_quantity(std::string_view text, std::string_view unit) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  double value = 0.0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || !std::isfinite(value)) return std::nullopt;
  std::string_view rest = text.substr(static_cast<size_t>(end - text.data()));
  while (!rest.empty() && rest.front() == ' ') rest.remove_prefix(1);
  if (unit == "1") return rest.empty() ? std::optional{value} : std::nullopt;
  for (const Prefix& p : prefixes)
    if (rest.size() == p.symbol.size() + unit.size() && rest.starts_with(p.symbol) && rest.ends_with(unit))
      return scale(value, p.exponent);
  return std::nullopt;
}

std::string format_quantity(double value, std::string_view unit, int digits) {
  if (unit == "1" || value == 0.0 || !std::isfinite(value))
    return unit == "1" ? fmt::format("{:.{}g}", value, digits) : fmt::format("{:.{}g} {}", value, digits, unit);
  const double magnitude = std::abs(value);
  for (auto p = prefixes.rbegin(); p != prefixes.rend(); ++p)
    if (magnitude >= std::pow(10.0, p->exponent) * (1.0 - 1e-12))
      return fmt::format("{:.{}g} {}{}", scale(value, -p->exponent), digits, p->symbol == "µ" ? "u" : p->symbol, unit);
  return fmt::format("{:.{}g} {}", value, digits, unit);
}

}  // namespace mho
