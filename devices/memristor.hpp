// What every compact model of a resistive cell offers, so that one cell, one integrator, one netlist
// writer and one set of laws serve all of them.
#pragma once
#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <concepts>
#include <string>
#include <string_view>

#include "core/random.hpp"

namespace mho::devices {

constexpr double boltzmann_ev = 8.617333262e-5;  // [eV/K] k/e, SI 2019

// States of a model: one or two. A model of one leaves the second at 0.
constexpr int max_states = 2;
using State = Eigen::Vector2d;
using StateMatrix = Eigen::Matrix2d;
inline State state_of(double x, double y = 0.0) { return {x, y}; }

// Name and unit of one state as files and pictures show it (observe()). A state without walls, such as
// a temperature, uses lower() and upper() as the scale of its tolerance only.
struct StateInfo {
  std::string_view name, unit;
  bool wall = true;
};

// Limits of a model that were at work in an evaluation: outside them its equations say something else.
// Bits of an unsigned; a run collects them with |.
enum Limit : unsigned {
  limit_none = 0,
  limit_voltage = 1,      // |V| of an exponential is cut
  limit_rate = 2,         // a state would move faster than the model allows
  limit_temperature = 4,  // T is cut, or beyond what the model can mean (2000 K)
  limit_field = 8,        // a field enhancement or barrier is cut at the end of its range
  limit_wall = 16         // a state is held at the end of its range
};
std::string limit_names(unsigned limits);  // "voltage, wall", "none"

// Current and its slope at one voltage.
struct CurrentSlope {
  double current;  // [A]
  double slope;    // [S] ∂I/∂V at constant state
};

// Current and state rates with their partial derivatives at one cell voltage and state.
// [state] is the unit in which the model integrates a state, m for a gap.
struct Evaluation {
  double current = 0.0, di_dv = 0.0;                     // [A], [S]
  State di_dx = State::Zero();                           // [A/state]
  State rate = State::Zero(), drate_dv = State::Zero();  // [state/s], [state/(s V)]
  StateMatrix drate_dx = StateMatrix::Zero();  // ∂rate_i/∂x_j [state_i/(s state_j)]
  double temperature = 0.0;                    // [K] of the filament
  unsigned limits = limit_none;                // limits at work (Limit)
};

// The same for one state and static temperature, as plain numbers (FastMemristor).
struct Jacobian {
  double current, di_dv, di_dx;     // [A], [S], [A/state]
  double rate, drate_dv, drate_dx;  // [state/s], [state/(s V)], [1/s]
};

// Parameters that contradict each other: the key at fault and what would be right; empty when they fit.
struct Misfit {
  std::string key, what;
};

// A model is a struct of immutable parameters and pure functions of cell voltage v [V] and state x.
// v > 0 is SET in mho, whatever the publication chose (published_sign); inside its file a model
// keeps its published signs.
//   state_info()        name and unit of each state
//   evaluate(v, x)      current, rates, all partial derivatives, limits at work
//   lower(), upper()    walls of the states; scale of a state without walls
//   observe(x)          the states as people want to see them (N instead of ln N), in state_info's units
//   from_observed(s)    back from there
//   low_state(), high_state()   states of low and of high conductance
//   vary(spread, s)     the model of one device of a population
//   settle(spread, before, after, s)  the state after the cycle-to-cycle scatter of one pulse
//   start_state(spread) the state before it is first written
//   no_spread(params)   the spread of a card file without [spread]
//   misfit(params, spread)  contradictions between values that are each in range
// Its twin for ngspice is netlists/models/<name>.sub: subcircuit <name> with the pins te be x1 x2 tk
// (V(te,be) > 0 is SET; V(x1), V(x2): the states of twin_state(); V(tk): temperature), a parameter
// for each key of the parameter table, in SI units, and the start values x1_0, x2_0.
//   twin_state(x), from_twin(v)   states as voltages of the pins x1, x2, and back
template <class M>
concept Memristor = requires(const M m, double v, State x, typename M::Spread spread, RandomStream& stream) {
  typename M::Params;
  { M::name } -> std::convertible_to<std::string_view>;
  { M::title } -> std::convertible_to<std::string_view>;
  { M::states } -> std::convertible_to<int>;
  { M::published_sign } -> std::convertible_to<double>;
  { M::state_info() } -> std::same_as<std::array<StateInfo, M::states>>;
  { m.evaluate(v, x) } -> std::same_as<Evaluation>;
  { m.lower() } -> std::same_as<State>;
  { m.upper() } -> std::same_as<State>;
  { m.observe(x) } -> std::same_as<State>;
  { m.from_observed(x) } -> std::same_as<State>;
  { m.low_state() } -> std::same_as<State>;
  { m.high_state() } -> std::same_as<State>;
  { m.twin_state(x) } -> std::same_as<State>;
  { m.from_twin(x) } -> std::same_as<State>;
  { m.vary(spread, stream) } -> std::same_as<M>;
  { m.settle(spread, x, x, stream) } -> std::same_as<State>;
  { m.start_state(spread) } -> std::same_as<State>;
  { M::no_spread(m.params) } -> std::same_as<typename M::Spread>;
  { M::misfit(m.params, spread) } -> std::same_as<Misfit>;
};

// A model of one state and static temperature that also offers its functions as plain numbers; whole
// arrays are programmed through them.
//   at(x)               the I-V curve at a fixed state: at(x).current(v) -> CurrentSlope, odd, strictly increasing in v,
//                       and its inverse at(x).voltage(i)
//   log_slope()         ∂ ln I/∂x [1/state], the same everywhere
//   state_rate(v, x, i) dx/dt [state/s] when the current is i = I(v, x); zero for |v| below
//                       guard_voltage() and beyond the walls
//   evaluate(v, x)      current, rate and all partial derivatives
//   state_for(g, v)     state whose static conductance I(v)/v is g [S]; not clipped
//   state_min/max       walls of the state
template <class M>
concept FastMemristor = Memristor<M> && M::states == 1 && requires(const M m, double v, double x) {
  { m.at(x).current(v) } -> std::same_as<CurrentSlope>;
  { m.at(x).voltage(v) } -> std::same_as<double>;
  { m.log_slope() } -> std::same_as<double>;
  { m.conductance(v, x) } -> std::same_as<double>;
  { m.state_rate(v, x, v) } -> std::same_as<double>;
  { m.evaluate(v, x) } -> std::same_as<Jacobian>;
  { m.state_for(v, v) } -> std::same_as<double>;
  { m.state_min() } -> std::same_as<double>;
  { m.state_max() } -> std::same_as<double>;
  { m.guard_voltage() } -> std::same_as<double>;
};

}  // namespace mho::devices
