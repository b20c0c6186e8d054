// One programmed die: its bad rows, the map that avoids them, and the conductance of every mapped cell after write–verify and relaxation.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "chip/mapping.hpp"
#include "core/cache.hpp"

namespace mho::chip {

struct ProgrammedDie {
  std::uint32_t die = 0;
  BadRows bad_rows;
  Mapping mapping;
  std::vector<Eigen::MatrixXf> programmed;     // per block, physical_rows × outputs [S]: right after the last write of each cell
  std::vector<Eigen::MatrixXf> relaxed;        // [S] at the time of use, after the last pass
  std::vector<Eigen::MatrixXf> one_pass;       // [S] at the time of use, had the first pass been the only one
  devices::ProgrammingSummary summary;
  bool from_cache = false;
};

// Bad rows of a die (BadRowRules). A function of seed, die, core and row.
BadRows draw_bad_rows(const ChipConfig& config, std::uint64_t seed, std::uint32_t die);

// Maps and programs a die, or takes it from `cache`. Device-to-device variations belong to the physical cell. The result depends on config,
// matrices, seed and die alone. Throws ConfigError when the network does not fit the die's good rows.
ProgrammedDie program_die(std::span<const MatrixSpec> matrices, const ChipConfig& config, std::uint64_t seed, std::uint32_t die,
                          int threads, const Cache& cache, bool show_progress = false);

// The same for blocks that somebody else has placed: number, bad rows and mapping of `die` are set, `targets` are the target conductances of its blocks [S], and `key` stands
// for all of it. Fills the rest of `die`.
void program_cells(ProgrammedDie& die, std::span<const Eigen::MatrixXd> targets, const CacheKey& key, const ChipConfig& config, std::uint64_t seed,
                   int threads, const Cache& cache, bool show_progress = false);

// What a programmed die depends on.
CacheKey die_key(std::span<const MatrixSpec> matrices, const ChipConfig& config, std::uint64_t seed, std::uint32_t die);

// Programming beside the chip's figures: success, pulses (chip: 8.52 per cell, Wan et al. 2022), residual, by level.
Json to_json(const ProgrammedDie& die);
// CSV: one line per target level.
std::string programming_table(const ProgrammedDie& die);  // text for a terminal, the chip's figures beside
std::string programming_levels_csv(const devices::ProgrammingSummary& summary);

}  // namespace mho::chip
