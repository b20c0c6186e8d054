// Read noise held beside five measured cells.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "devices/read_noise.hpp"
#include "validation/section.hpp"

namespace mho::validation {

// How a series is looked at: 400 Hz, segments of 8192 samples, a straight line over 0.1–20 Hz.
struct NoiseReading {
  double rate = 400.0;            // [Hz]
  size_t segment = 8192;          // samples
  double low = 0.1, high = 20.0;  // [Hz]
};

// What a series says of the noise of its cell.
struct NoiseFigures {
  double conductance;  // [S] mean
  double level;        // [1/Hz] S_G/G² at 1 Hz, of the line
  double slope;        // [1] of the line, ln S against ln f
  double spread;       // [1] standard deviation over mean of the whole record
};
NoiseFigures noise_figures(const std::vector<double>& conductance, const NoiseReading& reading);

// ln level = ln K − p ln(G/g_unit), least squares over cells; σ_ln of what is left, n − 2 in the
// denominator.
struct LevelFit {
  double density, power, sigma_ln;  // [1]
};
LevelFit fit_levels(const std::vector<NoiseFigures>& cells, double g_unit);

// Figures of `count` cells of the model at g [S], read `samples` times; the bandwidth of a read is
// half the rate. Cells first, first + 1, …
std::vector<NoiseFigures> model_figures(const devices::ReadNoiseParams& params, double g,
                                        size_t samples, size_t count, std::uint32_t first,
                                        std::uint64_t seed, int threads,
                                        const NoiseReading& reading = {});

// data_folder: holds relaxation/techA_tsdata.min.tsv.gz; empty: skipped. Nothing here has a limit:
// five cells that differ by a decade do not carry one.
Section validate_read_noise(const std::string& data_folder, std::uint64_t seed, int threads);

}  // namespace mho::validation
