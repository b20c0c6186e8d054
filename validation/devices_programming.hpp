// Programming held against its reference: write–verify by target, and a whole chip within a time.
#pragma once
#include <cstdint>

#include "validation/section.hpp"

namespace mho::validation {

// Write–verify with the d-analog card and the word-line ramp, `cells` cells for each of eight targets, beside an independent
// program's 40 cells per target. Success and mean pulses must be no worse than the reference within its own error bars:
// two standard errors of a mean over 40 cells, and the lower end of the 95 % interval (Clopper, Pearson 1934) of k of 40.
Section validate_write_verify(std::uint64_t seed, int cells, int threads);

// `cells` cells with targets uniform in 1 to 40 µS, same card, policy and spread, the state integrated in every pulse with
// whole_chip_pulses. Limits, for 3.1 million cells: success ≥ 97 %, ≤ 120 s, ≤ 4 GiB; the integration's own error on a sample
// against a tolerance of 1e-10 is printed beside them.
Section validate_whole_chip(std::uint64_t seed, std::size_t cells, int threads);

}  // namespace mho::validation
