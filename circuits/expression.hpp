// Arithmetic of SPICE parameter files: numbers with scale suffixes, + − * / and powers, functions,
// parameters by name. What a model library needs to be read without ngspice.
//
//   expression = term {(+|-) term},  term = factor {(*|/) factor},  factor = [+|-] factor | power
//   power      = atom [(^|**) factor],  atom = number | name | name(expression, …) | (expression)
//
// Functions: abs sqrt exp ln log (natural, as in ngspice) log10 pow min max, and the distributions
// agauss gauss aunif unif limit, which give their first argument: the nominal value.
#pragma once
#include <functional>
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

// A number as SPICE writes it, lower case: 1.5, .8e-2, 10u, 1meg, 5um (letters after the suffix are
// ignored). Returns how many characters were read, 0 when none is a number.
size_t read_spice_number(std::string_view text, double& value);

}  // namespace mho::circuits
