// The array of a core with every node that matters followed in time: what settled and vectorised forms leave out.
//
// States [V, relative to VREF]: node (i, j) of bit line i and of source line j, with access transistors the node between cell and transistor, and the drivers' supplies where these
// have resistance. Neighbouring nodes of a line are one wire resistance apart and carry its capacitance; bit line i is driven at its node j = 0, source line j carries the neuron's
// side at its node i = 0 (circuits/core_array.hpp has the same network for ngspice). With capacitances M, coupling between lines in it,
//   M y' = −(wires and drivers) y − cells(y) + driven,     stepped by rosenbrock.hpp
// Wires of half an ohm and a femtofarad are 10^6 times faster than a line.
#pragma once
#include <Eigen/Core>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "solver/array_map.hpp"
#include "solver/neuron_model.hpp"

namespace mho::solver {

struct CoreNetwork {
  Eigen::MatrixXd g;                                                  // R × C [S], all positive
  std::function<std::pair<double, double>(double g, double v)> current;  // of a cell [A] and its slope [S]; empty: ohmic
  ArrayWires wires;                                                   // all resistances more than 0
  double r_supply = 0.0;                                              // [ohm] in the supply of each drive level
  double c_cell = 0.84e-15;                                           // [F] wire of a bit or source line, per cell
  double c_driver = 2e-15;                                            // [F] of a bit line at its driver
  double c_line = 220e-15;                                            // [F] of a source line at its neuron
  double c_couple = 0.0;                                              // [F] between neighbouring lines of a kind, per cell
  std::optional<TransistorParams> transistor;                         // at the level of the word lines that are on; empty: cells are ideal switches
  double c_node = 0.84e-15;                                           // [F] between cell and transistor
};

struct CoreDrive {
  Eigen::VectorXd v;           // R [V] of the drivers' sources
  std::vector<int> supply;     // R: which supply feeds the driver; drivers of one have the same source. Empty: a supply for each distinct voltage
};

class CoreOde {
 public:
  // Throws Error for shapes and values out of range.
  explicit CoreOde(CoreNetwork network);
  ~CoreOde();
  CoreOde(CoreOde&&) noexcept;

  Eigen::Index rows() const;
  Eigen::Index columns() const;
  // Word lines off and at rest: source line j at lines[j], bit line i with the cells behind it at v[i] [V].
  Eigen::VectorXd held(const Eigen::VectorXd& lines, const Eigen::VectorXd& v) const;
  // Follows `state` for `duration` [s] with the drivers at `drive`, the word lines on or off. tolerance [V]: error of a step at any node. Returns how many steps were taken.
  // Throws Error for shapes, NumericalError when a step fails at any size.
  size_t advance(Eigen::VectorXd& state, const CoreDrive& drive, bool word_lines_on, double duration, double tolerance);
  // Source lines at their neurons [V], C.
  Eigen::VectorXd lines(const Eigen::VectorXd& state) const;
  // Charge of each source line [C], C, coupling included.
  Eigen::VectorXd line_charges(const Eigen::VectorXd& state) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mho::solver
