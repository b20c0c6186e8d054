// What a calibration would run, without running it: how many runs are in the cache, how long the others take, and how well all of them cover what can be run.
#pragma once
#include <string>
#include <vector>

#include "validation/neuron_calibration.hpp"

namespace mho::validation {

struct PlanAxis {
  std::string name, unit;
  double least = 0, largest = 0;
};

struct PlanSet {
  std::string name;
  int runs = 0, cached = 0;
  double processor_seconds = 0;     // [s] of the missing ones, from those that are cached, per row; 0 when none is
  size_t axes = 0;                  // 0: drawn at random, to judge
  double discrepancy = 0, sobol_discrepancy = 0;   // centred L2 of the points in the unit cube, and of as many points of Sobol's sequence
  double distance = 0, sobol_distance = 0;         // least distance of two points there, and of theirs
  std::vector<PlanAxis> ranges;
};

struct PlanReport {
  std::vector<PlanSet> sets;
  int workers = 1;
};
PlanReport plan_report(const CalibrationSettings& settings, const Cache& cache);
Json to_json(const PlanReport& report);
std::string plan_table(const PlanReport& report);

}  // namespace mho::validation
