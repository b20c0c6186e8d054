// What each stage of the calibration makes small: model minus record, in millivolts, for any model. The fits and the covariance of what they found read the same functions.
#pragma once
#include <Eigen/Core>
#include <span>
#include <vector>

#include "solver/calibrate.hpp"

namespace mho::solver {

// One pulse of the word lines in a record: what the line and the falling word lines are fitted to.
struct Pulse {
  const circuits::ColumnInput* input;
  const std::vector<std::int8_t>* levels;
  double before, driven, held;  // [V] relative to VREF: line before the pulse, at its end, after the word lines have fallen
  double t_on;                  // [s]
  size_t run;                   // conversions are counted first, runs that only pulse the word lines after them
};
// Of `lines` and of programs that hold the line: pulses of the others are sampled before they end. Points into both.
std::vector<Pulse> pulses_of(std::span<const ProgramRuns> runs, const LineRuns& lines);

// One residual per pulse [mV]: the driven line from the line before it, and the held line from the driven one.
Eigen::VectorXd line_residuals(const NeuronModel& model, std::span<const Pulse> pulses);
Eigen::VectorXd fall_residuals(const NeuronModel& model, std::span<const Pulse> pulses);

// Of every sample, integrate and restore step of a conversion's first decrements [mV]: output; line, amplifier input and far plate at three tenths of their weight. Of every decision: the output
// when the latch is turned on, a tenth of it and less the further it is from zero, because what counts is which way the latch turns. As many for any model that follows the records; in their order.
Eigen::VectorXd neuron_residuals(const NeuronModel& model, std::span<const ProgramRuns> runs, int threads, std::vector<size_t>* run_of_each = nullptr);
// Pull of each unknown of the neuron to its start, in residuals per step: what the data do not determine stays where it was.
inline constexpr double neuron_prior = 0.05;

}  // namespace mho::solver
