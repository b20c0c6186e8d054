// Which cycles a fit sees and which judge it.
#pragma once
#include <string>
#include <vector>

namespace mho::devices {

struct CycleChoice {
  std::vector<size_t> training, held_out;  // positions in the measurement
};

// `numbers`: of the cycles in file order; `choice`, `skip`, `max_training` as in DeviceFitOptions.
// Cycles that the choice names but max_training drops judge nothing. Throws Error when the choice
// cannot be read or names no cycle.
CycleChoice choose_cycles(const std::vector<int>& numbers, const std::string& choice, int skip,
                          int max_training);

}  // namespace mho::devices
