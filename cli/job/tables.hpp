// Results of a job as text for a terminal, as JSON in which every number has its unit, and as CSV.
#pragma once
#include <span>
#include <string>

#include "cli/job/job.hpp"

namespace mho::job {

// A copy in which each bare number n is {"value": n, "unit": "1"} and each list of numbers {"values": […], "unit": "1"}.
Json with_units(const Json& json);

std::string calibration_table(const validation::Calibration& calibration);
std::string parameters_table(const validation::Calibration& calibration);  // stages, parameters with their errors, what is least determined
Json calibration_json(const validation::Calibration& calibration);  // without waveforms

std::string mapping_table(std::span<const chip::MatrixSpec> matrices, const chip::Mapping& mapping, const chip::ChipConfig& config);
Json mapping_json(std::span<const chip::MatrixSpec> matrices, const chip::Mapping& mapping);

// One pass beside program.passes_beside passes on die 0, which is programmed for it. Empty when passes_beside is 0.
std::string passes_table(Job& job);
Json passes_json(Job& job);

std::string points_table(Job& job);
Json points_json(Job& job);
std::string points_csv(Job& job);

// Accuracy over the dies [1].
struct AccuracySummary {
  double software, software_4bit;  // with weights as they are, with weights of 4 bits
  double mean, deviation, lowest, highest;  // of the dies
  double counting_error;  // standard error of the software accuracy from the finite number of images
  size_t images, dies;
};
AccuracySummary accuracy_summary(Job& job);
// What the chip of Wan et al. (Nature 608, 504 (2022)) reached on the same task; empty where it has none.
std::string measured_accuracy(chip::DataSet set);
std::string accuracy_table(Job& job);
Json accuracy_json(Job& job);
std::string accuracy_csv(Job& job);

std::string times_table(const Job& job);
Json times_json(const Job& job);

}  // namespace mho::job
