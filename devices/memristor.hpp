// What every compact model of a resistive cell offers, so that one cell, one integrator and one set
// of laws serve all of them.
#pragma once
#include <concepts>
#include <string>
#include <string_view>

#include "core/random.hpp"

namespace mho::devices {

constexpr double boltzmann_ev = 8.617333262e-5;  // [eV/K] k/e, SI 2019

// Current and its slope at one voltage.
struct CurrentSlope {
  double current;  // [A]
  double slope;    // [S] ∂I/∂V at constant state
};

// Current and state rate with their partial derivatives, T eliminated (static temperature).
// [state] is the unit of the model's state, m for a gap.
struct Jacobian {
  double current, di_dv, di_dx;     // [A], [S], [A/state]
  double rate, drate_dv, drate_dx;  // [state/s], [state/(s V)], [1/s]
};

// Parameters that contradict each other: the key at fault and what would be right; empty when they fit.
struct Misfit {
  std::string key, what;
};

// A model is a struct of immutable parameters and pure functions of cell voltage v [V] and one
// state x. v > 0 is SET: it raises |I|.
//   at(x)               the I-V curve at a fixed state: at(x).current(v) -> CurrentSlope, odd, strictly increasing in v
//   state_rate(v, x, i) dx/dt [state/s] when the current is i = I(v, x); zero for |v| below
//                       guard_voltage() and beyond the walls
//   evaluate(v, x)      current, rate and all partial derivatives
//   state_for(g, v)     state whose static conductance I(v)/v is g [S]; not clipped
//   state_min/max       walls of the state
//   vary(spread, s)     the model of one device of a population
//   settle(spread, before, after, s)  the state after the cycle-to-cycle scatter of one pulse
//   start_state(spread) the state before it is first written
//   no_spread(params)   the spread of a card file without [spread]
//   misfit(params, spread)  contradictions between values that are each in range
template <class M>
concept Memristor = requires(const M m, double v, double x, typename M::Spread spread,
                             RandomStream& stream) {
  typename M::Params;
  { M::name } -> std::convertible_to<std::string_view>;
  { m.at(x).current(v) } -> std::same_as<CurrentSlope>;
  { m.conductance(v, x) } -> std::same_as<double>;
  { m.state_rate(v, x, v) } -> std::same_as<double>;
  { m.evaluate(v, x) } -> std::same_as<Jacobian>;
  { m.state_for(v, v) } -> std::same_as<double>;
  { m.state_min() } -> std::same_as<double>;
  { m.state_max() } -> std::same_as<double>;
  { m.guard_voltage() } -> std::same_as<double>;
  { m.vary(spread, stream) } -> std::same_as<M>;
  { m.settle(spread, x, x, stream) } -> std::same_as<double>;
  { m.start_state(spread) } -> std::same_as<double>;
  { M::no_spread(m.params) } -> std::same_as<typename M::Spread>;
  { M::misfit(m.params, spread) } -> std::same_as<Misfit>;
};

}  // namespace mho::devices
