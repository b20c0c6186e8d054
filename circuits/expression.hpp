// Arithmetic of SPICE parameter files and of control programs: numbers with scale suffixes, + − * / and powers,
// comparisons and logic (1 true, 0 false), functions, names.
//
//   expression = either [? expression : expression],  either = both {|| both},  both = relation {&& relation}
//   relation   = sum [(<|<=|>|>=|==|!=) sum],  sum = term {(+|-) term},  term = factor {(*|/) factor}
//   factor     = [+|-|!] factor | power,  power = atom [(^|**) factor]
//   atom       = number | name | name([expression, …]) | (expression)
//
// Functions: abs sqrt exp ln log (natural, as in ngspice) log10 floor pow min max, and the distributions agauss gauss aunif
// unif limit, which give their first argument: the nominal value. All parts are evaluated, also those that a condition drops.
#pragma once
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mho::circuits {

// What is wrong with an expression; the caller knows the file and the line.
struct ExpressionError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Value of a lower-case expression without its braces or quotes. `parameter` gives the value of a
// name. Throws ExpressionError, and what `parameter` throws.
double evaluate_expression(std::string_view text,
                           const std::function<double(std::string_view)>& parameter);

// The same with functions of the caller's own, asked first: nothing for a name that is not theirs.
using ExpressionFunction = std::function<std::optional<double>(std::string_view name, std::span<const double> arguments)>;
double evaluate_expression(std::string_view text, const std::function<double(std::string_view)>& parameter,
                           const ExpressionFunction& function);

// A number as SPICE writes it, lower case: 1.5, .8e-2, 10u, 1meg, 5um (letters after the suffix are
// ignored). Returns how many characters were read, 0 when none is a number.
size_t read_spice_number(std::string_view text, double& value);

}  // namespace mho::circuits
