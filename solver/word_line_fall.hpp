// The falling word line: how channel charge and gate overlap leave the cells' transistors, and how much of it stays on the floating source line.
//
// Each cell: driver − cell conductance − node m − transistor − line. The pinch-off voltage at word line w is P(w) = v_pinch − d/n − curve·d², d = w_high − w. A channel end
// at voltage v has, with L = 2φ ln(1 + exp((P − v)/2φ)), mobile charge q = φ (√(1 + (L/φ)²) − 1) (Enz, Krummenacher, Vittoz, AICSP 8, 83 (1995)), and
//   I    = beta/2 · (L_s² − L_m²) · (1 + lambda |m − line|)/(1 + theta (L_s + L_m)/2), from m into the line
//   Q_s  = −c_channel · (6 q_s³ + 12 q_s² q_m + 8 q_s q_m² + 4 q_m³)/(15 (q_s + q_m)²): Ward-Dutton partition (Tsividis, Operation and Modeling of the MOS Transistor, Sec. 7.4)
//   c_line · line' = Σ [I − dQ_s/dt + c_overlap w'],   c_m · m' = G (drive − m) − I − dQ_m/dt + c_overlap_m (w' − m')
//   c_wire · w'    = −I_driver − (what the gates take): the word line falls the slower, the less line and cells follow it.
// The driver stage of 16 cells is a current limit and a resistance. Cells of the same level and similar conductance are one class with one node m, so a column of 256 cells
// is some 20 states.
#pragma once
#include <cstdint>
#include <span>

#include "solver/neuron_model.hpp"

namespace mho::solver {

// Line voltage [V, relative to VREF] after the word lines have fallen, from `line` at which the driven line stood.
double line_after_fall(const NeuronModel& model, std::span<const double> conductance, std::span<const std::int8_t> levels, double v_read, double line);

}  // namespace mho::solver
