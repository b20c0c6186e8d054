// The ODE form tabulated for any control program: what batches of lines need of every mode of the neuron. Every entry is computed by the ODE form; nothing is fitted to
// anything else.
//
// A program is cut where C_integ is closed around the amplifier (ControlLines::held) into blocks: cycles of sampling and integrating, decrements with the comparison before
// them, leaks, resets. A block maps the voltage across C_integ to that at its end, with the line that it samples as a second argument; where it decides there is one map for
// each decision and the voltage at which the latch turns. Blocks of the same control lines and levels share their maps. The state machine of the program, walked through
// all decisions, says which block follows.
//
// Programs that sample nothing after their first decision (unary and binary converters, comparator, ReLU, tanh, sigmoid, pulses of a shift register) are reduced further: to the
// cubics of their samples and a staircase, codes over the integrated voltage; a staircase for each sequence of the register's bits. The others (LIF) are followed block by block.
#pragma once
#include <Eigen/Core>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "circuits/control_program.hpp"
#include "circuits/conversion_data.hpp"
#include "solver/fast_core.hpp"
#include "solver/neuron_model.hpp"

namespace mho::solver {

struct ModeOptions {
  std::vector<std::pair<std::string, double>> parameters;  // in place of the program's own
  int bits = 1;                  // [1] magnitude bits of the input
  double swing = 0.25;           // [V] of the integrated voltage that the maps cover, to both sides
  double line_span = 0.35;       // [V] of the line against VREF when it is driven, against its reference when it is held
  double line_conductance = 3e-4;  // [S] of all cells that drive a line: how fast it settles
  double rows = 16;              // [1] of them: what their word lines add to its capacitance
};

class ModeForm {
 public:
  // Throws Error for a program that decides twice without C_integ closed in between, or draws more than 12 bits of the register before its first decision.
  ModeForm(const NeuronModel& model, const circuits::ControlProgram& program, const circuits::ReadPoint& point, const ModeOptions& options);
  ~ModeForm();
  ModeForm(ModeForm&&) noexcept;
  ModeForm& operator=(ModeForm&&) noexcept;

  // lines: for each bit what the source lines (C × B) settle to while they are driven or, for a program that holds them, what the falling word lines leave [V, relative to
  // VREF], of whatever array form. Empty for programs without samples; then `columns` × `batch` neurons. v: voltage across C_integ after the last sample before the first
  // decision [V], what the output settles to.
  void integrate(std::span<const Eigen::MatrixXf> lines, Eigen::MatrixXf& v) const;
  // Codes of these voltages. lfsr: start of the register of each neuron (C × B), for programs that draw from it. Throws Error for a program that samples after a decision.
  void convert(const Eigen::MatrixXf& v, CodeMatrix& codes, const Eigen::Matrix<std::uint32_t, Eigen::Dynamic, Eigen::Dynamic>* lfsr = nullptr) const;
  // Both; the only way for programs that sample after a decision.
  void apply(std::span<const Eigen::MatrixXf> lines, CodeMatrix& codes, const Eigen::Matrix<std::uint32_t, Eigen::Dynamic, Eigen::Dynamic>* lfsr = nullptr) const;

  bool samples_after_decision() const;
  int drawn_bits() const;          // [1] of the register, before the first decision
  size_t integration_steps() const;  // steps of the program until `v` of integrate()
  double threshold() const;        // [V] across C_integ at which the first decision turns
  double map_misfit() const;       // [V] largest rms misfit of the samples' cubics to the ODE form
  size_t maps() const;             // how many blocks were tabulated
  // Of the staircase, ascending: code[i] between edge[i − 1] and edge[i]. `pattern`: bits of the register, the first drawn lowest.
  struct Staircase {
    std::vector<float> edge;         // [V]
    std::vector<std::int16_t> code;  // one more than edges
  };
  const Staircase& staircase(size_t pattern = 0) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mho::solver
