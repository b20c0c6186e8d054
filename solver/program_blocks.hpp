// What the fast form of a control program consists of. A program is cut where C_integ is closed around the amplifier (ControlLines::held) into blocks, each block is tabulated
// by the ODE form as a map of the voltage across C_integ, and the state machine of the program, walked through all decisions, gives the nodes: which block follows which.
// Internal to the solver; mode_forms.hpp is what is built from them.
#pragma once
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "circuits/control_program.hpp"
#include "solver/cubic.hpp"
#include "solver/mode_forms.hpp"
#include "solver/neuron_model.hpp"
#include "solver/neuron_ode.hpp"

namespace mho::solver {

// Cubic Hermite through points (x ascending, y), slopes by parabolas through neighbours; beyond the ends straight on (Boost.Math's pchip and makima have other slopes and no outside).
class Curve {
 public:
  Curve() = default;
  Curve(std::vector<double> x, std::vector<double> y);
  double operator()(double v) const;

 private:
  std::vector<double> x_, y_, slope_;
};

// Steps from one held state to the next, or to the end.
struct Block {
  bool from_start = false;
  ControlLines before{circuits::ReadPoint{}};
  std::vector<ControlStep> steps;
  int decision = 0;  // ±1 where one of the steps decides
  bool operator==(const Block&) const = default;

  // What the left plate does: samples the line while it is driven, while it is held, or neither; and whether the word lines pulse without a sample.
  enum class Line { none, driven, held, pulsed };
  Line line(double v_ref) const;
};

struct BlockMap {
  Block block;
  Block::Line line = Block::Line::none;
  Curve alone;                     // without a sample: v → v
  Cubic out{}, line_after{};       // with one: (v, line or line − reference) → v, line − reference
  CubicOf<float> single{};         // out
};

struct ProgramNode {
  int bit = -1;
  std::array<int, 2> map{-1, -1};   // by decision (low, high); both the same where none is taken
  std::array<int, 2> next{-1, -1};
  std::array<size_t, 2> steps{};    // of the program in the block
  double turn = -INFINITY;          // [V] above: decision high
  bool decides = false, ended = false;
  int code = 0;                     // of an ended one
};

struct ProgramBlocks {
  std::vector<BlockMap> maps;
  std::vector<ProgramNode> nodes;
  std::vector<int> roots;           // node at the start, for each of the inputs
  double misfit = 0;                // [V] largest rms misfit of the samples' cubics to the ODE form
};

// Voltage across C_integ to both sides [V] that the maps cover: `swing`, or less where the amplifier's own ends before.
double map_reach(const NeuronModel& model, const ModeOptions& options);

// Blocks and nodes of the program for each of the inputs, which share the maps. Throws Error for a program that decides twice without C_integ closed in between, or has more than
// a million states.
ProgramBlocks find_blocks(const NeuronModel& model, const circuits::ControlProgram& program, const circuits::ReadPoint& point, const ModeOptions& options,
                          std::span<const circuits::ProgramInput> inputs);

}  // namespace mho::solver
