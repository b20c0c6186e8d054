// Input codes as driver levels of a mapped block.
#pragma once
#include <vector>

#include "chip/mapping.hpp"
#include "solver/fast_core.hpp"

namespace mho::chip {

// levels[k], physical_rows × count: magnitude bit k of columns first … first + count − 1 of `codes`. The row pair of an input gets +b and −b
// with the sign of the code, a pair of a bias row the full-scale code. Sizes `levels` and reuses its storage.
void block_levels(const MatrixSpec& spec, const MappedBlock& block, const InputCodes& codes, Eigen::Index first, Eigen::Index count,
                  std::vector<solver::LevelMatrix>& levels);

}  // namespace mho::chip
