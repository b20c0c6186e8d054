// Image recovery on the chip, step by step: calibrate, program, choose points, recover in software and on each die, estimate energy.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "chip/rbm_chip.hpp"
#include "cli/job/job.hpp"

namespace mho::job {

// One corruption of the test images and what became of it.
struct RecoveryResults {
  chip::CorruptedImages images;
  chip::Recovery software, few_bits, software_neuron;  // float weights; rounded ones; float weights with the chip's hidden neuron
  std::vector<chip::Recovery> dies;

  std::vector<double> errors_of_dies() const;
  double mean() const;
  double deviation() const;                                     // over dies
  double reduction(double error) const { return 1 - error / images.error; }
};

struct RbmResults {
  chip::Rbm rbm;
  chip::HiddenSampler sampler;
  double grey = 0;                                // [1] mean of the training images
  std::vector<chip::RbmDie> dies;
  std::vector<chip::PointChoice> points;          // visible → hidden, hidden → visible
  std::array<double, 2> volts_per_log_odds{};     // [V] of the integrated voltage of one block, by direction, on target conductances
  std::vector<std::array<double, 2>> sum_error, corrected_error;  // [log-odds] rms error of each die's sums against software on training images, by direction; after correction
  std::vector<std::array<chip::SumCorrection, 2>> corrections;  // by die and direction
  std::array<RecoveryResults, 2> recovery;        // by Corruption
  std::vector<std::vector<solver::EventCounts>> events;  // by die, over all images of both corruptions
  std::optional<chip::Estimate> estimate;         // per image, mean over dies and corruptions; layers are the directions, with all cycles
  std::vector<double> energy_of_dies;             // [J] per image
};

RbmResults run_rbm(Job& job);

std::string rbm_table(const RbmResults& results, const Job& job);
Json rbm_json(const RbmResults& results, Job& job, const std::string& command);
void write_rbm_tables(const RbmResults& results, const Job& job, const Json& run, const std::string& folder);
void write_rbm_report(const RbmResults& results, Job& job, const Json& run, const std::string& folder);

}  // namespace mho::job
