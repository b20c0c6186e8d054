// The falling word line: how channel charge and gate overlap leave the cells' transistors, and how much of it stays on the floating source line.
//
// Each cell: driver − cell conductance − node m − transistor − line. With q(v) = φ ln(1 + exp((P(w) − v)/φ)), the charge-sheet's mobile charge in volts at a channel end
// at v, and P(w) = v_pinch − d/n − curve · d², d = w_high − w, the pinch-off voltage at word line w:
//   I    = beta/2 · (q(m)… ) as in TransistorParams, with q in place of (v_pinch − ·)
//   Q_s  = −c_channel · (6 q_m³ + 12 q_s q_m² … )/(15 (q_s + q_m)²): Ward-Dutton partition (Tsividis, Operation and Modeling of the MOS Transistor, Sec. 7.4)
//   c_line · line' = Σ [I − dQ_s/dt + c_overlap (w' − line')],   c_m · m' = G (drive − m) − I − dQ_m/dt + c_overlap_m (w' − m')
// Cells of the same level and similar conductance are one class with one node m, so a column of 256 cells is some 20 states.
#pragma once
#include <array>
#include <cstdint>
#include <span>

#include "solver/neuron_model.hpp"

namespace mho::solver {

// Sums over the cells that the remainder is linear in, scaled to order one: rows N/256 times 1, V; G/10 mS times 1, V, V²; G·(drive − V)/1 mA; G·(drive − V)²/1 mA V;
// N·(drive − V)²/256.
std::array<double, fall_terms> fall_sums(std::span<const double> conductance, std::span<const std::int8_t> levels, double v_read, double line);

// Line voltage [V, relative to VREF] after the word lines have fallen, from `line` at which the driven line stood.
double line_after_fall(const NeuronModel& model, std::span<const double> conductance, std::span<const std::int8_t> levels, double v_read, double line);

}  // namespace mho::solver
