// Units at the edge: files say "0.16 V", the code holds 0.16 in SI base units.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace mho {

// Value of `text` in the SI unit `unit`, e.g. parse_quantity("10 ns", "s") = 1e-8. The unit of the text must be `unit` with an
// optional SI prefix (a f p n u µ m k M G T). unit "1" takes a bare number. Nothing when the text is not such a quantity.
std::optional<double> parse_quantity(std::string_view text, std::string_view unit);

// `value` [unit] with a prefix that keeps the mantissa in 1 to 1000: format_quantity(3.4e-14, "F") = "34 fF".
std::string format_quantity(double value, std::string_view unit, int digits = 4);

}  // namespace mho
