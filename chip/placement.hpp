// Finds a core, rows and columns for each rectangle of weights.
#pragma once
#include <vector>

#include "chip/mapping.hpp"

namespace mho::chip {

// Sets core, positive_rows and first_column of every block. Order of choice for each block, largest first:
//   1. an empty core, the one with the fewest good row pairs that still fit;
//   2. rows that no other block uses, in a core without a block of the same matrix, on columns of their own if possible ("diagonal");
//   3. the same in any core;
//   4. rows shared with others, beside them: such blocks are converted one after another.
// Throws ConfigError when a block finds no place, saying how many and how much is missing.
void place_blocks(std::vector<MappedBlock>& blocks, const ChipConfig& config, const BadRows& bad_rows);

}  // namespace mho::chip
